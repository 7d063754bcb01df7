"""Where to look for a head that lies far from how its header says: starts all over the rotations, roughly tried."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.frame import Pose

SPIRAL = 72  # rotations, so that half of all are within 30 degrees of one of them and every one within 57
HEADER = 0.15 / (np.pi / 2)  # a quarter turn from the header counts as much as that share of the vault out of place
TRIED = 8  # of those that look best

Attempt = tuple[float, Pose]  # the share of the vault that is out of place, 0 to 1, and where it was found so


def turned_poses(attempt: Callable[[NDArray], Attempt | None]) -> list[Pose]:
    """Up to TRIED poses, the most promising first. ``attempt`` lays the head roughly onto the model from a rotation
    [3, 3]; None where no head is met.

    The header still has a say: with half a vault missing, what is left also fits elsewhere, though worse.
    """
    attempts = [found for rotation in super_fibonacci(SPIRAL) if (found := attempt(rotation))]
    ranked = sorted(attempts, key=lambda found: found[0] + HEADER * Rotation.from_matrix(found[1].rotation).magnitude())
    return [pose for _, pose in ranked[:TRIED]]


def super_fibonacci(count: int) -> NDArray[np.float64]:
    """``count`` rotations [count, 3, 3] spread evenly over all (Alexa, Super-Fibonacci Spirals, CVPR 2022, algorithm 1)."""
    place = np.arange(count) + 0.5
    short, long = np.sqrt(place / count), np.sqrt(1 - place / count)
    # √2, and the positive root of ψ⁴ = ψ + 4
    one, other = 2 * np.pi * place / np.sqrt(2), 2 * np.pi * place / 1.533751168755204288118041
    quaternions = np.stack(
        [short * np.sin(one), short * np.cos(one), long * np.sin(other), long * np.cos(other)], axis=1
    )
    return Rotation.from_quat(quaternions).as_matrix()

"""The official cases scanned again: turned, in thicker slices, with noise, with the partial volume of dense bone.

Complete skull and implant (bool [X, Y, Z], one geometry) are brought to the new grid in the same way, so the truth is the
missing bone as the rescan shows it, and lies within the complete skull.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cranial_sparse.data.augment.scanner import Pair, blooming, noisy, rotated, sliced
from cranial_sparse.geometry import Volume

ANGLE = 20.0  # degrees


def rescan(name: str, complete: Volume, implant: Volume, seed: int) -> Pair:
    """The rescan ``name``, one of RESCANS, of an official case."""
    if name == "rotated":
        return rotated(complete, implant, oblique(seed))
    if name == "slices_1mm":
        return sliced(complete, implant, 1.0)
    if name == "slices_2mm":
        return sliced(complete, implant, 2.0)
    return noisy(complete, implant, seed) if name == "noise" else blooming(complete, implant)


def oblique(seed: int) -> NDArray[np.float64]:
    """[3, 3] a turn by ANGLE about an axis well off all three."""
    rng = np.random.default_rng(seed)
    axis = rng.choice((-1, 1), 3) * rng.uniform(0.6, 1, 3)
    return Rotation.from_rotvec(np.radians(ANGLE) * axis / np.linalg.norm(axis)).as_matrix()

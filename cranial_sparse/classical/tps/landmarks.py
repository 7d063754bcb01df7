"""Landmarks that a user placed: which of the template's they are, and whether they can be."""

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.classical.tps.template import NAMES, PLACES
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError

FARTHEST = 40.0  # mm from where the mean skull has it: a landmark farther away is in another coordinate system
FEWEST = 4  # anatomical landmarks, placed or seen, that superimpose a template


def canonical_landmarks(landmarks: dict[str, NDArray], pose: Pose) -> dict[str, NDArray[np.float64]]:
    """``landmarks`` by name (LPS mm [3]) in canonical mm, under the template's names; case and underscores do not matter.

    Raises InputError where one is not the template's, is given twice, or lies more than 40 mm from where it should be.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for label, point in landmarks.items():
        name = " ".join(label.lower().replace("_", " ").split())
        if name not in PLACES:
            raise InputError(f"--landmarks: expected names among {', '.join(NAMES)}, got '{label}'; rename it")
        if name in found:
            raise InputError(f"--landmarks: expected '{name}' once, got it twice; leave one out")
        found[name] = pose.to_canonical(np.asarray(point, np.float64))
        away = float(np.linalg.norm(found[name] - PLACES[name]))
        if not away <= FARTHEST:
            raise InputError(
                f"--landmarks: expected '{label}' within {FARTHEST:g} mm of where this skull should have it, got"
                f" {away:.0f} mm; is it the right skull, and the right one of LPS and RAS?"
            )
    return found


def check_enough(points: NDArray, usable: NDArray) -> None:
    """Raises InputError where the ``usable`` [N] of landmarks [N, 3] are fewer than four or lie on a line."""
    chosen = points[usable]
    if len(chosen) < FEWEST or np.linalg.matrix_rank(chosen - chosen.mean(0), 1.0) < 2:
        raise InputError(
            f"--system tps: expected {FEWEST} or more landmarks that are not on a line, got {len(chosen)} on the bone that"
            " is there; place some in a file and give it with --landmarks"
        )

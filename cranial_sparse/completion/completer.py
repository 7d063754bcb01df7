"""The seam between the two halves: anything that proposes where missing bone is."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Plane, Volume


@dataclass(frozen=True, eq=False)
class Field:
    """Occupancy logits of the *complete* skull on a box around what is missing.

    ``logits`` is float32 [X, Y, Z], positive where there should be bone; zero is the surface, so interpolation keeps
    sub-voxel positions. ``geometry`` is a box of the canonical lattice (mm) and ``pose`` says where that is in the
    patient. Outside the box the defective skull stands as it is. ``notes`` are sentences for the user: what was assumed,
    which fallback was taken; ``facts`` are plain values for summary.json, of the completer's own choice. ``plane`` is a plane
    of symmetry, to be drawn. ``spread`` [X, Y, Z] is the standard deviation (mm) of the surface nearest to each voxel,
    where the completer knows.
    """

    logits: torch.Tensor
    geometry: Geometry
    pose: Pose
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    plane: Plane | None = None
    spread: torch.Tensor | None = None


def spread_at(field: Field, points: NDArray) -> NDArray[np.float32]:
    """Standard deviation (mm) [N] of the surface at ``points`` [N, 3] (LPS mm of the patient); the nearest known value beyond
    the field's box. Raises ValueError where the field has none."""
    if field.spread is None:
        raise ValueError("the completer of this field knows no spread")
    index = field.geometry.to_index(field.pose.to_canonical(points))
    return map_coordinates(field.spread.numpy(), index.T, np.float32, order=1, mode="nearest", prefilter=False)


class Completer(Protocol):
    """Defective skull in (a bool Volume on the patient's grid), occupancy field out; None where nothing is missing.

    No defect mask is given. Raises InputError where the scan cannot be used (no vault in view, say).
    """

    def __call__(self, skull: Volume) -> Field | None: ...

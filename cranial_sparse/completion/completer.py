"""The seam between the two halves: anything that proposes where missing bone is."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume


@dataclass(frozen=True, eq=False)
class Field:
    """Occupancy logits of the *complete* skull on a box around what is missing.

    ``logits`` is float32 [X, Y, Z], positive where there should be bone; zero is the surface, so interpolation keeps
    sub-voxel positions. ``geometry`` is a box of the canonical lattice (mm) and ``pose`` says where that is in the
    patient. Outside the box the defective skull stands as it is. ``notes`` are sentences for the user, ``facts`` plain values
    for the summary.
    """

    logits: torch.Tensor
    geometry: Geometry
    pose: Pose
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Completer(Protocol):
    """Defective skull in (a bool Volume on the patient's grid), occupancy field out; None where nothing is missing.

    No defect mask is given. Raises InputError where the scan cannot be used (no vault in view, say).
    """

    def __call__(self, skull: Volume) -> Field | None: ...

"""What completing one skull gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from cranial_sparse.geometry import Plane, Volume


@dataclass(frozen=True, eq=False)
class Completion:
    """The missing bone of one skull, on the patient's own grid.

    ``implant`` is bool [X, Y, Z] and never overlaps the skull; it is empty where the skull has no defect.
    ``seconds`` holds the wall time of each stage in order; ``warnings`` are sentences for the user. ``outside_ml`` is
    bone outside the canonical lattice, such as the face and the neck, which no system looks at or changes.
    ``weights`` are the files in cranial_sparse/assets that the result depends on; ``facts`` are the completer's own,
    ``plane`` the plane of symmetry that it used. ``spread_at`` gives the standard deviation (mm) [N] of the completed surface at
    points [N, 3] (LPS mm), where the completer knows.
    """

    implant: Volume
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    outside_ml: float = 0.0
    weights: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    plane: Plane | None = None
    spread_at: Callable[[NDArray], NDArray] | None = None

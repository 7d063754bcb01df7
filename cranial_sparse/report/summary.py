"""What is written down about one completed case: summary.json, and the numbers of the report page."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cranial_sparse.geometry import Volume
from cranial_sparse.implant.mesh import Mesh

SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where the skull came from: the path as given, what it holds ("mask", "ct", "mesh") and its SHA-256."""

    path: str
    kind: str
    sha256: str


@dataclass(frozen=True)
class ImplantFacts:
    """``extent_mm`` is the box along the patient's left, posterior and superior axes; ``parts`` counts surfaces."""

    empty: bool
    volume_ml: float
    mesh_volume_ml: float
    extent_mm: tuple[float, float, float]
    parts: int
    triangles: int
    watertight: bool


@dataclass(frozen=True)
class Summary:
    """One finished case. ``seconds`` are wall time per stage in order; ``weights`` maps file names to SHA-256.

    ``outside_ml`` of the ``skull_ml`` lie outside the canonical lattice and are as they were. ``facts`` are what the system
    says of its own work.
    """

    case: str
    source: Source
    options: dict[str, str | float]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    skull_ml: float
    outside_ml: float
    implant: ImplantFacts
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    peak_memory_mb: float
    versions: dict[str, str]
    weights: dict[str, str]
    created: str
    facts: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def to_json(self) -> str:
        """Indented JSON; numbers to six digits behind the point."""
        return json.dumps(_rounded(asdict(self)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def volume_ml(volume: Volume) -> float:
    """Volume of the set voxels."""
    return int(np.count_nonzero(volume.array)) * volume.geometry.voxel_volume / 1000


def implant_facts(implant: Volume, mesh: Mesh) -> ImplantFacts:
    """Measure an implant given as a bool volume and as the mesh made from it."""
    if len(mesh.vertices) == 0:
        return ImplantFacts(True, 0.0, 0.0, (0.0, 0.0, 0.0), 0, 0, False)
    x, y, z = (float(v) for v in np.ptp(mesh.vertices, axis=0))
    return ImplantFacts(
        empty=False,
        volume_ml=volume_ml(implant),
        mesh_volume_ml=mesh.volume_ml,
        extent_mm=(x, y, z),
        parts=mesh.components,
        triangles=len(mesh.triangles),
        watertight=mesh.watertight,
    )


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value

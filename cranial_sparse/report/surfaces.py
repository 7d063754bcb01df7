"""Skull and implant as surfaces light enough for a page: a coarse mask, marching cubes, 16-bit vertices."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.geometry import Volume
from cranial_sparse.implant.direction import block_mean
from cranial_sparse.implant.mesh import Mesh, iso_surface, taubin
from cranial_sparse.implant.topology import signed_volume
from cranial_sparse.metrics.boxes import bounding_box
from cranial_sparse.report.maps import ColourMap


@dataclass(frozen=True)
class Layer:
    """A surface packed for JavaScript, little-endian.

    ``vertices`` is base64 of uint16 [V, 3], in mm ``low + step * value``; ``triangles`` base64 of uint32 [T, 3].
    ``maps`` are packed colour maps; ``outward`` is the direction the surface is lifted along, if not from the middle of the head.
    """

    name: str
    low: tuple[float, float, float]
    step: float
    vertices: str
    triangles: str
    maps: tuple[dict[str, str | float], ...] = ()
    outward: tuple[float, float, float] | None = None


def light_surface(volume: Volume, detail: float, limit: int, level: float = 0.5, passes: int = 4) -> Mesh:
    """The surface of a bool volume at about ``detail`` mm, coarser where that makes more than ``limit`` triangles.

    ``level`` is the share of a coarse voxel that must be set; below one half, thin walls close instead of tearing.
    ``passes`` of Taubin smoothing take the terraces of the slices off. Empty for an empty volume.
    """
    box = bounding_box(volume.array)
    if box is None:
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    geometry = volume.geometry
    while True:
        nx, ny, nz = (max(1, round(detail / step)) for step in geometry.spacing)
        factor = np.array([nx, ny, nz])
        field = np.pad(block_mean(volume.array[box], (nx, ny, nz)), 2)
        field = np.asarray(ndimage.gaussian_filter(field, 0.4, truncate=3.0), np.float32)
        index, triangles = iso_surface(field, min(level, float(field.max()) / 2))
        if len(triangles) <= limit:
            break
        detail *= max(1.15, float(np.sqrt(len(triangles) / limit)))
    start = np.array([side.start for side in box])
    points = geometry.to_physical((index - 2) * factor + (factor - 1) / 2 + start)
    points = taubin(points, triangles, passes)
    if signed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    return Mesh(points.astype(np.float32), np.ascontiguousarray(triangles, np.int32))


def pack(
    name: str, mesh: Mesh, maps: Sequence[ColourMap] = (), outward: tuple[float, float, float] | None = None
) -> Layer:
    """Quantise to 16 bits along the longest side: 4 micrometres for a head."""
    if len(mesh.vertices) == 0:
        return Layer(name, (0.0, 0.0, 0.0), 1.0, "", "")
    low = mesh.vertices.min(axis=0).astype(np.float64)
    step = float((mesh.vertices - low).max()) / 65535 or 1.0
    values = np.rint((mesh.vertices - low) / step).astype("<u2")
    corner = (float(low[0]), float(low[1]), float(low[2]))
    triangles = _text(mesh.triangles.astype("<u4"))
    return Layer(name, corner, step, _text(values), triangles, tuple(m.packed() for m in maps), outward)


def _text(array: NDArray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")

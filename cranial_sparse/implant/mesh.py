"""An implant volume as a closed triangle surface in patient space, ready to print."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from cranial_sparse.geometry import Volume
from cranial_sparse.implant.topology import component_count, directed_edges, is_watertight, signed_volume
from cranial_sparse.metrics.boxes import bounding_box

BLUR = 0.7  # voxels: rounds the voxel corners, leaves a wall one voxel thin standing
PASSES = 10  # of Taubin smoothing: takes the terraces off, moves the surface by about a fifth of a voxel


@dataclass(frozen=True, eq=False)
class Mesh:
    """``vertices`` float32 [V, 3] in LPS mm; ``triangles`` int32 [T, 3], counter-clockwise seen from outside."""

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]

    @cached_property
    def watertight(self) -> bool:
        """Closed, with consistent orientation, two triangles at each edge."""
        return is_watertight(self.triangles)

    @cached_property
    def volume_ml(self) -> float:
        """Enclosed volume."""
        return signed_volume(self.vertices, self.triangles) / 1000

    @cached_property
    def components(self) -> int:
        """Number of connected surfaces; a cavity counts as one of its own."""
        return component_count(len(self.vertices), self.triangles)


def implant_mesh(implant: Volume, blur: float = BLUR, passes: int = PASSES) -> Mesh:
    """The surface of a bool volume [X, Y, Z], watertight and deterministic; empty for an empty volume.

    The mask is blurred by a Gaussian of ``blur`` voxels and cut at one half by marching cubes, closed at the array's
    borders, carried to LPS mm with the grid's own matrix (oblique, sheared and left-handed grids included), then
    smoothed by ``passes`` of ``taubin``. A speck too small to survive the blur is left out unless it is all there is.

    Raises ValueError where the surface does not close, which no mask is known to cause.
    """
    mask = np.asarray(implant.array, bool)
    box = bounding_box(mask)
    if box is None:
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    pad = int(np.ceil(3 * blur)) + 1
    field = np.pad(mask[box], pad).astype(np.float32)
    field = np.asarray(ndimage.gaussian_filter(field, blur, truncate=3.0), np.float32)
    start = np.array([side.start - pad for side in box], np.float64)
    index, triangles = iso_surface(field, min(0.5, float(field.max()) / 2))
    points = implant.geometry.to_physical(index + start)
    points = taubin(points, triangles, passes)
    if signed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    mesh = Mesh(points.astype(np.float32), np.ascontiguousarray(triangles, np.int32))
    if not mesh.watertight:
        raise ValueError("implant surface does not close: some edge is not shared by exactly two triangles")
    return mesh


def iso_surface(field: NDArray[np.float32], level: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Marching cubes (Lewiner et al. 2003): vertices [V, 3] in voxel indices and triangles [T, 3].

    Which way the triangles turn is left open: it depends on the handedness of the grid.
    """
    from skimage.measure import marching_cubes

    vertices, triangles, _, _ = marching_cubes(field, level)
    return vertices.astype(np.float64), triangles.astype(np.int32)


def taubin(
    points: NDArray[np.float64],
    triangles: NDArray[np.integer],
    passes: int,
    shrink: float = 0.5,
    inflate: float = -0.53,
) -> NDArray[np.float64]:
    """Smooth vertices [V, 3] without shrinking them: Taubin's λ|μ filter (SIGGRAPH 1995), uniform weights."""
    if passes == 0:
        return points
    edges = directed_edges(triangles)
    ones = np.ones(len(edges), np.float64)
    neighbours = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(len(points), len(points))).tocsr()
    weight = 1 / np.maximum(neighbours.sum(axis=1), 1)  # [V] closed: each edge is walked once each way
    for _ in range(passes):
        for factor in (shrink, inflate):
            points = points + factor * (np.asarray(weight).reshape(-1, 1) * (neighbours @ points) - points)
    return points

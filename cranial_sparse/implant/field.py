"""Signed distance fields on a lattice whose last axis is the insertion direction.

Values are mm, negative inside, exact within a band around the surface and cut off at the band's half-width beyond it:
marching cubes asks for no more. Solids are joined by the minimum, cut by the maximum.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.direction import frame
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.surface import lattice_around

Field = NDArray[np.float32]


def lattice_along(points: NDArray, outward: NDArray, voxel: float, margin: float) -> Geometry:
    """Cubes of ``voxel`` mm around ``points`` [N, 3] and ``margin`` mm more, the last axis along ``outward``."""
    return lattice_around(points, np.column_stack([*frame(outward), outward]), voxel, margin)


def distance_field(
    mesh: Mesh, scene: Scene, lattice: Geometry, width: int, where: NDArray[np.bool_] | None = None
) -> Field:
    """Signed distance [X, Y, Z] to a closed mesh in a band ``width`` voxels to either side, of ``where`` alone.

    Voxels beyond are as far as the band is wide, with the sign of the last asked one above them, so that a solid that leaves
    the lattice below is whole; above everything is outside.
    """
    reach = np.float32((width + 1) * lattice.spacing[0])
    band = near_surface(mesh, lattice, width)
    if where is not None:
        band = band & where
    field = np.full(lattice.shape, np.nan, np.float32)
    field[band] = np.clip(scene.signed_distance(lattice.to_physical(np.argwhere(band))), -reach, reach)
    return filled_from_above(field, reach)


def filled_from_above(field: Field, reach: np.float32) -> Field:
    """NaN become ±``reach``, in place, with the sign of the nearest number above along the last axis, + where there is none."""
    beyond = np.full(field.shape[:2], reach, np.float32)
    for z in range(field.shape[2] - 1, -1, -1):
        plane = field[:, :, z]
        known = ~np.isnan(plane)
        beyond = np.where(known, np.copysign(reach, plane), beyond)
        plane[~known] = beyond[~known]
    return field


def near_surface(mesh: Mesh, lattice: Geometry, width: int) -> NDArray[np.bool_]:
    """Voxels within ``width`` (along every axis) of a triangle, whose sides may be up to three voxels long."""
    corners = lattice.to_index(mesh.vertices).astype(np.float32)
    shape = np.array(lattice.shape)
    inside = np.asarray(((corners > -2) & (corners < shape + 1)).all(axis=1))
    triangles = mesh.triangles[inside[mesh.triangles].any(axis=1)]
    a, b, c = (corners[triangles[:, k]] for k in range(3))
    hit = np.zeros(lattice.shape, np.uint8)
    for u, v in np.ndindex(4, 4):
        if u + v <= 3:
            at = np.rint(a + (b - a) * np.float32(u / 3) + (c - a) * np.float32(v / 3)).astype(np.int32)
            at = at[((at >= 0) & (at < shape)).all(axis=1)]
            hit[at[:, 0], at[:, 1], at[:, 2]] = 1
    return np.asarray(ndimage.maximum_filter(hit, 2 * width + 1, mode="constant")).view(bool)


def swept(field: Field) -> Field:
    """The smallest value at or above each voxel: what a solid leaves behind that is moved down along the last axis.

    A point can leave upward without coming nearer to the surface than this (for bone's signed distance).
    """
    return np.ascontiguousarray(np.minimum.accumulate(field[:, :, ::-1], axis=2)[:, :, ::-1])


def common(one: Field, other: Field, rounding: float) -> Field:
    """What is inside both, the edge between them rounded over ``rounding`` mm: a sharp one would follow the lattice's steps.

    The polynomial smooth maximum: at the edge a quarter of ``rounding`` goes, ``rounding`` away from it nothing.
    """
    near = np.maximum(rounding - np.abs(one - other), 0)
    return np.maximum(one, other) + near * near / np.float32(4 * rounding)


def volume_ml(field: Field, voxel: float) -> float:
    """Volume inside, the voxels that the surface crosses in part."""
    return float(np.clip(0.5 - field / voxel, 0, 1).sum(dtype=np.float64)) * voxel**3 / 1000


def flat_distance(mask: NDArray[np.bool_], voxel: float, limit: float) -> Field:
    """Signed distance [X, Y] in mm to the edge of a flat ``mask``, negative inside, smoothed by a pixel, up to ``limit``."""
    if not mask.any():
        return np.full(mask.shape, limit, np.float32)
    out = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    out = (out - 0.5 * np.sign(out)) * voxel
    return np.asarray(np.clip(ndimage.gaussian_filter(out, 1.0), -limit, limit), np.float32)

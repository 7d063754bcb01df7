"""Tells the inner table from the wall of a cut, which a ray may meet instead where the cut is oblique.

At a table bone lies straight outward; at a wall it lies to the side. So the direction to the middle of the bone in a
small ball around what the ray met is compared with the normal of the vault there.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM, Rays, directions
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Volume

BALL, BALL_STEP = 2.0, 2.0 / 3  # mm: larger ones reach through thin bone, smaller ones see single voxels
REACH = 8.0  # mm from the hole: hardly any cut takes the inner table farther away


def without_walls(skull: Volume, pose: Pose, rays: Rays, hole: NDArray, expected: NDArray, upright: float) -> Rays:
    """``rays`` [P, P] without the inner radii (NaN) that belong to the wall of the cut around the ``hole`` [P, P].

    ``upright`` is the least cosine between the direction to the bone around such a point and the normal of the
    ``expected`` outer table [P, P] (mm).
    """
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    doubtful = (beyond > 0) & (beyond <= REACH) & np.isfinite(rays.inner) & directions()[1]
    points = directions()[0][doubtful] * rays.inner[doubtful, None]
    cosine = (towards_bone(skull, pose, points) * table_normals(expected)[doubtful]).sum(1)
    inner = rays.inner.copy()
    inner[doubtful] = np.where(cosine > upright, inner[doubtful], np.nan)
    return replace(rays, inner=inner)


def towards_bone(skull: Volume, pose: Pose, points: NDArray) -> NDArray[np.float64]:
    """Unit directions [N, 3] from canonical ``points`` [N, 3] (mm) to the centroid of the bone within 2 mm of each.

    Zero where there is none, or as much on all sides.
    """
    line = np.arange(-BALL, BALL + BALL_STEP / 2, BALL_STEP)
    offsets = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    offsets = offsets[np.linalg.norm(offsets, axis=1) <= BALL]
    index = np.rint(skull.geometry.to_index(pose.to_patient(points[:, None] + offsets))).astype(np.intp)  # [N, M, 3]
    seen = ((index >= 0) & (index < skull.array.shape)).all(-1)
    index[~seen] = 0
    bone = skull.array[index[..., 0], index[..., 1], index[..., 2]] & seen
    middle = bone.astype(np.float64) @ offsets
    return middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-6)


def table_normals(radius: NDArray) -> NDArray[np.float64]:
    """Outward unit normals [P, P, 3] of the surface at ``radius`` [P, P] (mm) along every pixel's direction."""
    places = directions()[0] * radius[..., None]
    normals = np.cross(np.gradient(places, axis=0), np.gradient(places, axis=1))
    normals *= np.sign((normals * directions()[0]).sum(-1, keepdims=True))
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)

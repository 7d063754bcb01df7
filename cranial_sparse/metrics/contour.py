"""SdH: how far apart the outer contours of two implants are, in mm, the rim left out (Kesornsri et al., IEEE Access 2024).

Masks are bool [X, Y, Z] on one grid.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cranial_sparse.metrics.boxes import bounding_box, diagonal, joint_box

Mask = NDArray[np.bool_]


def outer_contour(implant: Mask, defective: Mask) -> NDArray[np.intp]:
    """Indices [N, 3] of the voxels of ``implant`` that are outermost on a grid line, without repetition.

    On every line along x, y and z the first implant voxel counts where no voxel of the ``defective`` skull comes before
    it on the line, and the last one where none comes after it; both where the line meets no skull at all. That is our
    reading of "first and last implant voxel outside all skull voxels". Lines are looked at over their whole length.
    """
    box = bounding_box(implant)
    if box is None:
        return np.zeros((0, 3), np.intp)
    kept = np.zeros_like(implant[box])
    for axis in range(3):
        side = box[axis]
        inside = np.moveaxis(implant[box], axis, 0)
        line = np.moveaxis(defective[tuple(slice(None) if a == axis else box[a] for a in range(3))], axis, 0)
        for step in (1, -1):  # from the first voxel on, then from the last one back
            start = side.start if step == 1 else line.shape[0] - side.stop
            ahead = line[::step][start : start + inside.shape[0]]
            before = np.logical_or.accumulate(ahead, axis=0) | line[::step][:start].any(axis=0)
            filled = np.logical_or.accumulate(inside[::step], axis=0)
            first = filled.copy()
            first[1:] &= ~filled[:-1]
            np.moveaxis(kept, axis, 0)[::step] |= first & ~before
    return np.argwhere(kept) + [side.start for side in box]


def sdh(prediction: Mask, truth: Mask, defective: Mask, spacing: tuple[float, float, float]) -> float:
    """Symmetric Hausdorff distance of the two outer contours, mm, between voxel centres ``spacing`` mm apart.

    Two empty masks: 0. Exactly one: the diagonal of the joint box, which is also taken where one of two filled masks
    has no outer contour (all of it lies between voxels of the skull); 0 where neither has one.
    """
    box = joint_box(prediction, truth)
    if box is None:
        return 0.0
    p, g = (outer_contour(mask, defective) * np.asarray(spacing) for mask in (prediction, truth))
    if len(p) and len(g):
        return float(max(KDTree(g).query(p)[0].max(), KDTree(p).query(g)[0].max()))
    nothing_to_compare = len(p) == len(g) and prediction.any() and truth.any()
    return 0.0 if nothing_to_compare else diagonal(box, spacing)

"""How far apart the surfaces of two implants are: HD95, HD, ASD in mm, and NSD, the share that is close.

Masks are bool [X, Y, Z] on one grid. Distances are Euclidean between the centres of surface voxels, measured along the
array's axes with the file's spacing: exact for any rotated or flipped grid, and for a sheared one (gantry tilt kept
in the direction matrix) the convention of the field, which ignores the shear.

The two directed distance sets, prediction to truth and truth to prediction, are *pooled* before the percentile, the
maximum or the mean is taken; some libraries take the larger of the two percentiles instead.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cranial_sparse.metrics.boxes import bounding_box, diagonal, joint_box

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]


def surface_voxels(mask: Mask) -> NDArray[np.intp]:
    """Indices [N, 3] of set voxels with an empty 6-neighbour; outside the array counts as empty."""
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 3), np.intp)
    solid = np.pad(mask[box], 1)
    inside = solid[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for start in (0, 2):
            window = [slice(1, -1)] * 3
            window[axis] = slice(start, start + inside.shape[axis])
            inside &= solid[tuple(window)]
    return np.argwhere(mask[box] & ~inside) + [side.start for side in box]


def pooled_surface_distances(prediction: Mask, truth: Mask, spacing: Triple) -> NDArray[np.float64]:
    """Distances [N + M] in mm from each surface voxel of one mask to the nearest of the other, both ways.

    Where exactly one mask is empty: the diagonal of the joint box, once. Where both are: a single zero.
    """
    box = joint_box(prediction, truth)
    if box is None:
        return np.zeros(1)
    p, g = (surface_voxels(mask) * np.asarray(spacing) for mask in (prediction, truth))
    if len(p) == 0 or len(g) == 0:
        return np.array([diagonal(box, spacing)])
    return np.concatenate([KDTree(g).query(p)[0], KDTree(p).query(g)[0]])


def hd95(prediction: Mask, truth: Mask, spacing: Triple) -> float:
    """95th percentile (linear interpolation) of the pooled surface distances, mm."""
    return float(np.percentile(pooled_surface_distances(prediction, truth, spacing), 95))


def hd(prediction: Mask, truth: Mask, spacing: Triple) -> float:
    """Hausdorff distance: the largest pooled surface distance, mm."""
    return float(pooled_surface_distances(prediction, truth, spacing).max())


def asd(prediction: Mask, truth: Mask, spacing: Triple) -> float:
    """Average symmetric surface distance: the mean of the pooled surface distances, mm."""
    return float(pooled_surface_distances(prediction, truth, spacing).mean())


def nsd(prediction: Mask, truth: Mask, spacing: Triple, within: float = 1.0) -> float:
    """Normalised surface distance (surface Dice): share in [0, 1] of both surfaces at most ``within`` mm from the other.

    Nikolov et al. (JMIR 2021), counted in surface voxels rather than areas. Two empty masks: 1; exactly one: 0.
    """
    if not prediction.any() or not truth.any():
        return float(prediction.any() == truth.any())
    return share_within(pooled_surface_distances(prediction, truth, spacing), within)


def share_within(distances: NDArray[np.float64], within: float) -> float:
    """Share of ``distances`` up to ``within``."""
    return float(np.count_nonzero(distances <= within) / len(distances))

"""Coverage and intrusion: is the hole closed, and does material stand where none belongs?

Both are shares of voxels with a tolerance, as recall and precision are for reconstructed surfaces (Knapitsch et al., ACM
TOG 2017), here over volumes; fitting studies count the share of an implant within a tolerance of its plan likewise
(J Clin Med 2022, 11, 2045, 39 implants). That they are taken over voxels, and at 2 mm, is ours.
Masks are bool [X, Y, Z] on one grid; distances are Euclidean between voxel centres ``spacing`` mm apart.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cranial_sparse.metrics.boxes import joint_box
from cranial_sparse.metrics.distance import surface_voxels

Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]


def coverage(prediction: Mask, truth: Mask, spacing: Triple, within: float = 2.0) -> float:
    """Share in [0, 1] of the true implant's voxels that are at most ``within`` mm from the prediction: 1 is best.

    Two empty masks: 1; exactly one: 0.
    """
    return share_near(truth, prediction, spacing, within)


def intrusion(prediction: Mask, truth: Mask, spacing: Triple, within: float = 2.0) -> float:
    """Share in [0, 1] of the prediction's voxels that are more than ``within`` mm from the true implant: 0 is best.

    Two empty masks: 0; exactly one: 1, so that predicting nothing is not rewarded.
    """
    return 1 - share_near(prediction, truth, spacing, within)


def share_near(mask: Mask, other: Mask, spacing: Triple, within: float) -> float:
    """Share of the voxels of ``mask`` within ``within`` mm of a voxel of ``other``; 1 of two empty masks, 0 of one.

    The voxel of ``other`` that is nearest to one outside is on its surface, so that only that is searched.
    """
    box = joint_box(mask, other)
    if box is None or not mask.any() or not other.any():
        return float(box is None)
    outside = np.argwhere(mask[box] & ~other[box]) * np.asarray(spacing)
    if len(outside) == 0:
        return 1.0
    nearest, _ = KDTree(surface_voxels(other[box]) * np.asarray(spacing)).query(outside)
    return 1 - int(np.count_nonzero(nearest > within)) / int(np.count_nonzero(mask))

"""How much two implants share: DSC (also called SDI), and DSC at the border (bDSC).

Masks are bool [X, Y, Z] on one grid. Two empty masks agree (1.0): a skull without a defect, and nothing predicted.
One empty mask against a filled one scores 0.0, also where none of the filled one is near the border.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.metrics.boxes import grow, joint_box

Mask = NDArray[np.bool_]


def dsc(prediction: Mask, truth: Mask) -> float:
    """Dice similarity coefficient 2·|P∩G| / (|P| + |G|), in [0, 1]."""
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(truth))
    return 2 * int(np.count_nonzero(prediction & truth)) / total if total else 1.0


def sdi(prediction: Mask, truth: Mask) -> float:
    """Sørensen–Dice index in [0, 1], as Wu et al. (Frontiers in Bioengineering 2023) call it: the DSC."""
    return dsc(prediction, truth)


def bdsc(
    prediction: Mask, truth: Mask, defective: Mask, spacing: tuple[float, float, float], within: float = 10.0
) -> float:
    """Border DSC: DSC of both masks restricted to voxels at most ``within`` from the ``defective`` skull.

    Distances are Euclidean between voxel centres, along the array's axes with ``spacing`` in mm. Give a spacing of
    (1, 1, 1) to measure in voxels, as some papers do. Voxels farther away than ``within`` in any one axis cannot
    matter, so only the joint box and that margin are looked at; the result is the same.
    """
    if not prediction.any() or not truth.any():
        return dsc(prediction, truth)
    box = joint_box(prediction, truth)
    assert box is not None  # both have voxels
    x, y, z = (int(np.ceil(within / step)) for step in spacing)
    box = grow(box, (x, y, z), prediction.shape)
    skull = defective[box]
    if not skull.any():
        return 1.0  # no border near either: nothing to disagree on
    near = np.asarray(ndimage.distance_transform_edt(~skull, sampling=spacing)) <= within
    return dsc(prediction[box] & near, truth[box] & near)

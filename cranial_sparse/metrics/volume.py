"""How much of an implant there is: volumetric error, volume ratio, component count.

Masks are bool [X, Y, Z] on one grid; the size of a voxel cancels out.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.metrics.boxes import bounding_box

Mask = NDArray[np.bool_]


def volumetric_error(prediction: Mask, truth: Mask) -> float:
    """|P xor G| / |G|, no unit: 0 is perfect, an empty prediction 1, one that is elsewhere more.

    The definition is ours; Wu et al. (Scientific Reports 2022) report a figure of that name. Where the truth is empty:
    0 for an empty prediction, otherwise 1, all of it being wrong.
    """
    wrong, true = int(np.count_nonzero(prediction ^ truth)), int(np.count_nonzero(truth))
    return wrong / true if true else float(wrong > 0)


def volume_ratio(prediction: Mask, truth: Mask) -> float:
    """|P| / |G|, no unit: 1 is the right amount of material, more is too much. Ours.

    0 for an empty prediction, and for any where the truth is empty; two empty masks agree (1).
    """
    predicted, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    return predicted / true if true else float(predicted == 0)


def component_count(mask: Mask) -> int:
    """Number of parts that share no voxel face (6-neighbourhood): what would fall apart in print. 0 for an empty mask."""
    box = bounding_box(mask)
    if box is None:
        return 0
    _, count = ndimage.label(mask[box])  # type: ignore[misc]
    return int(count)

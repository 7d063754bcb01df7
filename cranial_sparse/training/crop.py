"""Where the finest level is trained: most of a step's cost, and much alike all along a rim."""

import numpy as np
import torch
from torch import Tensor

from cranial_sparse.networks.cascade import CascadeInputs


def random_box(inputs: CascadeInputs, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Low and high corner, int64 [3] in voxels of 0.9 mm, of a cube of ``side`` around a random voxel of missing bone.

    Around one of the defective skull where nothing is missing. Raises ValueError where there is no bone at all.
    """
    missing = inputs.skull if inputs.complete is None else inputs.complete > inputs.skull
    candidates = torch.nonzero(missing)  # [M, 3]
    if len(candidates) == 0:
        candidates = torch.nonzero(inputs.skull)
    if len(candidates) == 0:
        raise ValueError("the case has no bone")
    centre = candidates[int(np.random.default_rng(seed).integers(len(candidates)))].cpu() // 2
    low = centre - side // 2
    return low, low + side

"""Where the finest level is trained: most of a step's cost, and much alike all along a rim."""

import numpy as np
import torch
from torch import Tensor

from cranial_sparse.networks.cascade import CascadeInputs
from cranial_sparse.training.losses import share


def random_box(inputs: CascadeInputs, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Low and high corner, int64 [3] in voxels of 0.9 mm, of a cube of ``side`` around a random voxel of missing bone.

    Around one of the defective skull where nothing is missing. Raises ValueError where there is no bone at all.
    """
    skull = share(inputs.skull, 2)
    missing = torch.zeros_like(skull) if inputs.complete is None else share(inputs.complete, 2) - skull
    candidates = torch.nonzero(missing > 0.5)  # [M, 3]
    if len(candidates) == 0:
        candidates = torch.nonzero(skull > 0.5)
    if len(candidates) == 0:
        raise ValueError("the case has no bone")
    centre = candidates[int(np.random.default_rng(seed).integers(len(candidates)))].cpu()
    low = centre - side // 2
    return low, low + side

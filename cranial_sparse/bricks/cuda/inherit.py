"""Features of parents, gathered as their children are made."""

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import warps


def inherit(
    features: Tensor,
    fine_coords: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_coords: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
) -> Tensor:
    features = features.contiguous()
    out = torch.empty((rows, features.shape[1]), dtype=features.dtype, device=features.device)
    size = features.shape[1] * features.element_size()  # bytes of a row, moved in the largest pieces that divide it
    piece = next(piece for piece in (16, 4, 2, 1) if size % piece == 0 and features.data_ptr() % piece == 0)
    fine = fine_coords, fine_masks, fine_offsets, len(fine_coords)
    coarse = coarse_coords, coarse_masks, coarse_offsets, len(coarse_coords)
    launch.run(f"inherit_{piece}", warps(len(fine_coords)), 256, *fine, *coarse, features, size // piece, out)
    return out

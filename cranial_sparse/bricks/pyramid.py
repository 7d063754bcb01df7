"""Coarser and finer grids."""

import torch
from torch import Tensor

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.checks import check_rows, check_tensor
from cranial_sparse.bricks.grid import BrickGrid


def coarsen(grid: BrickGrid) -> BrickGrid:
    """Half the resolution: a voxel is set where any of its eight children is. Child (x, y, z) has the parent
    (x >> 1, y >> 1, z >> 1)."""
    return BrickGrid(*ops.coarsen(*grid.arrays))


def refine(grid: BrickGrid, children: Tensor) -> BrickGrid:
    """Twice the resolution: bit 4 * dx + 2 * dy + dz of ``children``, uint8 ``[N]``, keeps that child.
    Raises ValueError where a kept child would lie beyond ±2¹⁸ voxels."""
    check_tensor("children", children, torch.uint8, grid.num_voxels)
    return BrickGrid(*ops.refine(*grid.arrays, children))


def upsample(grid: BrickGrid, logits: Tensor, threshold: float = 0.0) -> BrickGrid:
    """Occupancy upsampling: twice the resolution, keeping the children whose logit lies above the threshold.

    ``logits [N, 8]``, x slowest, are float32 or float64, on a GPU float16 or bfloat16 too. Children that are not kept
    never get a row. Raises ValueError as refine.
    """
    _check_logits(grid, logits)
    return BrickGrid(*ops.upsample(*grid.arrays, logits.detach(), threshold))


def upsample_with_coordinates(grid: BrickGrid, logits: Tensor, threshold: float = 0.0) -> tuple[BrickGrid, Tensor]:
    """As upsample, and the coordinates of the children kept, int32 ``[N, 4]`` as of ``coordinates``. On a GPU the same kernel
    lists them, into room for all eight of every voxel, which the list keeps where it fills half of it. Raises ValueError as
    upsample."""
    _check_logits(grid, logits)
    *arrays, voxels = ops.upsample_listed(*grid.arrays, logits.detach(), threshold)
    return BrickGrid(*arrays), voxels


def _check_logits(grid: BrickGrid, logits: Tensor) -> None:
    if logits.shape != (grid.num_voxels, 8):
        raise ValueError(f"logits: expected [{grid.num_voxels}, 8], got {tuple(logits.shape)}")


def subdivide(grid: BrickGrid) -> BrickGrid:
    """Twice the resolution, with all eight children of every voxel. Raises ValueError as refine."""
    return refine(grid, torch.full((grid.num_voxels,), 255, dtype=torch.uint8, device=grid.device))


def parents(fine: BrickGrid, coarse: BrickGrid) -> tuple[Tensor, Tensor]:
    """Row of each fine voxel's parent in the coarse grid, int64 ``[N]``, -1 where it has none, and which child it is,
    4 * dx + 2 * dy + dz, uint8 ``[N]``."""
    return ops.parents(*fine.arrays, *coarse.arrays, fine.num_voxels)


def inherit(features: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    """The features of each fine voxel's parent, ``[N_coarse, C]`` → ``[N_fine, C]``, zeros where it has none: as
    ``features[parents(fine, coarse)[0]]`` without the list. Differentiable. Raises ValueError where rows do not fit."""
    check_rows("features", len(features), coarse.num_voxels)
    return ops.inherit(features, *fine.arrays, *coarse.arrays, fine.num_voxels)

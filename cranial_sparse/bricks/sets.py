"""Grids as sets of voxels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.checks import check_tensor, point
from cranial_sparse.bricks.grid import BrickGrid


def union(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    return BrickGrid(*ops.combine(*a.arrays, *b.arrays, "union"))


def intersection(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    return BrickGrid(*ops.combine(*a.arrays, *b.arrays, "intersection"))


def difference(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    """The voxels of ``a`` that are not in ``b``."""
    return BrickGrid(*ops.combine(*a.arrays, *b.arrays, "difference"))


def prune(grid: BrickGrid, keep: Tensor) -> BrickGrid:
    """The voxels whose row is set in ``keep``, bool ``[N]``; their features are ``features[keep]``."""
    check_tensor("keep", keep, torch.bool, grid.num_voxels)
    return BrickGrid(*ops.prune(*grid.arrays, keep))


def crop(grid: BrickGrid, low: Sequence[int], high: Sequence[int]) -> BrickGrid:
    """The voxels in the box [low, high) of every batch item; coordinates stay as they are."""
    return BrickGrid(*ops.crop(*grid.arrays, point("low", low), point("high", high)))

"""Grids from volumes and coordinate lists, and back."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.checks import check_tensor, point
from cranial_sparse.bricks.grid import BrickGrid

Point = Sequence[int]


def from_dense(volume: Tensor, origin: Point = (0, 0, 0)) -> BrickGrid:
    """Grid of the set voxels of a volume, bool ``[X, Y, Z]`` or ``[batch, X, Y, Z]``, whose first voxel lies at
    ``origin``. Raises ValueError where the volume reaches out of what grids can hold, ±2¹⁸ voxels."""
    if volume.dtype != torch.bool or volume.dim() not in (3, 4):
        raise ValueError(f"volume: expected bool [X, Y, Z] or [batch, X, Y, Z], got {volume.dtype} {volume.shape}")
    return BrickGrid(*ops.from_dense(volume if volume.dim() == 4 else volume[None], point("origin", origin)))


def to_dense(grid: BrickGrid, shape: Sequence[int], origin: Point = (0, 0, 0)) -> Tensor:
    """Bool volume of the given shape, ``[X, Y, Z]`` or ``[batch, X, Y, Z]``, whose first voxel lies at ``origin``.
    Voxels outside are left out."""
    if len(shape) not in (3, 4):
        raise ValueError(f"shape: expected 3 or 4 sizes, got {tuple(shape)}")
    size = list(shape) if len(shape) == 4 else [1, *shape]
    return ops.to_dense(*grid.arrays, size, point("origin", origin)).reshape(tuple(shape))


def from_coordinates(voxels: Tensor) -> BrickGrid:
    """Grid of voxels (batch, x, y, z), int32 ``[N, 4]`` in any order; repeats count once. Raises ValueError where
    batch is outside [0, 2¹⁵) or a coordinate outside [-2¹⁸, 2¹⁸)."""
    check_tensor("voxels", voxels, torch.int32, "N", 4)
    return BrickGrid(*ops.from_coordinates(voxels))


def coordinates(grid: BrickGrid) -> Tensor:
    """(batch, x, y, z) of each voxel, in row order: int32 ``[N, 4]``."""
    return ops.coordinates(*grid.arrays, grid.num_voxels)


def lookup(grid: BrickGrid, voxels: Tensor) -> Tensor:
    """Row of each voxel (batch, x, y, z), int32 ``[M, 4]``, or -1 where the grid is empty: int64 ``[M]``. Any
    coordinates may be asked for."""
    check_tensor("voxels", voxels, torch.int32, "M", 4)
    return ops.lookup(*grid.arrays, voxels)

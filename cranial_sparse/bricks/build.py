"""Grids from volumes and coordinate lists, and back."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.grid import VOXEL_LIMIT, BrickGrid

Point = Sequence[int]


def from_dense(volume: Tensor, origin: Point = (0, 0, 0)) -> BrickGrid:
    """Grid of the set voxels of a volume, bool ``[X, Y, Z]`` or ``[batch, X, Y, Z]``, whose first voxel lies at
    ``origin``."""
    if volume.dtype != torch.bool or volume.dim() not in (3, 4):
        raise ValueError(f"volume: expected bool [X, Y, Z] or [batch, X, Y, Z], got {volume.dtype} {volume.shape}")
    return BrickGrid(*ops.from_dense(volume if volume.dim() == 4 else volume[None], _point(origin)))


def to_dense(grid: BrickGrid, shape: Sequence[int], origin: Point = (0, 0, 0)) -> Tensor:
    """Bool volume of the given shape, ``[X, Y, Z]`` or ``[batch, X, Y, Z]``, whose first voxel lies at ``origin``.
    Voxels outside are left out."""
    if len(shape) not in (3, 4):
        raise ValueError(f"shape: expected 3 or 4 sizes, got {tuple(shape)}")
    size = list(shape) if len(shape) == 4 else [1, *shape]
    return ops.to_dense(*grid.arrays, size, _point(origin)).reshape(tuple(shape))


def from_coordinates(voxels: Tensor) -> BrickGrid:
    """Grid of voxels (batch, x, y, z), int32 ``[N, 4]`` in any order; repeats count once."""
    if voxels.dtype != torch.int32 or voxels.dim() != 2 or voxels.shape[1] != 4:
        raise ValueError(f"voxels: expected int32 [N, 4], got {voxels.dtype} {tuple(voxels.shape)}")
    if len(voxels):
        low, high = voxels.aminmax(dim=0)
        limit = VOXEL_LIMIT
        if low[0] < 0 or high[0] >= 1 << 15 or low[1:].min() < -limit or high[1:].max() >= limit:
            raise ValueError(
                f"voxels: expected batch in [0, 32768) and coordinates in [{-limit}, {limit}), "
                f"got {low.tolist()} to {high.tolist()}"
            )
    return BrickGrid(*ops.from_coordinates(voxels))


def coordinates(grid: BrickGrid) -> Tensor:
    """(batch, x, y, z) of each voxel, in row order: int32 ``[N, 4]``."""
    return ops.coordinates(*grid.arrays, grid.num_voxels)


def lookup(grid: BrickGrid, voxels: Tensor) -> Tensor:
    """Row of each voxel (batch, x, y, z), int32 ``[M, 4]``, or -1 where the grid is empty: int64 ``[M]``."""
    return ops.lookup(*grid.arrays, voxels)


def _point(origin: Point) -> list[int]:
    return [int(value) for value in origin]

"""Backend in plain PyTorch, on any device and differentiable as it stands: the oracle of the tests. Neighbours and
parents are found by it too, without the kernels that it is to check.
"""

import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid
from cranial_sparse.bricks.reference import coordinates, lookup, parents
from cranial_sparse.sparse_conv.operands import check_channels, check_children, kernel_size, output_channels


def pick(features: Tensor, rows: Tensor) -> Tensor:
    """Rows of features, zero where the row is -1."""
    return torch.cat([features, features.new_zeros(1, features.shape[1])])[rows]


def kernel_offsets(size: int) -> list[tuple[int, int, int]]:
    """Offsets of a k³ kernel in the order of its weights: x slowest, z fastest."""
    reach = size // 2
    axis = range(-reach, reach + 1)
    return [(x, y, z) for x in axis for y in axis for z in axis]


def _neighbours(grid: BrickGrid, steps: int) -> list[Tensor]:
    """Row of each voxel's neighbour at every kernel offset, -1 where there is none."""
    voxels = coordinates(grid)
    return [lookup(grid, voxels + voxels.new_tensor((0, *step))) for step in kernel_offsets(kernel_size(steps))]


def submanifold_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    out = features.new_zeros(features.shape[0], output_channels(features, weight))
    for rows, matrix in zip(_neighbours(grid, len(weight)), weight, strict=True):
        out = out + pick(features, rows) @ matrix
    return out


def depthwise_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    check_channels(features, weight)
    out = torch.zeros_like(features)
    for rows, scale in zip(_neighbours(grid, len(weight)), weight, strict=True):
        out = out + pick(features, rows) * scale
    return out


def down_conv(features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    parent, slot = parents(fine, coarse)
    out = features.new_zeros(coarse.num_voxels, output_channels(features, weight))
    check_children(weight)
    for child, matrix in enumerate(weight):
        met = (slot == child) & (parent >= 0)
        out = out.index_add(0, parent[met], features[met] @ matrix)
    return out


def up_conv(features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    parent, slot = parents(fine, coarse)
    out = features.new_zeros(fine.num_voxels, output_channels(features, weight))
    check_children(weight)
    for child, matrix in enumerate(weight):
        met = ((slot == child) & (parent >= 0)).nonzero().squeeze(1)
        out = out.index_add(0, met, features[parent[met]] @ matrix)
    return out

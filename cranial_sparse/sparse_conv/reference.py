"""Backend in plain PyTorch, on any device and differentiable as it stands: the oracle of the tests."""

import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid, coordinates, lookup, parents


def _pick(features: Tensor, rows: Tensor) -> Tensor:
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
    size = round(steps ** (1 / 3))
    return [lookup(grid, voxels + voxels.new_tensor((0, *step))) for step in kernel_offsets(size)]


def submanifold_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    out = features.new_zeros(features.shape[0], weight.shape[2])
    for rows, matrix in zip(_neighbours(grid, len(weight)), weight, strict=True):
        out = out + _pick(features, rows) @ matrix
    return out


def depthwise_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    out = torch.zeros_like(features)
    for rows, scale in zip(_neighbours(grid, len(weight)), weight, strict=True):
        out = out + _pick(features, rows) * scale
    return out


def down_conv(features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    parent, slot = parents(fine, coarse)
    out = features.new_zeros(coarse.num_voxels, weight.shape[2])
    for child, matrix in enumerate(weight):
        met = (slot == child) & (parent >= 0)
        out = out.index_add(0, parent[met], features[met] @ matrix)
    return out


def up_conv(features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    parent, slot = parents(fine, coarse)
    out = features.new_zeros(fine.num_voxels, weight.shape[2])
    for child, matrix in enumerate(weight):
        met = ((slot == child) & (parent >= 0)).nonzero().squeeze(1)
        out = out.index_add(0, met, features[parent[met]] @ matrix)
    return out

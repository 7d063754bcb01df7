"""The convolution ops in plain PyTorch, for devices without kernels of their own: same names, arguments and results
as in ops.py. Written from the arrays of the ops; reference.py, the oracle, goes by the voxels' coordinates instead.
"""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from cranial_sparse.bricks.grid import SIDE
from cranial_sparse.bricks.reference import VOXELS, find, place, places
from cranial_sparse.sparse_conv.operands import kernel_size
from cranial_sparse.sparse_conv.reference import kernel_offsets, pick


def submanifold_conv(features, weight, masks, offsets, neighbours, transposed) -> Tensor:
    weight = weight.flip(0).mT if transposed else weight
    rows = _neighbours(masks, neighbours, len(weight))
    return sum((pick(features, met) @ w for met, w in zip(rows, weight, strict=True)), start=features.new_zeros(()))


def submanifold_conv_weight(features, gradient, masks, offsets, neighbours, steps) -> Tensor:
    return torch.stack([pick(features, met).T @ gradient for met in _neighbours(masks, neighbours, steps)])


def depthwise_conv(features, weight, masks, offsets, neighbours, transposed) -> Tensor:
    weight = weight.flip(0) if transposed else weight
    rows = _neighbours(masks, neighbours, len(weight))
    return sum((pick(features, met) * w for met, w in zip(rows, weight, strict=True)), start=features.new_zeros(()))


def depthwise_conv_weight(features, gradient, masks, offsets, neighbours, steps) -> Tensor:
    rows = _neighbours(masks, neighbours, steps)
    return torch.stack([(pick(features, met) * gradient).sum(0) for met in rows])


def down_conv(
    features, weight, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed
) -> Tensor:
    weight = weight.mT if transposed else weight
    met = _children(coarse_masks, fine_masks, children)
    return sum((pick(features, m) @ w for m, w in zip(met, weight, strict=True)), start=features.new_zeros(()))


def up_conv(
    features, weight, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed
) -> Tensor:
    weight = weight.mT if transposed else weight
    out = features.new_zeros((rows, weight.shape[2]))  # fine voxels without a parent stay zero
    for met, w in zip(_children(coarse_masks, fine_masks, children), weight, strict=True):
        out[met[met >= 0]] = features[met >= 0] @ w  # a fine voxel has one parent at most
    return out


def strided_conv_weight(
    features, gradient, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, coarse_features
) -> Tensor:
    rows = _children(coarse_masks, fine_masks, children)
    if coarse_features:
        return torch.stack([features.T @ pick(gradient, met) for met in rows])
    return torch.stack([pick(features, met).T @ gradient for met in rows])


def _neighbours(masks: Tensor, neighbours: Tensor, steps: int) -> Iterator[Tensor]:
    """Row of each voxel's neighbour at every kernel offset, -1 where there is none."""
    found, (brick, *inside) = places(masks), _split(places(masks))
    for offset in kernel_offsets(kernel_size(steps)):
        x, y, z = (axis + step for axis, step in zip(inside, offset, strict=True))  # in [-8, 16)
        other = neighbours[brick, ((x >> 3) + 1) * 9 + ((y >> 3) + 1) * 3 + (z >> 3) + 1]
        yield find(found, place(other.long(), x & 7, y & 7, z & 7))


def _children(coarse_masks: Tensor, fine_masks: Tensor, children: Tensor) -> Iterator[Tensor]:
    """Row of each coarse voxel's eight children, -1 where there is none."""
    found, (brick, *inside) = places(fine_masks), _split(places(coarse_masks))
    for child in product((0, 1), repeat=3):
        x, y, z = (2 * axis + step for axis, step in zip(inside, child, strict=True))  # in [0, 16)
        other = children[brick, (x >> 3) * 4 + (y >> 3) * 2 + (z >> 3)]
        yield find(found, place(other.long(), x & 7, y & 7, z & 7))


def _split(at: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Brick, x, y, z of places."""
    return at // VOXELS, at // SIDE**2 % SIDE, at // SIDE % SIDE, at % SIDE

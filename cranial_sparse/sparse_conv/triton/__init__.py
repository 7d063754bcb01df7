"""The convolution ops in Triton, for NVIDIA GPUs: same names, arguments and results as in ops.py.

Float16, bfloat16 and float32, all summed in float32; TypeError for other types. Float32 is exact as IEEE has it unless
torch.set_float32_matmul_precision allows TF32. No atomics: the same operands give the same bits.
"""

from torch import Tensor

from cranial_sparse.sparse_conv import operands
from cranial_sparse.sparse_conv.triton import depthwise, gather, scatter
from cranial_sparse.sparse_conv.triton import weight as gradients
from cranial_sparse.sparse_conv.triton.index import child_table, neighbour_tables
from cranial_sparse.sparse_conv.triton.launch import DTYPES

__all__ = [
    "DTYPES",
    "depthwise_conv",
    "depthwise_conv_weight",
    "down_conv",
    "strided_conv_weight",
    "submanifold_conv",
    "submanifold_conv_weight",
    "up_conv",
]


def submanifold_conv(features, weight, masks, offsets, neighbours, transposed) -> Tensor:
    out = operands.submanifold(features, weight, masks, offsets, neighbours, transposed)
    tables = neighbour_tables(masks, offsets, neighbours, features.shape[0], len(weight))
    return gather.gather_conv(features, weight.flip(0).mT if transposed else weight, tables, out)


def submanifold_conv_weight(features, gradient, masks, offsets, neighbours, steps) -> Tensor:
    out = operands.submanifold_weight(features, gradient, masks, offsets, neighbours, steps)
    tables = neighbour_tables(masks, offsets, neighbours, features.shape[0], steps)
    return gradients.weight_gradient(features, gradient, tables, out)


def depthwise_conv(features, weight, masks, offsets, neighbours, transposed) -> Tensor:
    out = operands.depthwise(features, weight, masks, offsets, neighbours, transposed)
    tables = neighbour_tables(masks, offsets, neighbours, features.shape[0], len(weight))
    return depthwise.depthwise_conv(features, weight.flip(0) if transposed else weight, tables, out)


def depthwise_conv_weight(features, gradient, masks, offsets, neighbours, steps) -> Tensor:
    out = operands.depthwise_weight(features, gradient, masks, offsets, neighbours, steps)
    tables = neighbour_tables(masks, offsets, neighbours, features.shape[0], steps)
    return depthwise.depthwise_weight_gradient(features, gradient, tables, out)


def down_conv(
    features, weight, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out = operands.strided(features, weight, *grids, rows, transposed)
    table = child_table(*grids, fine=features.shape[0], coarse=rows)
    return gather.gather_conv(features, weight.mT if transposed else weight, [table], out)


def up_conv(
    features, weight, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out = operands.strided(features, weight, *grids, rows, transposed)
    table = child_table(*grids, fine=rows, coarse=features.shape[0])
    return scatter.scatter_conv(features, weight.mT if transposed else weight, table, out)


def strided_conv_weight(
    features, gradient, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, coarse_features
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out = operands.strided_weight(features, gradient, *grids, coarse_features)
    fine, coarse = (gradient, features) if coarse_features else (features, gradient)
    table = child_table(*grids, fine=fine.shape[0], coarse=coarse.shape[0])
    if not coarse_features:
        return gradients.weight_gradient(fine, coarse, [table], out)
    swapped = out.new_empty((8, fine.shape[1], coarse.shape[1]))  # it is the gradient that is gathered
    return gradients.weight_gradient(fine, coarse, [table], swapped).mT.contiguous()

"""Sparse convolutions as custom ops: schema, CPU kernel, Triton or plain PyTorch on GPUs, fake kernel, autograd.

``transposed`` swaps the channels of the weight and, for submanifold kernels, reverses its offsets; the input gradient
of an op is thereby an op of the same set. Differentiable once: the ops of weight gradients have no gradients.
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import check_rows
from cranial_sparse.bricks.kernels import address, bits, in_huge_pages, native
from cranial_sparse.bricks.library import register_autograd, register_op
from cranial_sparse.sparse_conv import fallback, operands

_SUFFIX = {torch.float32: "f32", torch.float64: "f64"}


def _op(fake: Callable, plain: Callable[..., Tensor]) -> Callable[[Callable], Callable]:
    """Makes a function the CPU kernel of cranial_sparse::<its name>; ``plain`` has that name too."""
    return lambda function: register_op(function, fake, _on_gpu(plain))


def _on_gpu(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An op in Triton where that is installed and serves the type, else in plain PyTorch."""

    def run(features: Tensor, *arguments) -> Tensor:
        fast = _triton()
        served = fast is not None and features.dtype in fast.DTYPES
        return (getattr(fast, plain.__name__) if served else plain)(features, *arguments)

    return run


@cache
def _triton() -> ModuleType | None:
    """The ops in Triton, imported when a GPU first needs them; builds of torch for GPUs bring it along."""
    if find_spec("triton") is None:
        return None
    from cranial_sparse.sparse_conv import triton

    return triton


def _kernel(name: str, x: Tensor, y: Tensor):
    if x.dtype not in _SUFFIX or y.dtype != x.dtype:
        raise TypeError(f"{name}: expected all float32 or all float64, got {x.dtype} and {y.dtype}")
    return getattr(native, f"{name}_{_SUFFIX[x.dtype]}")


def _near(masks: Tensor, offsets: Tensor, neighbours: Tensor, **rows: Tensor):
    """A grid and the links between its bricks; each of ``rows`` has a row for every voxel."""
    grid, links = bits(masks, offsets), address("neighbours", neighbours, torch.int32, len(masks), 27)
    for name, tensor in rows.items():
        check_rows(name, tensor.shape[0], int(offsets[-1]))
    return grid, links


def _pair(children: Tensor, fine_masks: Tensor, fine_offsets: Tensor, coarse_masks: Tensor, coarse_offsets: Tensor):
    """Two grids and the links from bricks of the coarse one to those of the fine one."""
    links = address("children", children, torch.int32, len(coarse_masks), 8)
    return bits(coarse_masks, coarse_offsets, "coarse_"), bits(fine_masks, fine_offsets, "fine_"), links


# Submanifold


@_op(operands.submanifold, fallback.submanifold_conv)
def submanifold_conv(
    features: Tensor, weight: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, transposed: bool
) -> Tensor:
    out = in_huge_pages(operands.submanifold(features, weight, masks, offsets, neighbours, transposed))
    grid, links = _near(masks, offsets, neighbours, features=features)
    features, weight = features.contiguous(), weight.contiguous()
    steps, cin, cout = weight.shape
    _kernel("gather_conv", features, weight)(
        grid, grid, links, operands.kernel_size(steps), features.data_ptr(), weight.data_ptr(), cin, cout,
        transposed, transposed, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@_op(operands.submanifold_weight, fallback.submanifold_conv_weight)
def submanifold_conv_weight(
    features: Tensor, gradient: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, steps: int
) -> Tensor:
    out = operands.submanifold_weight(features, gradient, masks, offsets, neighbours, steps)
    grid, links = _near(masks, offsets, neighbours, features=features, gradient=gradient)
    features, gradient = features.contiguous(), gradient.contiguous()
    _kernel("weight_gradient", features, gradient)(
        grid, grid, links, operands.kernel_size(steps), features.data_ptr(), features.shape[1], gradient.data_ptr(),
        gradient.shape[1], False, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


def _save_submanifold(ctx, inputs, output):
    features, weight, masks, offsets, neighbours, transposed = inputs
    ctx.save_for_backward(features, weight, masks, offsets, neighbours)
    ctx.transposed = transposed


def _submanifold_backward(ctx, gradient):
    features, weight, *grid = ctx.saved_tensors
    features_gradient = weight_gradient = None
    if ctx.needs_input_grad[0]:
        features_gradient = submanifold_conv(gradient, weight, *grid, not ctx.transposed)
    if ctx.needs_input_grad[1]:
        x, y = (gradient, features) if ctx.transposed else (features, gradient)
        weight_gradient = submanifold_conv_weight(x, y, *grid, weight.shape[0])
    return features_gradient, weight_gradient, None, None, None, None


register_autograd(submanifold_conv, _submanifold_backward, _save_submanifold)


# Depthwise


@_op(operands.depthwise, fallback.depthwise_conv)
def depthwise_conv(
    features: Tensor, weight: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, transposed: bool
) -> Tensor:
    out = in_huge_pages(operands.depthwise(features, weight, masks, offsets, neighbours, transposed))
    grid, links = _near(masks, offsets, neighbours, features=features)
    features, weight = features.contiguous(), weight.contiguous()
    _kernel("depthwise_conv", features, weight)(
        grid, links, operands.kernel_size(weight.shape[0]), features.data_ptr(),
        weight.data_ptr(), weight.shape[1], transposed, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@_op(operands.depthwise_weight, fallback.depthwise_conv_weight)
def depthwise_conv_weight(
    features: Tensor, gradient: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, steps: int
) -> Tensor:
    out = operands.depthwise_weight(features, gradient, masks, offsets, neighbours, steps)
    grid, links = _near(masks, offsets, neighbours, features=features, gradient=gradient)
    features, gradient = features.contiguous(), gradient.contiguous()
    _kernel("depthwise_weight_gradient", features, gradient)(
        grid, links, operands.kernel_size(steps), features.data_ptr(),
        gradient.data_ptr(), features.shape[1], out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


def _depthwise_backward(ctx, gradient):
    features, weight, *grid = ctx.saved_tensors
    features_gradient = weight_gradient = None
    if ctx.needs_input_grad[0]:
        features_gradient = depthwise_conv(gradient, weight, *grid, not ctx.transposed)
    if ctx.needs_input_grad[1]:
        x, y = (gradient, features) if ctx.transposed else (features, gradient)
        weight_gradient = depthwise_conv_weight(x, y, *grid, weight.shape[0])
    return features_gradient, weight_gradient, None, None, None, None


register_autograd(depthwise_conv, _depthwise_backward, _save_submanifold)


# Strided: children (the fine bricks of each coarse brick), masks and offsets of both grids


@_op(operands.strided, fallback.down_conv)
def down_conv(
    features: Tensor,
    weight: Tensor,
    children: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
    transposed: bool,
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out, pair = in_huge_pages(operands.strided(features, weight, *grids, rows, transposed)), _pair(*grids)
    check_rows("features", features.shape[0], int(fine_offsets[-1]))
    check_rows("rows", rows, int(coarse_offsets[-1]))
    features, weight = features.contiguous(), weight.contiguous()
    _kernel("gather_conv", features, weight)(
        *pair, 2,
        features.data_ptr(), weight.data_ptr(), weight.shape[1], weight.shape[2], transposed, False,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@_op(operands.strided, fallback.up_conv)
def up_conv(
    features: Tensor,
    weight: Tensor,
    children: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
    transposed: bool,
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out, pair = in_huge_pages(operands.strided(features, weight, *grids, rows, transposed)), _pair(*grids)
    check_rows("features", features.shape[0], int(coarse_offsets[-1]))
    check_rows("rows", rows, int(fine_offsets[-1]))
    features, weight = features.contiguous(), weight.contiguous()
    out.zero_()  # fine voxels without a parent stay zero
    _kernel("scatter_conv", features, weight)(
        *pair, 2,
        features.data_ptr(), weight.data_ptr(), weight.shape[1], weight.shape[2], transposed, False,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@_op(operands.strided_weight, fallback.strided_conv_weight)
def strided_conv_weight(
    features: Tensor,
    gradient: Tensor,
    children: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    coarse_features: bool,
) -> Tensor:
    grids = children, fine_masks, fine_offsets, coarse_masks, coarse_offsets
    out, pair = operands.strided_weight(features, gradient, *grids, coarse_features), _pair(*grids)
    fine, coarse = (gradient, features) if coarse_features else (features, gradient)
    check_rows("gradient" if coarse_features else "features", fine.shape[0], int(fine_offsets[-1]))
    check_rows("features" if coarse_features else "gradient", coarse.shape[0], int(coarse_offsets[-1]))
    features, gradient = features.contiguous(), gradient.contiguous()
    _kernel("weight_gradient", features, gradient)(
        *pair, 2,
        features.data_ptr(), features.shape[1], gradient.data_ptr(), gradient.shape[1], coarse_features,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


def _save_strided(ctx, inputs, output):
    features, weight, children, *grids, _, transposed = inputs
    ctx.save_for_backward(features, weight, children, *grids)
    ctx.transposed = transposed


def _strided_backward(ctx, gradient, inverse, coarse_features: bool):
    features, weight, *grids = ctx.saved_tensors
    features_gradient = weight_gradient = None
    if ctx.needs_input_grad[0]:
        features_gradient = inverse(gradient, weight, *grids, features.shape[0], not ctx.transposed)
    if ctx.needs_input_grad[1]:
        swap = ctx.transposed
        x, y = (gradient, features) if swap else (features, gradient)
        weight_gradient = strided_conv_weight(x, y, *grids, coarse_features != swap)
    return features_gradient, weight_gradient, *([None] * 7)


register_autograd(down_conv, lambda ctx, gradient: _strided_backward(ctx, gradient, up_conv, False), _save_strided)
register_autograd(up_conv, lambda ctx, gradient: _strided_backward(ctx, gradient, down_conv, True), _save_strided)

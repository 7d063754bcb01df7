"""Sparse convolutions as custom ops: schema, CPU kernel, reference on other devices, fake kernel, autograd.

``transposed`` swaps the channels of the weight and, for submanifold kernels, reverses its offsets; the input gradient
of an op is thereby an op of the same set.
"""

import torch
from torch import Tensor

from cranial_sparse.bricks.kernels import address, native

_SUFFIX = {torch.float32: "f32", torch.float64: "f64"}


def _kernel(name: str, *operands: Tensor):
    dtype = operands[0].dtype
    if dtype not in _SUFFIX or any(operand.dtype != dtype for operand in operands):
        raise TypeError(f"{name}: expected all float32 or all float64, got {[str(o.dtype) for o in operands]}")
    return getattr(native, f"{name}_{_SUFFIX[dtype]}")


def _bits(masks: Tensor, offsets: Tensor) -> tuple[int, int, int]:
    return address(masks, torch.int64), address(offsets, torch.int64), masks.shape[0]


def _size_of(weight_steps: int) -> int:
    size = round(weight_steps ** (1 / 3))
    if size**3 != weight_steps or size % 2 == 0 or size > 15:
        raise ValueError(f"weight: expected k^3 offsets for an odd k up to 15, got {weight_steps}")
    return size


def _check(features: Tensor, weight: Tensor, transposed: bool) -> None:
    cin = weight.shape[2 if transposed else 1]
    if features.dim() != 2 or weight.dim() != 3 or features.shape[1] != cin:
        raise ValueError(f"features: expected [N, {cin}] for weight {tuple(weight.shape)}, got {tuple(features.shape)}")


def _out(features: Tensor, weight: Tensor, rows: int, transposed: bool) -> Tensor:
    return features.new_empty((rows, weight.shape[1 if transposed else 2]))


# Submanifold


@torch.library.custom_op("cranial_sparse::submanifold_conv", mutates_args=(), device_types="cpu")
def submanifold_conv(
    features: Tensor, weight: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, transposed: bool
) -> Tensor:
    _check(features, weight, transposed)
    features, weight = features.contiguous(), weight.contiguous()
    steps, cin, cout = weight.shape
    out = _out(features, weight, features.shape[0], transposed)
    grid, links = _bits(masks, offsets), address(neighbours, torch.int32)
    _kernel("gather_conv", features, weight)(
        grid, grid, links, _size_of(steps), features.data_ptr(), weight.data_ptr(), cin, cout,
        transposed, transposed, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@submanifold_conv.register_fake
def _(features, weight, masks, offsets, neighbours, transposed):
    return _out(features, weight, features.shape[0], transposed)


@torch.library.custom_op("cranial_sparse::submanifold_conv_weight", mutates_args=(), device_types="cpu")
def submanifold_conv_weight(
    features: Tensor, gradient: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, steps: int
) -> Tensor:
    features, gradient = features.contiguous(), gradient.contiguous()
    out = features.new_empty((steps, features.shape[1], gradient.shape[1]))
    grid, links = _bits(masks, offsets), address(neighbours, torch.int32)
    _kernel("weight_gradient", features, gradient)(
        grid, grid, links, _size_of(steps), features.data_ptr(), features.shape[1], gradient.data_ptr(),
        gradient.shape[1], False, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@submanifold_conv_weight.register_fake
def _(features, gradient, masks, offsets, neighbours, steps):
    return features.new_empty((steps, features.shape[1], gradient.shape[1]))


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


submanifold_conv.register_autograd(_submanifold_backward, setup_context=_save_submanifold)


# Depthwise


@torch.library.custom_op("cranial_sparse::depthwise_conv", mutates_args=(), device_types="cpu")
def depthwise_conv(
    features: Tensor, weight: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, transposed: bool
) -> Tensor:
    if weight.dim() != 2 or features.dim() != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            f"features: expected [N, C] for weight [k^3, C], got {tuple(features.shape)} and {tuple(weight.shape)}"
        )
    features, weight = features.contiguous(), weight.contiguous()
    out = torch.empty_like(features)
    _kernel("depthwise_conv", features, weight)(
        _bits(masks, offsets), address(neighbours, torch.int32), _size_of(weight.shape[0]), features.data_ptr(),
        weight.data_ptr(), weight.shape[1], transposed, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@depthwise_conv.register_fake
def _(features, weight, masks, offsets, neighbours, transposed):
    return torch.empty_like(features, memory_format=torch.contiguous_format)


@torch.library.custom_op("cranial_sparse::depthwise_conv_weight", mutates_args=(), device_types="cpu")
def depthwise_conv_weight(
    features: Tensor, gradient: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, steps: int
) -> Tensor:
    features, gradient = features.contiguous(), gradient.contiguous()
    out = features.new_empty((steps, features.shape[1]))
    _kernel("depthwise_weight_gradient", features, gradient)(
        _bits(masks, offsets), address(neighbours, torch.int32), _size_of(steps), features.data_ptr(),
        gradient.data_ptr(), features.shape[1], out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@depthwise_conv_weight.register_fake
def _(features, gradient, masks, offsets, neighbours, steps):
    return features.new_empty((steps, features.shape[1]))


def _depthwise_backward(ctx, gradient):
    features, weight, *grid = ctx.saved_tensors
    features_gradient = weight_gradient = None
    if ctx.needs_input_grad[0]:
        features_gradient = depthwise_conv(gradient, weight, *grid, not ctx.transposed)
    if ctx.needs_input_grad[1]:
        x, y = (gradient, features) if ctx.transposed else (features, gradient)
        weight_gradient = depthwise_conv_weight(x, y, *grid, weight.shape[0])
    return features_gradient, weight_gradient, None, None, None, None


depthwise_conv.register_autograd(_depthwise_backward, setup_context=_save_submanifold)


# Strided: children (the fine bricks of each coarse brick), masks and offsets of both grids


@torch.library.custom_op("cranial_sparse::down_conv", mutates_args=(), device_types="cpu")
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
    _check(features, weight, transposed)
    features, weight = features.contiguous(), weight.contiguous()
    out = _out(features, weight, rows, transposed)
    _kernel("gather_conv", features, weight)(
        _bits(coarse_masks, coarse_offsets), _bits(fine_masks, fine_offsets), address(children, torch.int32), 2,
        features.data_ptr(), weight.data_ptr(), weight.shape[1], weight.shape[2], transposed, False,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@torch.library.custom_op("cranial_sparse::up_conv", mutates_args=(), device_types="cpu")
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
    _check(features, weight, transposed)
    features, weight = features.contiguous(), weight.contiguous()
    out = _out(features, weight, rows, transposed).zero_()  # fine voxels without a parent stay zero
    _kernel("scatter_conv", features, weight)(
        _bits(coarse_masks, coarse_offsets), _bits(fine_masks, fine_offsets), address(children, torch.int32), 2,
        features.data_ptr(), weight.data_ptr(), weight.shape[1], weight.shape[2], transposed, False,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@torch.library.custom_op("cranial_sparse::strided_conv_weight", mutates_args=(), device_types="cpu")
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
    features, gradient = features.contiguous(), gradient.contiguous()
    out = features.new_empty((8, features.shape[1], gradient.shape[1]))
    _kernel("weight_gradient", features, gradient)(
        _bits(coarse_masks, coarse_offsets), _bits(fine_masks, fine_offsets), address(children, torch.int32), 2,
        features.data_ptr(), features.shape[1], gradient.data_ptr(), gradient.shape[1], coarse_features,
        out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


@down_conv.register_fake
@up_conv.register_fake
def _(features, weight, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed):
    return _out(features, weight, rows, transposed)


@strided_conv_weight.register_fake
def _(features, gradient, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, coarse_features):
    return features.new_empty((8, features.shape[1], gradient.shape[1]))


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


down_conv.register_autograd(
    lambda ctx, gradient: _strided_backward(ctx, gradient, up_conv, False), setup_context=_save_strided
)
up_conv.register_autograd(
    lambda ctx, gradient: _strided_backward(ctx, gradient, down_conv, True), setup_context=_save_strided
)

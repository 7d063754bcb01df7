"""What the operands of convolutions have to be, on every backend and to every tracer: ValueError, which names the
argument, where shapes do not go together.

The functions with the arguments of an op return its output, not filled in: kernels begin with it, fake kernels are it.
"""

import torch
from torch import Tensor

_SIZES = {size**3: size for size in range(1, 16, 2)}


def kernel_size(steps: int) -> int:
    """Side of a submanifold kernel with this many offsets."""
    if (size := _SIZES.get(int(steps))) is None:
        raise ValueError(f"weight: expected k^3 offsets for an odd k up to 15, got {steps}")
    return size


def output_channels(features: Tensor, weight: Tensor, transposed: bool = False) -> int:
    """Cout of a weight [offsets, Cin, Cout] for features [N, Cin]; the other way round where transposed."""
    if weight.dim() != 3:
        raise ValueError(f"weight: expected [offsets, Cin, Cout], got {tuple(weight.shape)}")
    _, cin, cout = weight.shape
    if transposed:
        cin, cout = cout, cin
    if features.dim() != 2 or features.shape[1] != cin:
        raise ValueError(f"features: expected [N, {cin}] for weight {tuple(weight.shape)}, got {tuple(features.shape)}")
    return cout


def check_children(weight: Tensor) -> None:
    if weight.shape[0] != 8:
        raise ValueError(f"weight: expected 8 offsets, one for each child, got {weight.shape[0]}")


def check_channels(features: Tensor, weight: Tensor) -> None:
    """Features [N, C] and a weight [offsets, C] of every channel by itself."""
    if weight.dim() != 2 or features.dim() != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            f"features: expected [N, C] for weight [k^3, C], got {tuple(features.shape)} and {tuple(weight.shape)}"
        )


def submanifold(features: Tensor, weight: Tensor, masks, offsets, neighbours, transposed: bool) -> Tensor:
    channels = output_channels(features, weight, transposed)
    kernel_size(weight.shape[0])
    return features.new_empty((features.shape[0], channels))


def depthwise(features: Tensor, weight: Tensor, masks, offsets, neighbours, transposed: bool) -> Tensor:
    check_channels(features, weight)
    kernel_size(weight.shape[0])
    return torch.empty_like(features, memory_format=torch.contiguous_format)


def strided(
    features: Tensor, weight: Tensor, children, fine_masks, fine_offsets, coarse_masks, coarse_offsets, rows, transposed
) -> Tensor:
    channels = output_channels(features, weight, transposed)
    check_children(weight)
    return features.new_empty((rows, channels))


def submanifold_weight(features: Tensor, gradient: Tensor, masks, offsets, neighbours, steps: int) -> Tensor:
    _pairs(features, gradient)
    kernel_size(steps)
    return features.new_empty((steps, features.shape[1], gradient.shape[1]))


def depthwise_weight(features: Tensor, gradient: Tensor, masks, offsets, neighbours, steps: int) -> Tensor:
    _pairs(features, gradient)
    if features.shape[1] != gradient.shape[1]:
        raise ValueError(f"gradient: expected [N, {features.shape[1]}] as features, got {tuple(gradient.shape)}")
    kernel_size(steps)
    return features.new_empty((steps, features.shape[1]))


def strided_weight(
    features: Tensor,
    gradient: Tensor,
    children,
    fine_masks,
    fine_offsets,
    coarse_masks,
    coarse_offsets,
    coarse_features,
) -> Tensor:
    _pairs(features, gradient)
    return features.new_empty((8, features.shape[1], gradient.shape[1]))


def _pairs(features: Tensor, gradient: Tensor) -> None:
    if features.dim() != 2 or gradient.dim() != 2:
        raise ValueError(
            f"features, gradient: expected [N, C] each, got {tuple(features.shape)} and {tuple(gradient.shape)}"
        )

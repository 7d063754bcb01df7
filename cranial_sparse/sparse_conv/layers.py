"""The convolutions as modules: parameters, their initialisation, and the backend they run on (see backends.set_backend)."""

import math

import torch
from torch import Tensor, nn

from cranial_sparse.bricks import BrickGrid
from cranial_sparse.sparse_conv import functional


def _parameters(module: nn.Module, shape: tuple[int, ...], fan_in: int, channels: int, bias: bool) -> None:
    """Uniform in ±1/√fan_in, as in torch.nn.Conv3d."""
    bound = 1 / math.sqrt(fan_in)
    module.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
    module.register_parameter("bias", nn.Parameter(torch.empty(channels).uniform_(-bound, bound)) if bias else None)


def _steps(kernel_size: int) -> int:
    if kernel_size % 2 == 0 or not 1 <= kernel_size <= 15:
        raise ValueError(f"kernel_size: expected an odd number up to 15, got {kernel_size}")
    return kernel_size**3


class SubmanifoldConv3d(nn.Module):
    """Weight ``[k³, in, out]``; features ``[N, in]`` → ``[N, out]``. See functional.submanifold_conv. Raises
    ValueError for a kernel size that is not odd or beyond 15."""

    weight: Tensor
    bias: Tensor | None
    backend: functional.Backend | None = None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = True) -> None:
        super().__init__()
        steps = _steps(kernel_size)
        _parameters(self, (steps, in_channels, out_channels), steps * in_channels, out_channels, bias)

    def forward(self, features: Tensor, grid: BrickGrid) -> Tensor:
        return functional.submanifold_conv(features, self.weight, grid, self.bias, self.backend)


class DepthwiseConv3d(nn.Module):
    """Weight ``[k³, C]``; features ``[N, C]`` → ``[N, C]``. See functional.depthwise_conv. Raises ValueError for a
    kernel size that is not odd or beyond 15."""

    weight: Tensor
    bias: Tensor | None
    backend: functional.Backend | None = None

    def __init__(self, channels: int, kernel_size: int = 3, bias: bool = True) -> None:
        super().__init__()
        steps = _steps(kernel_size)
        _parameters(self, (steps, channels), steps, channels, bias)

    def forward(self, features: Tensor, grid: BrickGrid) -> Tensor:
        return functional.depthwise_conv(features, self.weight, grid, self.bias, self.backend)


class DownConv3d(nn.Module):
    """Weight ``[8, in, out]``; features ``[N_fine, in]`` → ``[N_coarse, out]``. See functional.down_conv."""

    weight: Tensor
    bias: Tensor | None
    backend: functional.Backend | None = None

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__()
        _parameters(self, (8, in_channels, out_channels), 8 * in_channels, out_channels, bias)

    def forward(self, features: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
        return functional.down_conv(features, self.weight, fine, coarse, self.bias, self.backend)


class UpConv3d(nn.Module):
    """Weight ``[8, in, out]``; features ``[N_coarse, in]`` → ``[N_fine, out]``. See functional.up_conv."""

    weight: Tensor
    bias: Tensor | None
    backend: functional.Backend | None = None

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__()
        _parameters(self, (8, in_channels, out_channels), in_channels, out_channels, bias)

    def forward(self, features: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
        return functional.up_conv(features, self.weight, coarse, fine, self.bias, self.backend)


CONVOLUTIONS = (SubmanifoldConv3d, DepthwiseConv3d, DownConv3d, UpConv3d)

"""Backend on MinkowskiEngine 0.5.4, built for the CPU by ``make minkowski``.

Its kernels are ordered with x fastest, ours with x slowest, so that weights are turned around on the way. Where there is
nothing to add it hands out a dangling kernel map: such grids never reach it.
"""

import collections
import collections.abc
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid, coordinates
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.indexing import no_sums, once_per_grid, once_per_pair
from cranial_sparse.sparse_conv.operands import check_channels, check_children, kernel_size, output_channels

collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined] # where it looks for the name
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it was built for the CPU
    import MinkowskiEngine as engine
    from MinkowskiEngineBackend._C import ConvolutionMode


@dataclass(frozen=True, eq=False)
class Maps:
    """A coordinate manager, which keeps kernel maps by kernel size, and its keys of one grid or two, fine to coarse."""

    manager: Any
    keys: tuple[Any, ...]


def submanifold_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    _check(features)
    output_channels(features, weight)
    side = kernel_size(len(weight))
    if not len(grid):
        return no_sums(features, weight, 0)
    if side == 1:
        return features @ weight[0]  # as its own modules do
    maps = _maps(grid)
    return _convolve(engine.MinkowskiConvolutionFunction, features, weight, side, maps, 0, 0)


def depthwise_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    """Its own is a loop in Python over kernel maps: a full convolution with diagonal matrices, C times the work."""
    check_channels(features, weight)
    return submanifold_conv(features, torch.diag_embed(weight), grid)


def down_conv(features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    _check(features)
    output_channels(features, weight)
    check_children(weight)
    if not len(fine) or not len(coarse):
        return no_sums(features, weight, len(coarse))
    maps = _pair_maps(fine, coarse)
    return _convolve(engine.MinkowskiConvolutionFunction, features, weight, 2, maps, 0, 1)


def up_conv(features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    _check(features)
    output_channels(features, weight)
    check_children(weight)
    if not len(fine) or not len(coarse):
        return no_sums(features, weight, len(fine))
    maps = _pair_maps(fine, coarse)
    return _convolve(engine.MinkowskiConvolutionTransposeFunction, features, weight, 2, maps, 1, 0)


def _convolve(
    function: Any, features: Tensor, weight: Tensor, side: int, maps: Maps, source: int, target: int
) -> Tensor:
    """From one key of ``maps`` to another, which two grids have where there is a stride."""
    kernel = weight.unflatten(0, (side,) * 3).transpose(0, 2).flatten(0, 2).contiguous()
    generator = engine.KernelGenerator(kernel_size=side, stride=len(maps.keys), dimension=3)
    keys = maps.keys[source], maps.keys[target]
    return function.apply(features, kernel, generator, ConvolutionMode.DEFAULT, *keys, maps.manager)


def _check(features: Tensor) -> None:
    if features.device.type != "cpu":
        raise InputError(
            f"backend minkowski: expected features on the CPU, which it was built for, got {features.device}; choose native"
        )


@once_per_grid
def _maps(grid: BrickGrid) -> Maps:
    manager = _manager()
    return Maps(manager, (_insert(manager, grid, 1),))


@once_per_pair
def _pair_maps(fine: BrickGrid, coarse: BrickGrid) -> Maps:
    manager = _manager()
    return Maps(manager, (_insert(manager, fine, 1), _insert(manager, coarse, 2)))


def _manager() -> Any:
    return engine.CoordinateManager(D=3, coordinate_map_type=engine.CoordinateMapType.CPU)


def _insert(manager: Any, grid: BrickGrid, stride: int) -> Any:
    """The key of the grid's voxels; they keep their rows, since none is there twice."""
    voxels = coordinates(grid) * torch.tensor([1, stride, stride, stride], dtype=torch.int32)
    key, _ = manager.insert_and_map(voxels, [stride] * 3)
    return key

"""Backend on torch's dense convolutions, over the bounding box of the grid: for comparison, and for boxes that are full.

The box holds every batch item in use. One whose features would take more than LIMIT bytes is refused with InputError.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import conv3d, conv_transpose3d

from cranial_sparse.bricks import BrickGrid, coordinates
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.indexing import no_sums, once_per_grid, once_per_pair
from cranial_sparse.sparse_conv.operands import check_channels, check_children, kernel_size, output_channels

LIMIT = 4 << 30  # bytes of one dense feature tensor: 512³ voxels of 8 channels in float32


@dataclass(frozen=True, eq=False)
class Box:
    """The cell [N] of each voxel in a dense volume [items, X, Y, Z] of this shape."""

    cells: Tensor
    shape: tuple[int, int, int, int]


def submanifold_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    channels, side = output_channels(features, weight), kernel_size(len(weight))
    if not len(grid):
        return no_sums(features, weight, 0)
    box = _box(grid)
    kernel = weight.unflatten(0, (side,) * 3).permute(4, 3, 0, 1, 2)
    return _read(conv3d(_spread(features, box, channels), kernel, padding=side // 2), box)


def depthwise_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    check_channels(features, weight)
    channels, side = weight.shape[1], kernel_size(len(weight))
    if not len(grid):
        return features * weight.sum(0)
    box = _box(grid)
    kernel = weight.unflatten(0, (side,) * 3).permute(3, 0, 1, 2)[:, None]
    return _read(conv3d(_spread(features, box, channels), kernel, padding=side // 2, groups=channels), box)


def down_conv(features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    check_children(weight)
    channels = output_channels(features, weight)
    if not len(fine) or not len(coarse):
        return no_sums(features, weight, len(coarse))
    below, above = _boxes(fine, coarse)
    kernel = weight.unflatten(0, (2, 2, 2)).permute(4, 3, 0, 1, 2)
    return _read(conv3d(_spread(features, below, channels), kernel, stride=2), above)


def up_conv(features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    check_children(weight)
    channels = output_channels(features, weight)
    if not len(fine) or not len(coarse):
        return no_sums(features, weight, len(fine))
    below, above = _boxes(fine, coarse)
    _check_size(below, channels, features)
    kernel = weight.unflatten(0, (2, 2, 2)).permute(3, 4, 0, 1, 2)
    return _read(conv_transpose3d(_spread(features, above, channels), kernel, stride=2), below)


@once_per_grid
def _box(grid: BrickGrid) -> Box:
    voxels = coordinates(grid).long()
    low = voxels[:, 1:].amin(0)
    return _place(voxels, voxels[:, 0].unique(), low, voxels[:, 1:].amax(0) - low + 1)


@once_per_pair
def _boxes(fine: BrickGrid, coarse: BrickGrid) -> tuple[Box, Box]:
    """Boxes of both grids over the same space, so that cell (2x, 2y, 2z) is the first child of (x, y, z)."""
    below, above = coordinates(fine).long(), coordinates(coarse).long()
    spots = torch.cat([above[:, 1:], below[:, 1:] >> 1])
    items, low = torch.cat([above[:, 0], below[:, 0]]).unique(), spots.amin(0)
    shape = spots.amax(0) - low + 1
    return _place(below, items, 2 * low, 2 * shape), _place(above, items, low, shape)


def _place(voxels: Tensor, items: Tensor, low: Tensor, shape: Tensor) -> Box:
    x, y, z = (voxels[:, 1:] - low).unbind(1)
    nx, ny, nz = shape.tolist()
    item = torch.searchsorted(items, voxels[:, 0].contiguous())
    return Box(((item * nx + x) * ny + y) * nz + z, (len(items), nx, ny, nz))


def _spread(features: Tensor, box: Box, channels: int) -> Tensor:
    """The volume [items, C, X, Y, Z] with features at the voxels, zero elsewhere; channels last in memory."""
    _check_size(box, max(features.shape[1], channels), features)
    volume = features.new_zeros(prod(box.shape), features.shape[1]).index_copy_(0, box.cells, features)
    return volume.view(*box.shape, -1).permute(0, 4, 1, 2, 3)


def _read(volume: Tensor, box: Box) -> Tensor:
    return volume.permute(0, 2, 3, 4, 1).flatten(0, 3)[box.cells]


def _check_size(box: Box, channels: int, features: Tensor) -> None:
    size = prod(box.shape) * channels * features.element_size()
    if size > LIMIT:
        raise InputError(
            f"backend dense: expected a box whose features take at most {LIMIT >> 30} GiB, got {size / 2**30:.1f} GiB for "
            f"{' × '.join(map(str, box.shape))} voxels (items, x, y, z) and {channels} channels; choose a sparse backend"
        )

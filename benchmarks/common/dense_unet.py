"""The sparse U-Net run densely, by torch's convolutions on whole volumes, with the very same weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.scenes import Shape
from cranial_sparse.bricks import BrickGrid, coarsen, coordinates, to_dense
from cranial_sparse.networks.blocks import ResidualBlock, SparseUNet

Masks = Sequence[Tensor]  # bool [1, 1, X, Y, Z] on each level


def dense_unet(unet: SparseUNet, volume: Tensor, masks: Masks | None) -> Tensor:
    """``unet`` on a volume [1, C, X, Y, Z], channels last in memory; sizes are multiples of 2^(levels - 1).

    With ``masks``, what lies outside is zeroed after every layer, so that the voxels inside get what the sparse network
    gives them. Without, it is the network as it would be run densely: the outside takes part.
    """
    levels = range(len(unet.down_blocks))
    inside = [None] * len(levels) if masks is None else masks
    hidden, skips = volume, []
    for level, block in zip(levels, unet.down_blocks, strict=True):
        if level:
            down = unet.downs[level - 1]
            hidden = functional.conv3d(hidden, _kernel(down.weight, 2), down.bias, stride=2)  # type: ignore[arg-type]
            hidden = _masked(hidden, inside[level])
        hidden = _block(block, hidden, inside[level])  # type: ignore[arg-type]
        skips.append(hidden)
    for level in reversed(levels[:-1]):
        up = unet.ups[level]
        kernel = _kernel(up.weight, 2).transpose(0, 1)  # type: ignore[arg-type]
        hidden = functional.conv_transpose3d(hidden, kernel, up.bias, stride=2)  # type: ignore[arg-type]
        hidden = skips[level] + _masked(hidden, inside[level])
        hidden = _block(unet.up_blocks[level], hidden, inside[level])  # type: ignore[arg-type]
    return hidden


def spread(features: Tensor, grid: BrickGrid, shape: Shape, origin: Shape) -> Tensor:
    """The volume [1, C, X, Y, Z], channels last in memory, with ``features`` at the grid's voxels and zero elsewhere."""
    cells = cells_of(grid, shape, origin)
    rows = features.new_zeros(shape[0] * shape[1] * shape[2], features.shape[1]).index_copy_(0, cells, features)
    return rows.view(1, *shape, -1).permute(0, 4, 1, 2, 3)


def read(volume: Tensor, grid: BrickGrid, origin: Shape) -> Tensor:
    """What a volume [1, C, X, Y, Z] holds at the grid's voxels."""
    x, y, z = volume.shape[2:]
    return volume.permute(0, 2, 3, 4, 1).reshape(-1, volume.shape[1])[cells_of(grid, (x, y, z), origin)]


def cells_of(grid: BrickGrid, shape: Shape, origin: Shape) -> Tensor:
    """The place of each voxel in a box, x slowest."""
    x, y, z = (coordinates(grid)[:, 1:].long() - torch.tensor(origin, device=grid.device)).unbind(1)
    return (x * shape[1] + y) * shape[2] + z


def masks_of(grid: BrickGrid, shape: Shape, origin: Shape, levels: int) -> list[Tensor]:
    """Where there is something, on each level. ``shape`` and ``origin`` are multiples of 2^(levels - 1)."""
    masks = []
    for level in range(levels):
        size, start = [n >> level for n in shape], [n >> level for n in origin]
        masks.append(to_dense(grid, size, start)[None, None])
        grid = coarsen(grid)
    return masks


def _block(block: ResidualBlock, volume: Tensor, mask: Tensor | None) -> Tensor:
    hidden = volume
    for norm, convolution in zip(block.norms, block.convolutions, strict=True):
        hidden = _masked(functional.relu(_normalised(norm, hidden)), mask)  # type: ignore[arg-type]
        kernel = _kernel(convolution.weight, 3)  # type: ignore[arg-type]
        hidden = _masked(functional.conv3d(hidden, kernel, convolution.bias, padding=1), mask)  # type: ignore[arg-type]
    return volume + hidden


def _normalised(norm: nn.LayerNorm, volume: Tensor) -> Tensor:
    return norm(volume.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


def _kernel(weight: Tensor, side: int) -> Tensor:
    """Ours [k³, Cin, Cout] as torch's [Cout, Cin, k, k, k]."""
    kernel = weight.unflatten(0, (side,) * 3).permute(4, 3, 0, 1, 2)
    return kernel.contiguous(memory_format=torch.channels_last_3d)


def _masked(volume: Tensor, mask: Tensor | None) -> Tensor:
    return volume if mask is None else volume * mask

"""Residual blocks and a U-Net on brick grids: thin modules, every grid passed in."""

import itertools

from torch import Tensor, nn

from cranial_sparse.bricks import BrickGrid, coarsen
from cranial_sparse.sparse_conv.layers import DownConv3d, SubmanifoldConv3d, UpConv3d


class ResidualBlock(nn.Module):
    """Two submanifold 3³ convolutions with pre-activation; features [N, C] → [N, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # voxels of one case vary in number and nothing is batched, so each voxel is normalised by itself
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.convolutions = nn.ModuleList(SubmanifoldConv3d(channels, channels) for _ in range(2))
        nn.init.zeros_(self.convolutions[1].weight)  # type: ignore[arg-type]

    def forward(self, features: Tensor, grid: BrickGrid) -> Tensor:
        hidden = features
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            hidden = convolution(nn.functional.relu(norm(hidden), inplace=True), grid)
        return hidden.add_(features)  # in place: making a tensor of millions of rows takes longer than the sum


class SparseUNet(nn.Module):
    """Residual U-Net with additive skips, one level per entry of ``widths`` [N, widths[0]] → [N, widths[0]]."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.down_blocks = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.downs = nn.ModuleList(DownConv3d(fine, coarse) for fine, coarse in pairs)
        self.ups = nn.ModuleList(UpConv3d(coarse, fine) for fine, coarse in pairs)
        self.up_blocks = nn.ModuleList(ResidualBlock(fine) for fine, _ in pairs)

    def forward(self, features: Tensor, grid: BrickGrid) -> Tensor:
        grids, skips = [grid], [self.down_blocks[0](features, grid)]
        for down, block in zip(self.downs, self.down_blocks[1:], strict=True):  # type: ignore[arg-type]
            grids.append(coarsen(grids[-1]))
            skips.append(block(down(skips[-1], grids[-2], grids[-1]), grids[-1]))
        hidden = skips[-1]
        for level in reversed(range(len(self.ups))):
            hidden = self.ups[level](hidden, grids[level + 1], grids[level]).add_(skips[level])
            hidden = self.up_blocks[level](hidden, grids[level])
        return hidden

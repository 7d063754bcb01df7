"""Backend on the project's own kernels: kernels/cpu, on GPUs sparse_conv/triton."""

from torch import Tensor

from cranial_sparse.bricks import BrickGrid
from cranial_sparse.bricks.ops import child_bricks
from cranial_sparse.sparse_conv import ops


def submanifold_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    return ops.submanifold_conv(features, weight, grid.masks, grid.offsets, grid.neighbours, False)


def depthwise_conv(features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    return ops.depthwise_conv(features, weight, grid.masks, grid.offsets, grid.neighbours, False)


def down_conv(features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    children = child_bricks(coarse.coords, fine.coords)
    return ops.down_conv(
        features, weight, children, fine.masks, fine.offsets, coarse.masks, coarse.offsets, coarse.num_voxels, False
    )


def up_conv(features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    children = child_bricks(coarse.coords, fine.coords)
    return ops.up_conv(
        features, weight, children, fine.masks, fine.offsets, coarse.masks, coarse.offsets, fine.num_voxels, False
    )

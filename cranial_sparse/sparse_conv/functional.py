"""Sparse convolutions as functions of features ``[N, C]`` and the grids they live on.

A backend is anything with these four functions, without the bias: ``native``, unless one is given. All are
differentiable; with ``native`` once, for the gradient of a weight has no gradient.

All raise ValueError where rows, channels, offsets or the bias do not fit, and on the CPU TypeError where the operands
are not all float32 or all float64. On a GPU they may be float16 or bfloat16 too.
"""

from typing import Protocol

from torch import Tensor

from cranial_sparse.bricks import BrickGrid
from cranial_sparse.bricks.checks import check_rows, check_tensor
from cranial_sparse.sparse_conv import native


class Backend(Protocol):
    def submanifold_conv(self, features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor: ...

    def depthwise_conv(self, features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor: ...

    def down_conv(self, features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor: ...

    def up_conv(self, features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor: ...


def submanifold_conv(
    features: Tensor, weight: Tensor, grid: BrickGrid, bias: Tensor | None = None, backend: Backend | None = None
) -> Tensor:
    """Convolution with a k³ kernel that reads and writes the grid's voxels only.

    ``features [N, Cin]``, ``weight [k³, Cin, Cout]`` for an odd k up to 15, offsets with x slowest, ``bias [Cout]``;
    returns ``[N, Cout]``. Output i is the sum over offsets d of ``features[i + d] @ weight[d]``, the convention of
    ``torch.nn.functional.conv3d``. Source: Graham et al., CVPR 2018, arXiv:1711.10275.
    """
    check_rows("features", features.shape[0], grid.num_voxels)
    return _add((backend or native).submanifold_conv(features, weight, grid), weight, bias)


def depthwise_conv(
    features: Tensor, weight: Tensor, grid: BrickGrid, bias: Tensor | None = None, backend: Backend | None = None
) -> Tensor:
    """Submanifold convolution of every channel by itself: ``features [N, C]``, ``weight [k³, C]``, ``bias [C]``."""
    check_rows("features", features.shape[0], grid.num_voxels)
    return _add((backend or native).depthwise_conv(features, weight, grid), weight, bias)


def down_conv(
    features: Tensor,
    weight: Tensor,
    fine: BrickGrid,
    coarse: BrickGrid,
    bias: Tensor | None = None,
    backend: Backend | None = None,
) -> Tensor:
    """2³ convolution with stride 2 from a grid onto a coarser one, usually ``coarsen(fine)``.

    ``features [N_fine, Cin]``, ``weight [8, Cin, Cout]``, children x slowest; returns ``[N_coarse, Cout]``. Fine
    voxels whose parent is not in the coarse grid are left out.
    """
    check_rows("features", features.shape[0], fine.num_voxels)
    return _add((backend or native).down_conv(features, weight, fine, coarse), weight, bias)


def up_conv(
    features: Tensor,
    weight: Tensor,
    coarse: BrickGrid,
    fine: BrickGrid,
    bias: Tensor | None = None,
    backend: Backend | None = None,
) -> Tensor:
    """Transposed 2³ convolution with stride 2 onto a given finer grid.

    ``features [N_coarse, Cin]``, ``weight [8, Cin, Cout]``, children x slowest; returns ``[N_fine, Cout]``. A fine
    voxel without a parent gets zero (and the bias).
    """
    check_rows("features", features.shape[0], coarse.num_voxels)
    return _add((backend or native).up_conv(features, weight, coarse, fine), weight, bias)


def _add(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return features
    check_tensor("bias", bias, weight.dtype, weight.shape[-1])
    return features.add_(bias)  # ours alone: the convolution has just made it

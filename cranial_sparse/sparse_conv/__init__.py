"""Convolution on brick grids: functions, modules, backends."""

from cranial_sparse.sparse_conv.functional import Backend, depthwise_conv, down_conv, submanifold_conv, up_conv
from cranial_sparse.sparse_conv.layers import DepthwiseConv3d, DownConv3d, SubmanifoldConv3d, UpConv3d

__all__ = [
    "Backend",
    "DepthwiseConv3d",
    "DownConv3d",
    "SubmanifoldConv3d",
    "UpConv3d",
    "depthwise_conv",
    "down_conv",
    "submanifold_conv",
    "up_conv",
]

"""Backend on spconv-triton 1.0.0, which has spconv's interface and Triton kernels, for CUDA alone.

InputError where features are elsewhere. Forward and gradients agree with the reference in Triton's interpreter, and those of the
submanifold convolution, on an H200 in float16, with sums in float64. It tunes itself for most of a minute when it meets a layer.
"""

from functools import wraps
from typing import Any

import spconv_triton.pytorch as library
from torch import Tensor

from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv import spconv_pairs


def _on_a_gpu(convolve: Any) -> Any:
    @wraps(convolve)
    def run(features: Tensor, weight: Tensor, *grids: Any, **named_grids: Any) -> Tensor:
        if not features.is_cuda:
            raise InputError(
                f"backend spconv_triton: expected features on a GPU, got {features.device}; choose native on the CPU"
            )
        return convolve(library, features, weight, *grids, **named_grids)

    return run


submanifold_conv = _on_a_gpu(spconv_pairs.submanifold_conv)
depthwise_conv = _on_a_gpu(spconv_pairs.depthwise_conv)
down_conv = _on_a_gpu(spconv_pairs.down_conv)
up_conv = _on_a_gpu(spconv_pairs.up_conv)

"""Starting kernels on the card that a tensor is on."""

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cranial_sparse.bricks.cuda.compiler import cubin

LANES = 32


@cache
def _module(device: int) -> Any:
    from cuda.core import ObjectCode

    major, minor = torch.cuda.get_device_capability(device)
    return ObjectCode.from_cubin(cubin(f"sm_{major}{minor}"))


@cache
def _kernel(name: str, device: int) -> Any:
    return _module(device).get_kernel(name)


def run(kernel: str, count: int, threads: int, *arguments: Tensor | int | float) -> None:
    """``kernel`` in as many blocks of ``threads`` as ``count`` threads take, on the current stream of the device of the
    first argument, which is a tensor as most are. Nothing is started for a count of 0.

    The kernels take addresses, 64-bit integers and doubles, in this order of types as they come.
    """
    first = arguments[0]
    assert isinstance(first, Tensor)
    if count == 0:
        return
    from cuda.core import LaunchConfig, Stream, launch

    with torch.cuda.device(first.device):
        stream = Stream.from_handle(torch.cuda.current_stream().cuda_stream)
        config = LaunchConfig(grid=-(-count // threads), block=threads)
        launch(stream, config, _kernel(kernel, first.device.index), *map(_plain, arguments))


def _plain(argument: Tensor | int | float) -> Any:
    if isinstance(argument, Tensor):
        assert argument.is_contiguous()
        return argument.data_ptr()
    return np.float64(argument) if isinstance(argument, float) else np.int64(argument)

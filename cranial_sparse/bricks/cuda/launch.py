"""Starting kernels on the card that a tensor is on."""

import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda.compiler import cubin

LANES = 32


@cache
def usable(device: int) -> bool:
    """Whether the kernels can be compiled for this card and loaded; if not, one warning says what that costs and how to
    change it."""
    try:
        kernel("coordinates", device)
    except ImportError as error:
        reason = f"{error}; pip install 'cranial-sparse[cuda]'"
    except Exception as error:  # cuda.core keeps the classes of what it raises to itself
        reason = " ".join(str(error).split())
    else:
        return True
    warnings.warn(
        f"no grid kernels for this card, plain PyTorch runs instead, many times slower: {reason}", stacklevel=2
    )
    return False


@cache
def _module(device: int) -> Any:
    from cuda.core import ObjectCode

    major, minor = torch.cuda.get_device_capability(device)
    return ObjectCode.from_cubin(cubin(f"sm_{major}{minor}"))


@cache
def kernel(name: str, device: int) -> Any:
    """Raises ImportError without cuda-core and NVRTC, and what cuda.core raises where they cannot serve this card."""
    _bind(device)
    return _module(device).get_kernel(name)


@cache
def _stream(handle: int) -> Any:
    from cuda.core import LEGACY_DEFAULT_STREAM, Stream

    return Stream.from_handle(handle) if handle else LEGACY_DEFAULT_STREAM


def _bind(device: int) -> None:
    """Gives this thread the card's context. torch does so at its first call to the driver, which in a new thread, such as
    that of backward, may be still to come: an empty tensor can be had without."""
    from cuda.bindings import driver
    from cuda.core import Device

    if int(driver.cuCtxGetCurrent()[1]) == 0:
        Device(device).set_current()


def run(name: str, count: int, threads: int, *arguments: Tensor | int | float) -> None:
    """A kernel in as many blocks of ``threads`` as ``count`` threads take, on the current stream of the device of the
    first argument, which is a tensor as most are. Nothing is started for a count of 0.

    The kernels take addresses, 64-bit integers and doubles. Raises ValueError where tensors are on several devices or
    not contiguous.
    """
    first = arguments[0]
    assert isinstance(first, Tensor)
    for argument in arguments:
        if isinstance(argument, Tensor) and (argument.device != first.device or not argument.is_contiguous()):
            raise ValueError(
                f"{name}: expected contiguous tensors on {first.device}, got strides {argument.stride()} on {argument.device}"
            )
    if count == 0:
        return
    from cuda.core import LaunchConfig, launch

    device = first.device.index
    with torch.cuda.device(device):
        _bind(device)
        config = LaunchConfig(grid=-(-count // threads), block=threads)
        plain = (argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments)
        launch(_stream(torch.cuda.current_stream().cuda_stream), config, kernel(name, device), *plain)

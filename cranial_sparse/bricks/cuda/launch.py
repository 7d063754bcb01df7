"""Starting kernels on the card that a tensor is on."""

import threading
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
    major, minor = torch.cuda.get_device_capability(device)
    return _cuda()[0].ObjectCode.from_cubin(cubin(f"sm_{major}{minor}"))


@cache
def kernel(name: str, device: int) -> Any:
    """Raises ImportError without cuda-core and NVRTC, and what cuda.core raises where they cannot serve this card."""
    _bind(device)
    return _module(device).get_kernel(name)


@cache
def _stream(handle: int) -> Any:
    core, _ = _cuda()
    return core.Stream.from_handle(handle) if handle else core.LEGACY_DEFAULT_STREAM


@cache
def _cuda() -> tuple[Any, Any]:
    """Not at import, for it may not be here, and not at each launch, where an import statement takes its microsecond."""
    from cuda import core
    from cuda.bindings import driver

    return core, driver


def _bind(device: int) -> None:
    """Gives this thread the card's context. torch does so at its first call to the driver, which in a new thread, such as
    that of backward, may be still to come: an empty tensor can be had without."""
    core, driver = _cuda()
    if int(driver.cuCtxGetCurrent()[1]) == 0:
        core.Device(device).set_current()


class _Landing:
    """Words in memory of the host that a card can write to, and the tensor on whose card that is under way."""

    def __init__(self) -> None:
        self.words = torch.zeros(3, dtype=torch.int64, device="cpu", pin_memory=torch.cuda.is_available())
        self.address, self.values = self.words.data_ptr(), self.words.numpy()
        self.awaited: Tensor | None = None


_threads = threading.local()  # each has words of its own


def landing(like: Tensor) -> int:
    """The address of three words of 64 bits, now zero, for what kernels on a tensor's card tell the host, which reads them
    by ``landed``: a copy from the card would take longer than to wait for it."""
    if not hasattr(_threads, "landing"):
        _threads.landing = _Landing()
    words = _threads.landing
    if words.awaited is not None:  # of somebody who failed before it came to read them
        landed(words.awaited)
    words.values[:] = 0
    words.awaited = like
    return words.address


def landed(like: Tensor) -> list[int]:
    """Waits for the kernels on the current stream of a tensor's card; what they wrote to this thread's words."""
    if like.is_cuda:
        device = like.get_device()
        with torch.cuda.device(device):  # the default stream is that of the card in use
            _bind(device)
            _stream(torch._C._cuda_getCurrentRawStream(device)).sync()
    _threads.landing.awaited = None
    return _threads.landing.values.tolist()


def run(name: str, count: int, threads: int, *arguments: Tensor | int | float) -> None:
    """A kernel in as many blocks of ``threads`` as ``count`` threads take, on the current stream of the device of the
    first argument, which is a tensor as most are. Nothing is started for a count of 0.

    The kernels take addresses, 64-bit integers and doubles. Raises ValueError where tensors are on several devices or
    not contiguous.
    """
    first = arguments[0]
    assert isinstance(first, Tensor)
    device = first.get_device()
    plain: list[int | float] = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            if argument.get_device() != device or not argument.is_contiguous():
                raise ValueError(
                    f"{name}: expected contiguous tensors on {first.device}, "
                    f"got strides {argument.stride()} on {argument.device}"
                )
            plain.append(argument.data_ptr())
        else:
            plain.append(argument)
    if count == 0:
        return
    core, _ = _cuda()
    with torch.cuda.device(device):
        _bind(device)
        config = core.LaunchConfig(grid=-(-count // threads), block=threads)
        # Of torch.cuda.current_stream's 7 µs, all but the object that it makes.
        stream = _stream(torch._C._cuda_getCurrentRawStream(device))
        core.launch(stream, config, kernel(name, device), *plain)

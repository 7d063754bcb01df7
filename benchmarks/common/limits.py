"""What the machine can do: its fastest matrix product and its fastest copy, to hold measurements against."""

from dataclasses import dataclass

import torch

from benchmarks.common.timing import measure


@dataclass(frozen=True)
class Limits:
    """``flops`` of torch.mm per second, and for which (square) size; ``copy`` in bytes read and written per
    second."""

    flops: float
    size: int
    copy: float


def limits(device: str, quick: bool = False, dtype: torch.dtype = torch.float32) -> Limits:
    """The best of several sizes in ``dtype``, measured now."""
    sizes = (128, 256) if quick else (512, 1024, 2048, 4096) if device == "cpu" else (2048, 4096, 8192)
    rates = {size: _product(size, device, dtype) for size in sizes}
    copy = _copy((1 << 22) if quick else (1 << 28) if device == "cpu" else 1 << 30, device)
    if device == "cuda":
        torch.cuda.empty_cache()  # other processes measure on the card next
    fastest = max(rates, key=lambda size: rates[size])
    return Limits(rates[fastest], fastest, copy)


def _product(size: int, device: str, dtype: torch.dtype) -> float:
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * size**3 / measure(lambda: torch.mm(a, b, out=out), 5, device).median


def _copy(size: int, device: str) -> float:
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / measure(lambda: target.copy_(source), 5, device).median

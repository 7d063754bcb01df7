"""Median and spread of what is run several times: by the wall clock, on a card by its events too."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median, quantiles

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

FEWEST = 3  # runs that a median is taken of, however slow they are
CACHE = 256 << 20  # bytes, more than the second-level cache of any card


@dataclass(frozen=True)
class Timing:
    """Seconds of one thing measured several times."""

    median: float
    iqr: float  # third quartile - first quartile
    repeats: int


def timing(seconds: list[float]) -> Timing:
    """Sums up what was measured."""
    low, _, high = quantiles(seconds, n=4) if len(seconds) > 1 else (seconds[0],) * 3
    return Timing(median(seconds), high - low, len(seconds))


def measure(
    run: Callable[[], object], repeats: int, device: str = "cpu", patience: float = 60.0, wall: bool = False
) -> Timing:
    """Times ``run`` after one call that warms up.

    Slow runs end early, after ``patience`` seconds in all, but not before three. On a card the time is that between two
    events on its stream, caches emptied before; with ``wall`` it is that until the host knows that the card is done.
    """
    clock = _events if device == "cuda" and not wall else _wall
    run()
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < repeats and (len(seconds) < FEWEST or time.perf_counter() - started < patience):
        seconds.append(clock(run, device))
    return timing(seconds)


def busy(run: Callable[[], object], repeats: int) -> Timing:
    """What a card works for one ``run``: kernels, copies and fills as torch's profiler times them, waits between them left out.

    Between two events lie these waits as well, which for what takes microseconds is most of the time.
    """
    seconds: list[float] = []
    for _ in range(repeats):
        _settle("cuda")
        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            run()
            torch.cuda.synchronize()
        seconds.append(sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6)
    return timing(seconds)


def _wall(run: Callable[[], object], device: str) -> float:
    _settle(device)
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _events(run: Callable[[], object], device: str) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    _settle(device)
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3


def _settle(device: str) -> None:
    """On a card, nothing of earlier runs is under way or in its cache."""
    if device == "cuda":
        _filler().zero_()
        torch.cuda.synchronize()


@cache
def _filler() -> Tensor:
    return torch.empty(CACHE, dtype=torch.uint8, device="cuda")

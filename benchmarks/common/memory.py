"""Peak memory of one thing, above what there was before it; and how much there is to have."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.common.text import bytes_text
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory
from cranial_sparse.errors import InputError

SHARE = 0.9  # of what is free, that a benchmark may take


@dataclass(frozen=True)
class Peak:
    """Bytes above the baseline: of the process, resident; on a card, of torch's allocator there."""

    process: int
    card: int | None = None

    @property
    def bytes(self) -> int:
        """Where the work is done."""
        return self.process if self.card is None else self.card


def peak_of(run: Callable[[], object], device: str) -> Peak:
    """What one call takes. The process should be fresh: memory that it has freed and kept would hide some."""
    _give_back()
    before = resident()
    reset_peak_memory()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        allocated = torch.cuda.memory_allocated()
    result = run()
    process = max(round(peak_memory_mb() * 2**20) - before, 0)
    if device != "cuda":
        return Peak(process)
    torch.cuda.synchronize()
    del result
    return Peak(process, torch.cuda.max_memory_allocated() - allocated)


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available(device: str) -> int:
    """Bytes that can be had without paging anything out."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024


def check_fit(needed: int, device: str) -> None:
    """Raises InputError, with both sizes, where more is needed than there is."""
    free = int(SHARE * available(device))
    if needed > free:
        raise InputError(f"does not fit: needs {bytes_text(needed)} or more, {bytes_text(free)} are free")


def _give_back() -> None:
    """Freed memory that the C library keeps goes back to the system, where that library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

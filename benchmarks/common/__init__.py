"""What all benchmarks share: processes of their own, times and memory, what the machine can do, pages and plots."""

from benchmarks.common.machine import machine
from benchmarks.common.timing import Timing, measure, timing

__all__ = ["Timing", "machine", "measure", "timing"]

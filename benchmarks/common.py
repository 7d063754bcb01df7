"""What all benchmarks share: timing, the machine, output."""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

import torch
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Timing:
    """Seconds of one thing measured several times."""

    name: str
    median: float
    iqr: float  # third quartile - first quartile
    repeats: int


def measure(name: str, run: Callable[[], object], repeats: int) -> Timing:
    """Times ``run`` after one call that warms up."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return timing(name, seconds)


def timing(name: str, seconds: list[float]) -> Timing:
    """Sums up what was measured."""
    low, _, high = quantiles(seconds, n=4) if len(seconds) > 1 else (seconds[0],) * 3
    return Timing(name, median(seconds), high - low, len(seconds))


def machine() -> dict[str, str | int | float]:
    """What a reader needs to judge the figures."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count() or 0,
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def report(title: str, timings: list[Timing], notes: list[str], path: Path | None, **more: object) -> None:
    """Prints a table and writes the same as JSON where a path is given."""
    table = Table("", "median, ms", "IQR, ms", "repeats", title=title)
    for timing in timings:
        table.add_row(timing.name, f"{1e3 * timing.median:.1f}", f"{1e3 * timing.iqr:.1f}", str(timing.repeats))
    console = Console()
    console.print(table)
    for note in notes:
        console.print(note)
    console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
    if path is not None:
        result = {"title": title, "machine": machine(), "timings": [asdict(t) for t in timings], "notes": notes, **more}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

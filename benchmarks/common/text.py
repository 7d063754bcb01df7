"""Figures as a reader wants them."""

from benchmarks.common.timing import Timing

NONE = "–"


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def time_text(timing: Timing | None) -> str:
    """Median ± IQR in the unit that suits the median."""
    if timing is None:
        return NONE
    unit, scale = unit_of(timing.median)
    return f"{figure(timing.median * scale)} ± {figure(timing.iqr * scale)} {unit}"


def seconds_text(seconds: float) -> str:
    """In the unit that suits them."""
    unit, scale = unit_of(seconds)
    return f"{figure(seconds * scale)} {unit}"


def unit_of(seconds: float) -> tuple[str, float]:
    """The unit in which this is 1 or more, and how many of it a second has."""
    return ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)


def bytes_text(count: int | None) -> str:
    """KiB, MiB or GiB."""
    if count is None:
        return NONE
    unit, size = next(((u, s) for u, s in (("GiB", 1 << 30), ("MiB", 1 << 20)) if count >= s), ("KiB", 1 << 10))
    return f"{figure(count / size)} {unit}"


def share_text(value: float | None) -> str:
    """A share in per cent."""
    return NONE if value is None else f"{value:.0%}" if value >= 0.1 else f"{value:.1%}"


def ratio_text(value: float | None) -> str:
    return NONE if value is None else figure(value)

"""Plots as SVG text that stands in a page: no script, no library, legible on a phone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

INK, SOFT, LINE = "#1b2530", "#586572", "#dde2e7"
DOT, FAILED = "#d66e28", "#b3261e"
WIDTH = 360  # units: one is a CSS pixel on a phone
DIGIT = 7.5  # units that a digit takes at most


@dataclass(frozen=True)
class Dot:
    """One case: its value, what a pointer over it says, and whether it failed."""

    value: float
    label: str
    failed: bool = False


@dataclass(frozen=True)
class Group:
    """Dots of one kind, with their mean and its interval."""

    dots: Sequence[Dot]
    mean: float
    interval: tuple[float, float] | None


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) within [low, high], about ``count``."""
    span = max(high - low, 1e-12)
    power = 10.0 ** np.floor(np.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= count)
    first = np.ceil(low / step - 1e-9) * step
    # + 0.0: no minus zero
    return [float(round(value, 10)) + 0.0 for value in np.arange(first, high + step * 1e-6, step)]


def strips(title: str, groups: Mapping[str, Group]) -> str:
    """A dot for each case, a row for each kind: from left to right the value, the mean a bar across, its interval a line."""
    values = [dot.value for group in groups.values() for dot in group.dots]
    low, high = limits(values)
    row, top = 40, 8
    height = top + row * len(groups) + 24
    scale = _scale(low, high, 10, WIDTH - 10)
    parts = [_grid_x(low, high, scale, top, height - 24)]
    for number, (name, group) in enumerate(groups.items()):
        y = top + row * number + 28
        parts.append(_text(10, y - 15, name, "start"))
        if group.interval is not None:
            a, b = (scale(value) for value in group.interval)
            parts.append(f'<line x1="{a:.1f}" y1="{y}" x2="{b:.1f}" y2="{y}" stroke="{INK}" stroke-width="2.5"/>')
        for place, dot in enumerate(group.dots):
            parts.append(_dot(scale(dot.value), y + (place % 3 - 1) * 2.6, dot))
        x = scale(group.mean)
        parts.append(f'<line x1="{x:.1f}" y1="{y - 8}" x2="{x:.1f}" y2="{y + 8}" stroke="{INK}" stroke-width="2"/>')
    return _svg(title, height, parts)


def scatter(title: str, x_title: str, points: Sequence[tuple[float, Dot]]) -> str:
    """A dot for each case: its size along x, the error up y."""
    bottom, left = 190, 38
    x_low, x_high = limits([x for x, _ in points])
    y_low, y_high = limits([dot.value for _, dot in points])
    x_scale, y_scale = _scale(x_low, x_high, left, WIDTH - 10), _scale(y_low, y_high, bottom, 10)
    parts = [_grid_x(x_low, x_high, x_scale, 10, bottom)]
    for value in ticks(y_low, y_high):
        y = y_scale(value)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 10}" y2="{y:.1f}" stroke="{LINE}"/>')
        parts.append(_text(left - 5, y + 4, f"{value:g}", "end"))
    parts += [_dot(x_scale(x), y_scale(dot.value), dot) for x, dot in points]
    parts.append(_text((left + WIDTH) / 2, bottom + 34, x_title, "middle"))
    return _svg(title, bottom + 40, parts)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis: that of the values and a twentieth more on both sides; never of no length."""
    low, high = min(values), max(values)
    room = (high - low) / 20 or abs(high) / 20 or 0.5
    return low - room, high + room


def _scale(low: float, high: float, start: float, stop: float):
    return lambda value: start + (value - low) / (high - low) * (stop - start)


def _grid_x(low: float, high: float, scale, top: float, bottom: float) -> str:
    lines = []
    for value in ticks(low, high):
        x = scale(value)
        lines.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{LINE}"/>')
        text = f"{value:g}"
        half = DIGIT * len(text) / 2
        inside = min(max(x, half), WIDTH - half)  # whole, at the plot's edge too
        lines.append(_text(inside, bottom + 16, text, "middle"))
    return "".join(lines)


def _dot(x: float, y: float, dot: Dot) -> str:
    colour = FAILED if dot.failed else DOT
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}" fill-opacity="0.72">'
        f"<title>{escape(dot.label)}</title></circle>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{SOFT}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" font-size="12" '
        f'font-family="inherit">{"".join(parts)}</svg>'
    )

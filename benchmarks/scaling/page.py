"""What the page of the scaling benchmark shows."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common import page, plots
from benchmarks.common.arithmetic import exponent
from benchmarks.common.process import Outcome
from benchmarks.common.text import NONE, bytes_text, time_text
from benchmarks.scaling.measure import Case, Row

NOTES = (
    "Every run gets a grid of which nothing is known but its voxels. The cascade is untrained, its proposal the true skull.",
    "What does not fit is not run; its size is a lower bound, counted from the features that must be held at once.",
)
Outcomes = Sequence[Outcome[Case, Row]]
Value = Callable[[Row], float]
VALUES: dict[str, Value] = {
    "seconds": lambda row: row.seconds.median,
    "bytes": lambda row: row.peak.bytes,
    "voxels": lambda row: row.voxels,
}


def curves(outcomes: Outcomes, along: str, value: str) -> dict[str, plots.Curve]:
    """``value`` against ``along`` ("size" or "items") for every network and scene, where it ran and is not zero."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for outcome in outcomes:
        if outcome.result is not None and (y := VALUES[value](outcome.result)) > 0:
            xs, ys = found.setdefault(f"{outcome.case.network}, {outcome.case.scene}", ([], []))
            xs.append(getattr(outcome.case, along))
            ys.append(y)
    return {name: (xs, ys) for name, (xs, ys) in found.items()}


def exponents(outcomes: Outcomes, along: str) -> dict[str, dict[str, float]]:
    """Of every curve with two points or more: the power of ``along`` that it grows with."""
    found: dict[str, dict[str, float]] = {}
    for value in VALUES:
        for name, (xs, ys) in curves(outcomes, along, value).items():
            if len(set(xs)) > 1:
                found.setdefault(name, {})[value] = exponent(xs, ys)
    return found


def exponent_table(found: dict[str, dict[str, float]]) -> list[str]:
    """Exponents of time, memory and voxels."""
    rows = [[name, *(f"{of[value]:.2f}" if value in of else NONE for value in VALUES)] for name, of in found.items()]
    return page.table(["exponent of", "time", "memory", "voxels"], rows)


def table(outcomes: Outcomes) -> list[str]:
    """All that was measured."""
    rows = []
    for o in outcomes:
        told = [o.reason, "", ""]
        if o.result is not None:
            told = [f"{o.result.voxels:,}", time_text(o.result.seconds), bytes_text(o.result.peak.bytes)]
        rows.append([o.case.network, o.case.scene, f"{o.case.size}³", str(o.case.items), *told])
    return page.table(["network", "on", "size", "batch", "voxels", "time", "peak"], rows)


def draw(out: Path, outcomes: Outcomes, along: str, label: str) -> list[str]:
    """Time and memory against ``along``, with the fitted exponents."""
    if not plots.can_plot():
        return [plots.MISSING]
    fitted, diagrams = exponents(outcomes, along), []
    for value in ("seconds", "bytes"):
        lines = {
            f"{name}: {fitted[name][value]:.2f}" if value in fitted.get(name, {}) else name: curve
            for name, curve in curves(outcomes, along, value).items()
        }
        ticks = sorted({x for xs, _ in lines.values() for x in xs})
        diagrams.append(plots.Axes(f"{value}, with the fitted exponent", label, value, lines, ticks))
    name = f"scaling_{along}.svg"
    plots.draw(out / name, diagrams)
    return [page.picture(name, f"time and memory against {label}")]

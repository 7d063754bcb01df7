"""Plots as SVG files that lie beside a page, in the colours of the report's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cranial_sparse.report.svg import INK, LINE, SOFT

MISSING = "no plots: matplotlib is not installed; pip install 'cranial-sparse[benchmarks]'"

COLOURS = (
    "#d66e28",
    "#1666b0",
    "#586572",
    "#3b8f6b",
    "#8a5aa8",
    "#b8a13a",
    "#8492a0",
    "#c2506b",
    "#4fa3c7",
    "#7a5c3e",
    "#a9c46c",
)
MARKERS = "osD^vP*"
STYLE = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "cranial-sparse",  # the same figures make the same file
}
Curve = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Axes:
    """One diagram: its title, the names of its axes, and curves or (with ``bars``) bars by name."""

    title: str
    x: str
    y: str
    curves: Mapping[str, Curve]
    ticks: Sequence[float] = ()  # of x, where they are to be named
    logarithmic: tuple[bool, bool] = (True, True)


def can_plot() -> bool:
    return find_spec("matplotlib") is not None


def draw(path: Path, diagrams: Sequence[Axes]) -> None:
    """Curves with points, side by side. A missing curve is one without points."""
    plot = _pyplot()
    with plot.rc_context(STYLE):
        figure, axes = plot.subplots(
            1, len(diagrams), figsize=(4.6 * len(diagrams), 3.5), squeeze=False, layout="constrained"
        )
        for part, diagram in zip(axes[0], diagrams, strict=True):
            for number, (name, (xs, ys)) in enumerate(diagram.curves.items()):
                look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
                part.plot(xs, ys, label=name, markersize=4, linewidth=1.4, **look)
            part.set(title=diagram.title, xlabel=diagram.x, ylabel=diagram.y)
            for axis, logarithmic in zip("xy", diagram.logarithmic, strict=True):
                if logarithmic and any(
                    len(xs) for xs, _ in diagram.curves.values()
                ):  # of nothing there is no logarithm
                    part.set(**{f"{axis}scale": "log"})
            if diagram.ticks:
                part.set_xticks(diagram.ticks, [f"{tick:g}" for tick in diagram.ticks])
                part.set_xticks([], minor=True)
            if diagram.curves:
                part.legend(fontsize=8)
        _save(plot, figure, path)


def bars(path: Path, title: str, x: str, parts: Mapping[str, Mapping[str, float]]) -> None:
    """A horizontal bar for each name, made of parts one after another."""
    plot = _pyplot()
    with plot.rc_context(STYLE):
        figure, axes = plot.subplots(figsize=(8, 1.4 + 0.4 * len(parts)), layout="constrained")
        kinds = list(dict.fromkeys(kind for pieces in parts.values() for kind in pieces))
        starts = dict.fromkeys(parts, 0.0)
        for number, kind in enumerate(kinds):
            lengths = [pieces.get(kind, 0.0) for pieces in parts.values()]
            axes.barh(
                list(parts), lengths, left=list(starts.values()), label=kind, color=COLOURS[number % len(COLOURS)]
            )
            starts = {name: starts[name] + length for name, length in zip(parts, lengths, strict=True)}
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(title=title, xlabel=x)
        if len(kinds) > 1:
            figure.legend(fontsize=8, ncols=min(len(kinds), 4), loc="outside lower center")
        _save(plot, figure, path)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(plot, figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plot.close(figure)

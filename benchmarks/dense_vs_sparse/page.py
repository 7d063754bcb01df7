"""What the page of the comparison shows."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

from benchmarks.common import page, plots
from benchmarks.common.arithmetic import crossover
from benchmarks.common.process import Outcome
from benchmarks.common.text import NONE, bytes_text, ratio_text, seconds_text, share_text, time_text
from benchmarks.common.unets import DENSE, MASKED, PLAIN
from benchmarks.dense_vs_sparse.measure import BAND, MODES, SHELL, SKULL, Case, Row

NOTES = (
    "Sparse times include finding neighbours: every run gets a grid of which nothing is known but its voxels.",
    "`× ours` is the time over that of native; below 1 we lose.",
    "What does not fit is not run; its size is a lower bound, counted from the features that must be held at once.",
)
Outcomes = Sequence[Outcome[Case, Row]]


def scene_tables(outcomes: Outcomes, scene: str) -> list[str]:
    """Forward and training of every variant, a table for every size."""
    lines: list[str] = []
    for size in dict.fromkeys(o.case.size for o in outcomes if o.case.scene == scene):
        those = [o for o in outcomes if (o.case.scene, o.case.size) == (scene, size)]
        fill, shape = those[0].case.fill, those[0].case.shape
        of_box = f"{share_text(fill)} of {' × '.join(map(str, shape))}"
        rows = [_line(those, variant) for variant in dict.fromkeys(o.case.variant for o in those)]
        lines += ["", f"## {scene}, {size}³: {round(fill * prod(shape)):,} voxels, {of_box}", ""]
        if len(reasons := {o.reason for o in those}) == 1 and not any(o.result for o in those):
            lines.append(f"{reasons.pop().capitalize()}.")
            continue
        lines += page.table(["", "forward", "peak", "× ours", "training step", "peak", "× ours"], rows)
    return lines


def _line(outcomes: Outcomes, variant: str) -> list[str]:
    cells = [variant]
    for mode in MODES:
        one, ours = (_of(outcomes, name, mode) for name in (variant, "native"))
        if one is None or one.result is None:
            cells += [one.reason if one else NONE, "", ""]
        else:
            ratio = one.result.seconds.median / ours.result.seconds.median if ours and ours.result else None
            cells += [time_text(one.result.seconds), bytes_text(one.result.peak.bytes), ratio_text(ratio)]
    return cells


def _of(outcomes: Outcomes, variant: str, mode: str) -> Outcome[Case, Row] | None:
    return next((o for o in outcomes if (o.case.variant, o.case.mode) == (variant, mode)), None)


def curve(outcomes: Outcomes, scene: str, variant: str, mode: str, of: str) -> plots.Curve:
    """``fill`` or ``size`` and seconds of one variant where it ran."""
    met = [o for o in outcomes if (o.case.scene, o.case.variant, o.case.mode) == (scene, variant, mode)]
    points = sorted((getattr(o.case, of), o.result.seconds.median) for o in met if o.result)
    return [x for x, _ in points], [y for _, y in points]


def crossings(outcomes: Outcomes, variants: Sequence[str]) -> list[dict[str, object]]:
    """For every sparse library and mode, from which fill on either dense network is faster: None where it never is, as far as
    both were measured, which is ``measured``."""
    found: list[dict[str, object]] = []
    for variant in variants:
        for mode in MODES:
            sparse = dict(zip(*curve(outcomes, SHELL, variant, mode, "fill"), strict=True))
            measured: dict[str, float] = {}
            row: dict[str, object] = {"variant": variant, "mode": mode, "measured": measured}
            for name in DENSE:
                dense = dict(zip(*curve(outcomes, SHELL, name, mode, "fill"), strict=True))
                fills = sorted(sparse.keys() & dense.keys())
                if fills:
                    row[name] = crossover(fills, [sparse[f] for f in fills], [dense[f] for f in fills])
                    measured[name] = fills[-1]
            found.append(row)
    return found


def crossing_table(found: Sequence[dict[str, object]]) -> list[str]:
    """Where dense becomes faster."""
    rows = [[str(r["variant"]), str(r["mode"]), *(_fill_text(r, name) for name in (PLAIN, MASKED))] for r in found]
    return page.table(["", "", "plain dense is faster", "masked dense is faster"], rows)


def _fill_text(row: dict[str, object], dense: str) -> str:
    if dense not in row:
        return "not measured"
    fill, measured = row[dense], row["measured"][dense]  # type: ignore[index]
    if fill is None:
        return "never" if measured > 0.99 else f"not up to {measured:.0%}"
    return "always" if fill == 0 else f"from {fill:.0%} on"


def shell_table(outcomes: Outcomes, variants: Sequence[str]) -> list[str]:
    """Median seconds of every variant that ran at every fill."""
    fills = sorted({o.case.fill for o in outcomes if o.case.scene == SHELL})
    rows = []
    for mode in MODES:
        for variant in (*variants, *DENSE):
            seconds = dict(zip(*curve(outcomes, SHELL, variant, mode, "fill"), strict=True))
            if seconds:
                rows.append([variant, mode, *(seconds_text(seconds[f]) if f in seconds else NONE for f in fills)])
    return page.table(["", "", *(f"{fill:.0%}" for fill in fills)], rows)


def draw(out: Path, outcomes: Outcomes, variants: Sequence[str]) -> list[str]:
    """Time against size, and against fill."""
    if not plots.can_plot():
        return [plots.MISSING]
    lines = []
    fills = sorted({o.case.fill for o in outcomes if o.case.scene == SHELL})
    sizes = sorted({o.case.size for o in outcomes if o.case.scene == SKULL})
    for scene, of, ticks in ((SKULL, "size", sizes), (BAND, "size", sizes), (SHELL, "fill", fills)):
        name = f"dense_vs_sparse_{scene.replace(' ', '_')}.svg"
        diagrams = [
            plots.Axes(
                f"{scene}, {mode}",
                "voxels along each side" if of == "size" else "share of the cube that is filled",
                "seconds",
                {variant: curve(outcomes, scene, variant, mode, of) for variant in (*variants, *DENSE)},
                ticks,
            )
            for mode in MODES
        ]
        plots.draw(out / name, diagrams)
        lines += [page.picture(name, f"time of the U-Net on the {scene}, by {of}"), ""]
    return lines

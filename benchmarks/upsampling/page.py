"""What the page of the upsampling benchmark shows."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import page, plots
from benchmarks.common.limits import Limits
from benchmarks.common.process import Outcome
from benchmarks.common.text import bytes_text, ratio_text, share_text, time_text
from benchmarks.upsampling.measure import OURS, Case, Row, Stage

NOTES = (
    "Bytes are the least that must be read and written: masks, logits, coordinates, features, each once.",
    "`children` ends with the coordinates of the children kept, `children with features` with their parents' features.",
    "`of copy` is of the kernels' time on a card: what they would take with nobody waiting for the host.",
    "`× ours` is the time over ours, on a card the host's; below 1 we lose.",
)
Outcomes = Sequence[Outcome[Case, Row]]


def tables(outcomes: Outcomes, can: Limits) -> list[str]:
    """The stages of every way; on a card the time between events, the host's, and what the card works of it."""
    on_card = any(outcome.case.device == "cuda" for outcome in outcomes)
    head = ["", "stage", "bytes", "time", *(["wall", "kernels"] if on_card else []), "peak", "of copy", "× ours"]
    rows = []
    for outcome in outcomes:
        if outcome.result is None:
            rows.append([outcome.case.way, outcome.reason, *[""] * (len(head) - 2)])
            continue
        for stage in outcome.result.stages:
            ours = _stage(outcomes, stage.name)
            times = [time_text(stage.seconds), *([time_text(stage.wall), time_text(stage.kernels)] if on_card else [])]
            shares = [
                bytes_text(stage.peak.bytes),
                share_text(stage.bytes / stage.kernels.median / can.copy),
                ratio_text(stage.wall.median / ours.wall.median if ours else None),
            ]
            rows.append([outcome.case.way, stage.name, bytes_text(stage.bytes), *times, *shares])
    return page.table(head, rows)


def _stage(outcomes: Outcomes, name: str) -> Stage | None:
    """Ours of this name."""
    of_ours = next((o.result for o in outcomes if o.case.way == OURS and o.result), None)
    return next((stage for stage in of_ours.stages if stage.name == name), None) if of_ours else None


def draw(out: Path, outcomes: Outcomes) -> list[str]:
    """A bar for each stage of each way."""
    if not plots.can_plot():
        return [plots.MISSING]
    parts = {
        f"{o.case.way}: {stage.name}": {"time": stage.wall.median * 1e3} for o in outcomes if o.result
        for stage in o.result.stages
    }  # fmt: skip
    plots.bars(out / "upsampling.svg", "Occupancy upsampling", "milliseconds", parts)
    return [page.picture("upsampling.svg", "time of every stage of every way")]

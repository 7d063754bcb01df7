"""What the page of the convolution benchmark shows."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import page, plots
from benchmarks.common.limits import Limits
from benchmarks.common.process import Outcome
from benchmarks.common.text import bytes_text, figure, ratio_text, share_text, time_text
from benchmarks.convolution.measure import Case, Row

PASSES = ("forward", "input_gradient", "weight_gradient")
NOTES = (
    "`index` is the difference of two medians: a forward pass on a grid made anew from its coordinates, and one on a grid "
    "whose neighbours are known. `layer` is all of it: index, forward, both gradients.",
    "`of sgemm` is for forward, input gradient and weight gradient, `of copy` for forward; `× ours` is the time of the layer "
    "over that of native: below 1 we lose.",
    "A library that computes both gradients in one go shows the time of both twice.",
    "Depthwise: spconv and MinkowskiEngine have none that competes and run a full convolution with diagonal matrices.",
)
Outcomes = Sequence[Outcome[Case, Row]]


def tables(outcomes: Outcomes, can: Limits) -> list[str]:
    """A table for each layer and number of channels."""
    lines: list[str] = []
    groups = dict.fromkeys((outcome.case.layer, outcome.case.channels) for outcome in outcomes)
    for name, channels in groups:
        those = [o for o in outcomes if (o.case.layer, o.case.channels) == (name, channels)]
        row = next((o.result for o in those if o.result), None)
        counted = f": {row.pairs / row.voxels:.1f} pairs a voxel, {row.flops / 1e9:.3g} Gflop a pass" if row else ""
        lines += ["", f"## {name}, {channels} channels{counted}", ""]
        head = ["", "index", "forward", "input gradient", "weight gradient", "layer", "peak", "of sgemm"]
        body = [_line(outcome, can) for outcome in those]
        lines += page.table([*head, "of copy", "× ours"], _against(those, body))
    return lines


def _line(outcome: Outcome[Case, Row], can: Limits) -> list[str]:
    row = outcome.result
    if row is None:
        return [outcome.case.backend, outcome.reason, *[""] * 7]
    passes = (row.forward, row.input_gradient, row.weight_gradient)
    return [
        outcome.case.backend,
        f"{figure(1e3 * row.index)} ms",
        *map(time_text, (*passes, row.training_layer)),
        bytes_text(row.peak.bytes),
        " / ".join(share_text(row.flops / one.median / can.flops) for one in passes),
        share_text(row.bytes / row.forward.median / can.copy),
    ]


def _against(outcomes: Outcomes, body: list[list[str]]) -> list[list[str]]:
    """Each line, and its time of the whole layer over that of native; below 1 we lose."""
    ours = next((o.result for o in outcomes if o.case.backend == "native" and o.result), None)
    ratios = [
        o.result.training_layer.median / ours.training_layer.median if o.result and ours else None for o in outcomes
    ]
    return [[*line, ratio_text(ratio)] for line, ratio in zip(body, ratios, strict=True)]


def draw(out: Path, outcomes: Outcomes) -> list[str]:
    """A plot for each layer: a bar for each case, of index, forward and gradients."""
    if not plots.can_plot():
        return [plots.MISSING]
    lines = []
    for layer in dict.fromkeys(outcome.case.layer for outcome in outcomes):
        those = [outcome for outcome in outcomes if outcome.case.layer == layer and outcome.result]
        bars = {f"{o.case.channels} channels, {o.case.backend}": _parts(o.result) for o in those if o.result}
        name = f"convolution_{layer}.svg"
        plots.bars(out / name, f"{layer}: time of one layer", "seconds", bars)
        lines.append(page.picture(name, f"time of the {layer} layer on every library"))
    return lines


def _parts(row: Row) -> dict[str, float]:
    index, forward = max(row.index, 0.0), row.forward.median
    return {"index": index, "forward": forward, "both gradients": max(row.training_layer.median - index - forward, 0.0)}

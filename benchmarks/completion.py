"""Time and memory of whole completions: skulls with official defects, by a fresh process each, as a user would.

Start of Python, imports, reading, completing, mesh, report; every stage by itself. Each case is written as an official NRRD
before, and its implant compared with the true one before a figure counts.
"""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.cases import FixedCase, write_case
from benchmarks.common import page, plots
from benchmarks.common.launch import launch
from benchmarks.common.options import parse, parser
from benchmarks.common.text import bytes_text, figure, time_text
from benchmarks.common.timing import Timing, timing
from benchmarks.made_up import made_up_case
from cranial_sparse.data.datasets import find_cases
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.io.volume import read_mask
from cranial_sparse.metrics import dsc

NAME = "completion"
EXAMPLES = """\
  python -m benchmarks completion                                 # three skulls, both systems
  python -m benchmarks completion --cases 002 --repeats 5
  python -m benchmarks completion --cases all --systems cascade --repeats 1
  python -m benchmarks completion --device cuda --systems cascade # the network on a card, the rest on the CPU"""
CASES = "002,013,066"  # the README's, the one that comes out worst (levels.md), and one between
SYSTEMS = ("radial", "cascade")
LOWEST_DSC = 0.85  # no val case is below


@dataclass(frozen=True)
class Run:
    """One fresh process: wall seconds, peak resident bytes, seconds of each stage, DSC of the implant."""

    seconds: float
    peak: int
    stages: dict[str, float]
    dsc: float


@dataclass(frozen=True)
class Row:
    """All runs of one case: medians of seconds and of each stage, the highest peak, the lowest DSC."""

    case: str
    system: str
    seconds: Timing
    peak: int
    stages: dict[str, float]
    dsc: float


def run_system(case: str, system: str, folder: Path, threads: int | None = None, device: str = "cpu") -> Run:
    """Complete ``case`` of ``folder`` once, the network on ``device``.

    Raises InputError where the implant is not the missing bone.
    """
    skull, truth = (folder / "official" / kind / f"{case}.nrrd" for kind in ("defective_skull", "implant"))
    command = [sys.executable, "-m", "cranial_sparse", "complete", str(skull), "--system", system, "--device", device]
    seconds, peak = launch([*command, "--overwrite", "--out", str(folder / system)], threads)
    result = folder / system / case
    found = dsc(read_mask(result / "implant.nrrd").array, read_mask(truth).array)
    if not found > LOWEST_DSC:
        raise InputError(
            f"case {case}, --system {system}: expected a DSC above {LOWEST_DSC}, got {found:.3f}; no figure is kept"
        )
    stages = json.loads((result / "summary.json").read_text(encoding="utf-8"))["seconds"]
    return Run(seconds, peak, stages, found)


def summarise(case: str, system: str, runs: Sequence[Run]) -> Row:
    """One row of several runs."""
    stages = {stage: median(run.stages[stage] for run in runs) for stage in runs[0].stages}
    seconds = timing([run.seconds for run in runs])
    return Row(case, system, seconds, max(run.peak for run in runs), stages, min(run.dsc for run in runs))


def parts(row: Row) -> dict[str, float]:
    """Seconds of the stages from the longest, those of 0.05 s and more, and what start and imports take beside them."""
    longest = sorted(row.stages.items(), key=lambda stage: -stage[1])
    beside = row.seconds.median - sum(row.stages.values())
    return {**{name: seconds for name, seconds in longest if seconds >= 0.05}, "start, imports": max(beside, 0.0)}


def write_cases(options: Namespace, folder: Path) -> list[str]:
    """The chosen cases as official NRRDs in ``folder``; their names. Raises InputError where one is not there."""
    if options.quick:
        return [made_up_case(folder)]
    if options.data is None:
        raise InputError("--data: no folder; give that of the skulls, set CRANIAL_SPARSE_DATA or take --quick")
    found = {case.skull_id: case for case in find_cases(options.data) if case.split == "val"}
    names = list(found) if options.cases == "all" else options.cases.split(",")
    if missing := [name for name in names if name not in found]:
        raise InputError(
            f"--cases {missing[0]}: expected val skulls of {options.data}: {', '.join(found) or 'none there'}"
        )
    for name in names:
        write_case(FixedCase("official", name), options.data, folder)
    return names


def body(rows: Sequence[Row], out: Path) -> list[str]:
    """A table, the stages, and a plot of them."""
    lines = page.table(
        ["case", "system", "wall", "peak memory", "DSC", "stages, s"],
        [
            [row.case, row.system, time_text(row.seconds), bytes_text(row.peak), f"{row.dsc:.3f}", _listed(row)]
            for row in rows
        ],
    )
    if not plots.can_plot():
        return [plots.MISSING, "", *lines]
    plots.bars(
        out / f"{NAME}.svg", "One completion", "seconds", {f"{row.case}, {row.system}": parts(row) for row in rows}
    )
    return [page.picture(f"{NAME}.svg", "seconds of every stage of every case"), "", *lines]


def _listed(row: Row) -> str:
    return ", ".join(f"{name} {figure(seconds)}" for name, seconds in parts(row).items())


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Parse the options and run."""
    made = parser(NAME, __doc__, EXAMPLES, on_grids=False)
    made.add_argument("--cases", default=CASES, help="val skulls by number, or all (default: %(default)s)")
    made.add_argument("--systems", default=",".join(SYSTEMS), help="default: %(default)s")
    made.set_defaults(repeats=3)
    options = parse(made, arguments)
    systems = options.systems.split(",")
    if options.quick:
        systems, options.repeats = systems[:1], 1
    runs: dict[tuple[str, str], list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        names = write_cases(options, Path(folder))
        for _ in range(options.repeats):  # in turn, so that a busy minute does not fall on one alone
            for name in names:
                for system in systems:
                    run = run_system(name, system, Path(folder), options.threads, options.device)
                    runs.setdefault((name, system), []).append(run)
    rows = [summarise(*key, these) for key, these in runs.items()]
    title = (
        f"Whole completions, a fresh process each, {len(names)} case{'s' if len(names) > 1 else ''}, {options.device}"
    )
    notes = [f"An implant with a DSC up to {LOWEST_DSC} ends the benchmark without a figure."]
    result = page.Page(NAME, title, body(rows, options.out), [asdict(row) for row in rows], notes=notes)
    page.write(result, options.out, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())

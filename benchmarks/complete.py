"""Time and memory of one whole ``complete``: ``python -m benchmarks.complete --data DATA --out benchmarks/results``.

SkullFix 002 (512×512×337) is written as an official NRRD and completed by a fresh process, as a user would: start of
Python, imports, reading, completing, mesh, report. Every implant is compared with the true one before a figure counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.cases import write_official
from benchmarks.common import report, timing
from cranial_sparse.data.datasets import find_cases, read_mask
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.metrics import dsc

CASE = "002"
SYSTEMS = ("radial", "cascade")
LOWEST_DSC = 0.9
# A process starts with the peak memory of the one that started it, so a small one must; it prints what it measured.
LAUNCHER = """\
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print("\\n", time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Run:
    """One fresh process: wall seconds, peak resident memory in MiB, seconds of each stage, DSC of the implant."""

    seconds: float
    peak_mb: float
    stages: dict[str, float]
    dsc: float


def launch(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident memory in MiB of a command. Raises InputError with its output where it fails."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said, _, measured = done.stdout.rstrip().rpartition("\n")
    seconds, kilobytes, status = measured.split()
    if status != "0":
        raise InputError(f"{' '.join(command)}: expected exit status 0, got {status}: {said.strip()}")
    return float(seconds), int(kilobytes) / 1024


def run_system(system: str, folder: Path) -> Run:
    """Complete the case in ``folder`` once. Raises InputError where the implant is not the missing bone."""
    skull, truth = (folder / "official" / kind / f"{CASE}.nrrd" for kind in ("defective_skull", "implant"))
    command = [sys.executable, "-m", "cranial_sparse", "complete", str(skull), "--system", system, "--overwrite"]
    seconds, peak_mb = launch([*command, "--out", str(folder / system)])
    result = folder / system / CASE
    found = dsc(read_mask(result / "implant.nrrd").array, read_mask(truth).array)
    if not found > LOWEST_DSC:
        raise InputError(f"--system {system}: expected a DSC above {LOWEST_DSC}, got {found:.3f}; no figure is kept")
    stages = json.loads((result / "summary.json").read_text(encoding="utf-8"))["seconds"]
    return Run(seconds, peak_mb, stages, found)


def summarise(runs: list[Run]) -> dict:
    """Medians of seconds and of each stage, the highest peak, the lowest DSC, and all runs."""
    return {
        "seconds": median(run.seconds for run in runs),
        "peak_mb": max(run.peak_mb for run in runs),
        "stages": {stage: median(run.stages[stage] for run in runs) for stage in runs[0].stages},
        "dsc": min(run.dsc for run in runs),
        "runs": [asdict(run) for run in runs],
    }


def note(system: str, summary: dict) -> str:
    """One line: wall, peak, answer, and the stages from the longest."""
    stages = sorted(summary["stages"].items(), key=lambda item: -item[1])
    listed = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in stages if seconds >= 0.05)
    return (
        f"{system}: {summary['seconds']:.1f} s, peak {summary['peak_mb'] / 1024:.2f} GiB, "
        f"DSC {summary['dsc']:.3f}; stages, s: {listed}"
    )


def measure_all(data: Path, runs: int) -> dict[str, list[Run]]:
    """``runs`` runs of every system, in turn, so that a busy minute does not fall on one alone."""
    cases = [case for case in find_cases(data) if case.skull_id == CASE]
    if len(cases) != 1:
        raise InputError(f"{data}: expected SkullFix with one case {CASE}, found {len(cases)}")
    measured: dict[str, list[Run]] = {system: [] for system in SYSTEMS}
    with tempfile.TemporaryDirectory() as folder:
        write_official(cases[0], Path(folder))
        for _ in range(runs):
            for system in SYSTEMS:
                measured[system].append(run_system(system, Path(folder)))
    return measured


@in_one_line
def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.complete", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = os.environ.get("CRANIAL_SPARSE_DATA")
    parser.add_argument("--data", type=Path, default=Path(home) if home else None, help="folder of the skulls")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for complete.json")
    parser.add_argument("--runs", type=int, default=3, help="of each system (default: %(default)s)")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data: give the folder of the skulls, or set CRANIAL_SPARSE_DATA")
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: expected 1 or more")
    load = os.getloadavg()[0]
    measured = measure_all(options.data, options.runs)
    systems = {system: summarise(runs) for system, runs in measured.items()}
    timings = [timing(system, [run.seconds for run in runs]) for system, runs in measured.items()]
    notes = [note(system, summary) for system, summary in systems.items()]
    report(
        f"complete, SkullFix {CASE}, whole process",
        timings,
        notes,
        options.out / "complete.json",
        load_before=load,
        systems=systems,
    )


if __name__ == "__main__":
    sys.exit(main())

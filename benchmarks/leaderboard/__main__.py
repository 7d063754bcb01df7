"""Run every system on the fixed cases and write leaderboard.json, .csv, .md and plots.

Each case is done once for all its entries and kept; a second run goes on where the first one ended, and does again only
what was made with other weights.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import SETS, FixedCase, listed
from benchmarks.common.machine import machine
from benchmarks.leaderboard.entries import entries, made_by
from benchmarks.leaderboard.measure import measure
from benchmarks.leaderboard.page import Rows, page, plot, sets_of, to_csv
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.io.files import write_whole

USUAL = ("official", "skullbreak_like")


def row_name(case: FixedCase) -> str:
    """Set, kind of defect and skull: "skullbreak_like/bilateral/000"."""
    return f"{case.set}/{case.kind}/{case.skull}"


def missing(
    rows: Rows, case: FixedCase, wanted: tuple[str, ...], current: dict[str, dict[str, str]]
) -> tuple[str, ...]:
    """The entries of ``wanted`` that have no row of ``case`` made with the ``current`` files."""
    return tuple(e for e in wanted if rows.get(e, {}).get(row_name(case), {}).get("made_by") != current[e])


def read_rows(path: Path) -> Rows:
    """What an earlier run has left, or nothing."""
    return json.loads(path.read_text(encoding="utf-8"))["entries"] if path.is_file() else {}


def write(rows: Rows, folder: Path, command: str) -> None:
    """All files of the leaderboard."""
    about: dict[str, Any] = machine()
    ordered = {entry: dict(sorted(rows[entry].items())) for entry in sorted(rows)}
    write_whole(folder / "leaderboard.json", json.dumps({"machine": about, "entries": ordered}, indent=1) + "\n")
    write_whole(folder / "leaderboard.csv", to_csv(ordered))
    for name in sets_of(ordered):
        write_whole(folder / f"leaderboard_{name}.svg", plot(ordered, name))
    write_whole(folder / "leaderboard.md", page(ordered, command, about))


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks leaderboard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), default=tuple(SYSTEMS))
    parser.add_argument("--cases", nargs="+", choices=SETS, default=USUAL, help="sets of cases (default: %(default)s)")
    parser.add_argument("--smoke", action="store_true", help="one case of each set")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes; with more than one, seconds are of a shared machine"
    )
    args = parser.parse_args()
    if args.data is None:
        raise InputError("--data: no folder; set CRANIAL_SPARSE_DATA or give --data")
    wanted = entries(tuple(args.systems))
    current = {entry: made_by(entry) for entry in wanted}
    target = args.out / "leaderboard.json"
    rows = read_rows(target)
    cases = listed(*args.cases, smoke=args.smoke)
    todo = {case: left for case in cases if (left := missing(rows, case, wanted, current))}
    command = f"python -m benchmarks leaderboard --systems {' '.join(args.systems)} --cases {' '.join(args.cases)}"
    with ProcessPoolExecutor(args.jobs, initializer=torch.set_num_threads, initargs=(max(1, 2 // args.jobs),)) as pool:
        running = {pool.submit(measure, case, left, args.data): case for case, left in todo.items()}
        for number, done in enumerate(as_completed(running), 1):
            case = running[done]
            for entry, row in done.result().items():
                rows.setdefault(entry, {})[row_name(case)] = {**row, "made_by": current[entry]}
            write(rows, args.out, command)
            got = "  ".join(f"{entry} {rows[entry][row_name(case)]['scores']['dsc']:.3f}" for entry in wanted)
            print(f"{number}/{len(running)} {row_name(case)}: {got}", flush=True)
    write(rows, args.out, command)


if __name__ == "__main__":
    sys.exit(main())

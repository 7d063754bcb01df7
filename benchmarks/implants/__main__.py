"""Design an implant for every fixed case and check the finished solid: implants.json and implants.md.

Each case is done once for a system and kept; a second run goes on where the first one ended. --fresh does all again, as
after a change of the designer.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.cases import SETS, listed
from benchmarks.common.machine import machine
from benchmarks.implants.measure import measure
from benchmarks.implants.page import page
from benchmarks.leaderboard.__main__ import row_name
from benchmarks.leaderboard.entries import made_by
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.io.files import write_whole


@in_one_line
def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks implants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = os.environ.get("CRANIAL_SPARSE_DATA")
    parser.add_argument("--data", type=Path, default=Path(home) if home else None, help="folder with skullfix/")
    parser.add_argument(
        "--cases", nargs="+", choices=SETS, default=("official", "skullbreak_like"), help="sets of cases"
    )
    parser.add_argument("--smoke", action="store_true", help="one case of each set")
    parser.add_argument(
        "--system", choices=tuple(SYSTEMS), default="radial", help="what predicts (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes; with more than one, seconds are of a shared machine"
    )
    parser.add_argument("--fresh", action="store_true", help="do again what an earlier run has done")
    args = parser.parse_args()
    if args.data is None:
        raise InputError("--data: no folder; set CRANIAL_SPARSE_DATA or give --data")
    target = args.out / "implants.json"
    rows = {} if args.fresh or not target.is_file() else json.loads(target.read_text(encoding="utf-8"))["cases"]
    cases = listed(*args.cases, smoke=args.smoke)
    made = {"system": args.system, "made_by": made_by(args.system)}
    todo = [case for case in cases if any(rows.get(row_name(case), {}).get(key) != made[key] for key in made)]
    about, command = machine(), f"python -m benchmarks implants --system {args.system} --cases {' '.join(args.cases)}"
    threads = None if args.jobs == 1 else max(1, (os.cpu_count() or 1) // args.jobs)
    with ProcessPoolExecutor(args.jobs) as pool:
        running = {pool.submit(measure, case, args.system, args.data, threads): case for case in todo}
        for number, done in enumerate(as_completed(running), 1):
            name = row_name(running[done])
            rows[name] = made | done.result()
            rows = dict(sorted(rows.items()))
            write_whole(target, json.dumps({"machine": about, "cases": rows}, indent=1) + "\n")
            print(f"{number}/{len(todo)} {name}: {rows[name]['seconds']:.1f} s {rows[name]['failure']}", flush=True)
    write_whole(
        args.out / "implants.md",
        page({name: row for name, row in rows.items() if row["system"] == args.system}, command, about, args.jobs > 1),
    )


if __name__ == "__main__":
    sys.exit(main())

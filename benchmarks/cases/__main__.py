"""Write the validation cases: ``python -m benchmarks.cases --data "$CRANIAL_SPARSE_DATA" --out DIR``.

``--set official`` or ``--set skullbreak_like`` writes one set alone; ``--draw`` cuts the SkullBreak-like defects anew
and rewrites their list beside this file instead (only after the generator has changed).
"""

import argparse
import os
import sys
from pathlib import Path
from statistics import median

from benchmarks.cases import LISTED, SETS, draw_rows, write_cases, write_rows
from cranial_sparse.errors import in_one_line


@in_one_line
def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.cases", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = os.environ.get("CRANIAL_SPARSE_DATA")
    parser.add_argument("--data", type=Path, default=Path(home) if home else None, help="folder of the skulls")
    parser.add_argument("--out", type=Path, help="folder to write to")
    parser.add_argument("--set", choices=SETS, action="append", help="write this set only (default: both)")
    parser.add_argument("--draw", action="store_true", help="rewrite the list of SkullBreak-like defects")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data: give the folder of the skulls, or set CRANIAL_SPARSE_DATA")
    if options.out is None and not options.draw:
        parser.error("--out: give the folder to write to")
    if options.draw:
        rows = draw_rows(options.data)
        write_rows(rows, LISTED)
        volumes, crossing = [row.volume_ml for row in rows], sum(row.crosses_midline for row in rows)
        print(f"{len(rows)} defects, {min(volumes):.0f}-{max(volumes):.0f} ml, median {median(volumes):.0f} ml")
        print(f"{crossing} cross the midline; listed in {LISTED}")
    else:
        count = write_cases(options.data, options.out, tuple(options.set or SETS))
        print(f"{count} cases in {options.out}")


if __name__ == "__main__":
    sys.exit(main())

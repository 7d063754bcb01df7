"""Write the validation cases: ``python -m benchmarks.cases --data "$CRANIAL_SPARSE_DATA" --out DIR``.

``--set large`` writes one set alone, and may be given again; ``--smoke`` writes the first case of each. ``--draw``
searches the chosen sets of cut defects anew and rewrites their lists beside this file instead (only after the generator
has changed).
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.cases.drawing import draw
from benchmarks.cases.listing import CUT, SETS, list_path, write_list
from benchmarks.cases.writing import write_cases
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
    parser.add_argument("--set", choices=SETS, action="append", help="write this set only (default: all)")
    parser.add_argument("--smoke", action="store_true", help="write the first case of each set only")
    parser.add_argument("--draw", action="store_true", help="rewrite the lists of cut defects")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data: give the folder of the skulls, or set CRANIAL_SPARSE_DATA")
    if options.out is None and not options.draw:
        parser.error("--out: give the folder to write to")
    if options.draw:
        for name in options.set or CUT:
            if name not in CUT:
                parser.error(f"--set {name} --draw: expected one of {', '.join(CUT)}; the others need no list")
            cases = draw(name, options.data)
            write_list(cases, list_path(name))
            print(f"{len(cases)} cases in {list_path(name)}")
    else:
        count = write_cases(options.data, options.out, tuple(options.set or ()), options.smoke)
        print(f"{count} cases in {options.out}")


if __name__ == "__main__":
    sys.exit(main())

"""Run the upsampling benchmark."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks import upsampling
from benchmarks.common import backends, page
from benchmarks.common.limits import limits
from benchmarks.common.options import parse, parser
from benchmarks.common.process import run_cases
from benchmarks.common.scenes import THICKNESS, at_size, ellipsoid_shell, skull
from benchmarks.upsampling.measure import LIBRARIES, OURS, PLAIN, Case, measure_case
from benchmarks.upsampling.page import NOTES, draw, tables
from cranial_sparse.bricks import coarsen, from_coordinates, save
from cranial_sparse.errors import in_one_line

NAME = "upsampling"
EXAMPLES = """\
  python -m benchmarks upsampling                                 # the children of a skull's parents, to 512³
  python -m benchmarks upsampling --grid skull --channels 32
  python -m benchmarks upsampling --device cuda --repeats 50"""


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Parse the options and run."""
    made = parser(NAME, upsampling.__doc__, EXAMPLES)
    made.add_argument("--size", type=int, default=512, help="of the children's lattice (default: %(default)s)")
    made.add_argument(
        "--grid", choices=("shell", "skull"), default="shell", help="default: %(default)s, like a skull's"
    )
    made.add_argument("--channels", type=int, default=16, help="of the features (default: %(default)s)")
    options = parse(made, arguments)
    if options.quick:
        options.size, options.repeats = 32, 2
    here, absent = backends.found(LIBRARIES)
    if options.grid == "shell":
        grid = from_coordinates(ellipsoid_shell(options.size, THICKNESS * options.size / 512))
    else:
        grid = at_size(skull(options.data, options.skull).complete, options.size)
    can = limits(options.device, options.quick)
    with tempfile.TemporaryDirectory() as folder:
        save(grid, path := Path(folder) / "grid")
        cases = [
            Case(way, str(path), options.channels, options.device, options.repeats) for way in (OURS, PLAIN, *here)
        ]
        together = options.quick or options.device == "cuda"
        outcomes = list(run_cases(measure_case, cases, options.threads, together, options.minutes, options.patience))
    title = (
        f"Occupancy upsampling, {options.grid}, {len(coarsen(grid)):,} parents to {len(grid):,} children at "
        f"{options.size}³, {options.channels} channels, {options.device}"
    )
    limit = f"Copy in this run: {can.copy / 1e9:.1f} GB/s read and written."
    body = [*draw(options.out, outcomes), "", limit, "", *tables(outcomes, can)]
    more = {"limits": asdict(can)}
    page.write(page.Page(NAME, title, body, page.rows_of(outcomes), absent, NOTES, more), options.out, arguments)
    return int(any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

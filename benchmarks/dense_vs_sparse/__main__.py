"""Run the comparison."""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path

from benchmarks import dense_vs_sparse
from benchmarks.common import backends, page
from benchmarks.common.options import parse, parser
from benchmarks.common.process import run_cases
from benchmarks.common.scenes import Shape, Skull, at_size, band, box, filled_shell, skull
from benchmarks.common.unets import DENSE
from benchmarks.dense_vs_sparse.measure import BAND, MODES, SHELL, SKULL, Case, measure_case
from benchmarks.dense_vs_sparse.page import NOTES, crossing_table, crossings, draw, scene_tables, shell_table
from cranial_sparse.bricks import BrickGrid, save
from cranial_sparse.errors import in_one_line
from cranial_sparse.sparse_conv.backends import BACKENDS

NAME = "dense_vs_sparse"
EXAMPLES = """\
  python -m benchmarks dense_vs_sparse                            # 64³ to 512³, every library that is here
  python -m benchmarks dense_vs_sparse --sizes 128,256 --backends native
  python -m benchmarks dense_vs_sparse --device cuda --repeats 20"""
FILLS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
Scene = tuple[str, int, BrickGrid, Shape, Shape]  # name, size, voxels, origin and shape of the box


def scenes(found: Skull, sizes: Sequence[int], full: int, levels: int) -> list[Scene]:
    """The skull in its cube and the band around its implant in its box, at every size; both are on ``full``³."""
    made: list[Scene] = []
    for size in sizes:
        around = band(at_size(found.implant, size, full))
        made.append((SKULL, size, at_size(found.complete, size, full), (0, 0, 0), (size,) * 3))
        made.append((BAND, size, around, *box(around, 1 << (levels - 1))))
    return made


def shells(size: int, fills: Sequence[float]) -> list[Scene]:
    """A cube ever more filled."""
    return [(SHELL, size, filled_shell(size, fill), (0, 0, 0), (size,) * 3) for fill in fills]


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Parse the options and run."""
    made = parser(NAME, dense_vs_sparse.__doc__, EXAMPLES)
    made.add_argument("--sizes", default="64,128,256,512", help="voxels along each side (default: %(default)s)")
    made.add_argument("--widths", default="16,32,64", help="of the U-Net's levels (default: %(default)s)")
    made.add_argument("--backends", default=",".join(BACKENDS), help="default: %(default)s")
    made.add_argument("--fill-size", type=int, help="of the cube that shells fill (default: 64, on a card 128)")
    options = parse(made, arguments)
    fills: Sequence[float] = FILLS
    options.fill_size = options.fill_size or (64 if options.device == "cpu" else 128)
    if options.quick:
        options.sizes, options.widths, options.fill_size, options.repeats = "16", "16,16", 16, 2
        options.data, fills = None, (0.1, 1.0)
    sizes, widths = ([int(n) for n in words.split(",")] for words in (options.sizes, options.widths))
    names, absent = backends.found([name for name in options.backends.split(",") if name != "dense"])
    full = 64 if options.quick else 512
    found = skull(options.data, options.skull, full)
    listed = scenes(found, sizes, full, len(widths)) + shells(options.fill_size, fills)
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for number, (scene, size, grid, origin, shape) in enumerate(listed):
            save(grid, path := Path(folder) / str(number))
            begun = partial(Case, scene, size, len(grid) / prod(shape))
            cases += [
                begun(variant, mode, str(path), origin, shape, tuple(widths), options.device, options.repeats)
                for mode in MODES
                for variant in (*names, *DENSE)  # cheap ones first: a run may end early
            ]
        together = options.quick or options.device == "cuda"
        outcomes = list(run_cases(measure_case, cases, options.threads, together, options.minutes, options.patience))
    crossed = crossings(outcomes, names)
    body = [*draw(options.out, outcomes, names), *scene_tables(outcomes, SKULL), *scene_tables(outcomes, BAND)]
    body += ["", f"## Shells that fill a cube of {options.fill_size}³", "", *crossing_table(crossed)]
    body += ["", *shell_table(outcomes, names)]
    title = f"Dense versus sparse: U-Net of widths {options.widths}, {found.name}, {options.device}"
    more = {"crossover": crossed, "skull": found.name}
    page.write(page.Page(NAME, title, body, page.rows_of(outcomes), absent, NOTES, more), options.out, arguments)
    return int(any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

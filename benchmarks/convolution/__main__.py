"""Run the convolution benchmark."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks import convolution
from benchmarks.common import backends, page
from benchmarks.common.limits import limits
from benchmarks.common.options import parse, parser
from benchmarks.common.process import run_cases
from benchmarks.common.scenes import THICKNESS, at_size, ellipsoid_shell, skull
from benchmarks.convolution.layers import LAYERS
from benchmarks.convolution.measure import Case, measure_case
from benchmarks.convolution.page import NOTES, draw, tables
from cranial_sparse.bricks import from_coordinates, save
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.sparse_conv.backends import BACKENDS

NAME = "convolution"
DTYPES = ("float32", "float16", "bfloat16")
EXAMPLES = """\
  python -m benchmarks convolution                                # the shell of 512³, everything that is here
  python -m benchmarks convolution --channels 16 --backends native,spconv
  python -m benchmarks convolution --grid skull --layers submanifold
  python -m benchmarks convolution --device cuda --repeats 20
  python -m benchmarks convolution --device cuda --dtype float16"""


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Parse the options and run."""
    made = parser(NAME, convolution.__doc__, EXAMPLES)
    made.add_argument("--size", type=int, default=512, help="voxels along each side (default: %(default)s)")
    made.add_argument(
        "--grid", choices=("shell", "skull"), default="shell", help="default: %(default)s, like a skull's"
    )
    made.add_argument("--channels", default="16,32,64", help="of the fine grid (default: %(default)s)")
    made.add_argument("--layers", default=",".join(LAYERS), help="default: %(default)s")
    made.add_argument("--backends", default=",".join(BACKENDS), help="default: %(default)s")
    made.add_argument("--dtype", choices=DTYPES, default=DTYPES[0], help="halves have a page below --out")
    options = parse(made, arguments)
    if options.dtype != DTYPES[0]:
        options.out /= options.dtype
    if options.quick:
        options.size, options.channels, options.repeats = 32, "8", 2
    names, absent = backends.found(options.backends.split(","))
    wanted = options.layers.split(",")
    if unknown := set(wanted) - set(LAYERS):
        raise InputError(f"--layers: expected some of {', '.join(LAYERS)}, got {', '.join(sorted(unknown))}")
    if options.grid == "shell":
        grid = from_coordinates(ellipsoid_shell(options.size, THICKNESS * options.size / 512))
    else:
        grid = at_size(skull(options.data, options.skull).complete, options.size)
    can = limits(options.device, options.quick, getattr(torch, options.dtype))
    with tempfile.TemporaryDirectory() as folder:
        save(grid, path := Path(folder) / "grid")
        cases = [
            Case(layer, int(channels), name, str(path), options.device, options.repeats, options.dtype)
            for layer in wanted
            for channels in options.channels.split(",")
            for name in names
        ]
        together = options.quick or options.device == "cuda"
        outcomes = list(run_cases(measure_case, cases, options.threads, together, options.minutes, options.patience))
    on = f"{options.dtype}, {options.device}"
    title = f"Convolution layer by layer, {options.grid} of {len(grid):,} voxels at {options.size}³, {on}"
    products = "TF32" if options.device == "cuda" and options.dtype == DTYPES[0] else options.dtype
    limit = (
        f"Limits in this run: torch.mm {can.flops / 1e9:.0f} GFLOP/s in {products} ({can.size}³), "
        f"copy {can.copy / 1e9:.1f} GB/s read and written."
    )
    body = [*draw(options.out, outcomes), "", limit, *tables(outcomes, can)]
    more = {"limits": asdict(can)}
    page.write(page.Page(NAME, title, body, page.rows_of(outcomes), absent, NOTES, more), options.out, arguments)
    return int(any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

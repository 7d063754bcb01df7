"""Run the scaling benchmark."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import scaling
from benchmarks.common import backends, page
from benchmarks.common.options import parse, parser
from benchmarks.common.process import run_cases
from benchmarks.common.scenes import Skull, at_size, skull
from benchmarks.scaling.measure import FORWARD, NETWORKS, SKULL, SURFACE, TRAINING, Case, measure_case
from benchmarks.scaling.page import NOTES, draw, exponent_table, exponents, table
from cranial_sparse.bricks import BrickGrid, save, surface
from cranial_sparse.errors import InputError, in_one_line

NAME = "scaling"
WIDTHS = [16, 32, 64]  # of the U-Net
EXAMPLES = """\
  python -m benchmarks scaling                                    # 128³ to 1024³, and batches of 1 to 8
  python -m benchmarks scaling --sizes 128,256 --batches 1,2
  python -m benchmarks scaling --device cuda --repeats 10"""


def files(found: Skull, sizes: Sequence[int], full: int, folder: Path) -> dict[tuple[str, int], str]:
    """Grids of the skull, its surface and its implant at every size, as packed files."""
    paths = {}
    for size in sizes:
        complete, implant = at_size(found.complete, size, full), at_size(found.implant, size, full)
        made: dict[str, BrickGrid] = {SKULL: complete, SURFACE: surface(complete), "implant": implant}
        for name, grid in made.items():
            paths[name, size] = str(folder / f"{name} {size}")
            save(grid, paths[name, size])
    return paths


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Parse the options and run."""
    made = parser(NAME, scaling.__doc__, EXAMPLES)
    made.add_argument("--sizes", default="128,256,512,1024", help="multiples of 16 (default: %(default)s)")
    made.add_argument("--batches", default="1,2,4,8", help="items (default: %(default)s)")
    made.add_argument(
        "--batch-size", type=int, default=128, help="voxels along each side of one (default: %(default)s)"
    )
    made.add_argument("--backend", default="native", help="what convolutions run on (default: %(default)s)")
    options = parse(made, arguments)
    full, widths = 512, tuple(WIDTHS)
    if options.quick:
        options.sizes, options.batches, options.batch_size, options.repeats = "32,64", "1,2", 32, 2
        options.data, full, widths = None, 64, (16, 16)
    sizes, batches = ([int(n) for n in words.split(",")] for words in (options.sizes, options.batches))
    if wrong := [size for size in (*sizes, options.batch_size) if size % 16 or size < 32]:
        raise InputError(f"--sizes: expected multiples of 16 from 32 on, got {wrong[0]}")
    here, absent = backends.found([options.backend])
    if not here:
        raise InputError(absent[options.backend])
    found = skull(options.data, options.skull, full)
    with tempfile.TemporaryDirectory() as folder:
        paths = files(found, sorted({*sizes, options.batch_size}), full, Path(folder))

        def case(network: str, scene: str, size: int, items: int) -> Case:
            grids, device = (paths[scene, size], paths["implant", size]), options.device
            return Case(network, scene, size, items, *grids, widths, options.backend, device, options.repeats)

        by_size = [case(network, SKULL, size, 1) for network in NETWORKS for size in sizes]
        by_size += [case(FORWARD, SURFACE, size, 1) for size in sizes]
        by_items = [case(network, SKULL, options.batch_size, n) for network in (FORWARD, TRAINING) for n in batches]
        together = options.quick or options.device == "cuda"
        outcomes = list(
            run_cases(measure_case, [*by_size, *by_items], options.threads, together, options.minutes, options.patience)
        )
    grown, batched = outcomes[: len(by_size)], outcomes[len(by_size) :]
    fitted = {"size": exponents(grown, "size"), "items": exponents(batched, "items")}
    body = ["## Resolution", "", *draw(options.out, grown, "size", "voxels along each side"), ""]
    body += [*exponent_table(fitted["size"]), "", *table(grown), "", f"## Batch, of {options.batch_size}³", ""]
    body += [*draw(options.out, batched, "items", "items in a batch"), "", *exponent_table(fitted["items"]), ""]
    body += table(batched)
    title = f"Scaling, {found.name}, {options.backend}, {options.device}"
    result = page.Page(NAME, title, body, page.rows_of(outcomes), absent, NOTES, {"exponents": fitted})
    page.write(result, options.out, arguments)
    return int(any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

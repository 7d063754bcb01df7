"""What a backend computes and ours does, as a page of figures.

python -m benchmarks.backends --backend minkowski --out docs/minkowski.md

Exit status 1 where an error is beyond the limit. With --data the cascade runs on a real skull too.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.common import machine
from benchmarks.parity import LIMIT, ball_case, cascade_errors, convolution_errors, convolutions, grids, skull_case
from cranial_sparse.errors import in_one_line
from cranial_sparse.io.files import write_whole
from cranial_sparse.sparse_conv import Backend
from cranial_sparse.sparse_conv.backends import BACKENDS, load_backend

LIBRARIES = {"spconv": "spconv", "spconv_triton": "spconv-triton", "minkowski": "MinkowskiEngine"}
Rows = dict[str, tuple[float, ...]]


def convolution_rows(backend: Backend) -> Rows:
    """Errors of output and both gradients by convolution, the largest over all grids."""
    rows: Rows = {}
    for grid in grids().values():
        for name, convolution in convolutions(grid).items():
            errors = convolution_errors(backend, convolution)
            rows[name] = tuple(map(max, rows.get(name, errors), errors))
    return rows


def cascade_rows(name: str, data: Path | None) -> Rows:
    """Errors of logits and gradients by case and precision."""
    cases = {"hollow ball": ball_case()} | ({"real skull": skull_case(data)} if data else {})
    return {
        f"{case}, {str(dtype).removeprefix('torch.')}": cascade_errors(name, inputs, dtype)
        for case, inputs in cases.items()
        for dtype in (torch.float32, torch.float64)  # slow on a whole skull, but there it counts
    }


def page(name: str, convolved: Rows, cascaded: Rows) -> str:
    """Markdown: what ran where, and every figure."""
    here, library = machine(), LIBRARIES.get(name)
    return "\n".join(
        [
            f"# The backend {name} against ours",
            "",
            f"`python -m benchmarks.backends --backend {name}`, {datetime.now(UTC):%Y-%m-%d}: "
            + (f"{library} {version(library)}, " if library else "")
            + f"torch {here['torch']}, Python {here['python']}, {here['processor']}, {here['threads']} threads.",
            "",
            f"Each figure is the largest error of a tensor over its largest value; up to {LIMIT:g} passes.",
            "",
            f"Convolutions against the reference, float32, the largest over {len(grids())} grids ({', '.join(grids())}):",
            "",
            "| convolution | output | gradient of features | gradient of weight |",
            "|---|---|---|---|",
            *map(row, convolved.items()),
            "",
            "The shipped cascade against native, on the same grids. In single precision an activation within rounding of "
            "zero passes its gradient or not, so that gradients on a large case are judged in double precision:",
            "",
            "| case | logits | gradients |",
            "|---|---|---|",
            *map(row, cascaded.items()),
            "",
        ]
    )


def row(item: tuple[str, tuple[float, ...]]) -> str:
    name, errors = item
    return f"| {name} | " + " | ".join(f"{error:.1e}" for error in errors) + " |"


def worst(convolved: Rows, cascaded: Rows) -> float:
    """The largest error of those that are judged."""
    judged = [
        *convolved.values(),
        *(errors[: 1 if "real skull, float32" in case else 2] for case, errors in cascaded.items()),
    ]
    return max(max(errors) for errors in judged)


@in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=tuple(BACKENDS), required=True)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--out", type=Path, help="write the page here")
    args = parser.parse_args()
    convolved, cascaded = convolution_rows(load_backend(args.backend)), cascade_rows(args.backend, args.data)
    text = page(args.backend, convolved, cascaded)
    print(text)
    if args.out is not None:
        write_whole(args.out, text)
    return int(worst(convolved, cascaded) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())

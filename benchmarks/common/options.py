"""The options that all benchmarks have."""

import argparse
import os
from math import inf
from pathlib import Path

import torch

from cranial_sparse.errors import InputError

RESULTS = Path(__file__).parents[1] / "results"


def parser(name: str, description: str | None, examples: str, on_grids: bool = True) -> argparse.ArgumentParser:
    """With ``examples`` at the end of its help; ``on_grids`` for those that run on a skull's grid."""
    made = argparse.ArgumentParser(
        f"python -m benchmarks {name}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    home = os.environ.get("CRANIAL_SPARSE_DATA")
    made.add_argument("--data", type=Path, default=Path(home) if home else None, help="folder that holds skullfix/")
    made.add_argument(
        "--out", type=Path, help="folder of the page (default: benchmarks/results, quick: out/benchmarks)"
    )
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    if on_grids:
        made.add_argument(
            "--skull", metavar="ID", help="of the train skulls (default: the first; without --data a shell)"
        )
    made.add_argument("--threads", type=int, default=torch.get_num_threads(), help="on the CPU (default: %(default)s)")
    made.add_argument("--repeats", type=int, default=5, help="runs that a median is taken of (default: %(default)s)")
    made.add_argument("--minutes", type=float, default=inf, help="begin nothing later than that (default: no limit)")
    if on_grids:
        made.add_argument(
            "--patience", type=float, default=inf, help="seconds that a case may take (default: no limit)"
        )
    made.add_argument("--quick", action="store_true", help="the smallest size, in seconds: shows that everything runs")
    return made


def allow_tf32(device: str) -> None:
    """On a card, products of matrices with factors of ten bits (TF32), as torch's own convolutions have them anyway."""
    if device == "cuda":
        torch.set_float32_matmul_precision("high")


def parse(made: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """The options, checked. Raises InputError for those that cannot be."""
    options = made.parse_args(arguments)
    for name in ("threads", "repeats"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name} {getattr(options, name)}: expected 1 or more")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: expected a card, but torch finds none; leave the option out to use the CPU")
    torch.set_num_threads(options.threads)
    allow_tf32(options.device)
    options.out = options.out or (Path("out/benchmarks") if options.quick else RESULTS)
    return options

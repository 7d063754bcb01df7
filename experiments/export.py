"""The averaged weights of a checkpoint as safetensors: ``python -m experiments.export CKPT OUT.safetensors``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cranial_sparse.cli.folders import check_new
from cranial_sparse.errors import in_one_line
from cranial_sparse.training.export import export


@in_one_line
def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.export",
        description=__doc__,
        epilog="example: python -m experiments.export runs/cascade/best.ckpt cascade.safetensors",
    )
    parser.add_argument("checkpoint", type=Path, help="last.ckpt or best.ckpt of a run")
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    options = parser.parse_args(arguments)
    check_new("OUT", [options.out], options.overwrite)
    metadata = export(options.checkpoint, options.out)
    print(f"{options.out}: weights after step {metadata['step']}, seed {metadata['seed']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

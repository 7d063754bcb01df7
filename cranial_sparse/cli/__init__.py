"""The command line ``cranial-sparse``: one module per subcommand, each with ``add_parser`` and ``run``.

Only argparse is imported before a subcommand runs, so that help is instant.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from cranial_sparse import __version__
from cranial_sparse.cli import complete, design, evaluate, phantom, prepare
from cranial_sparse.errors import USERS, explain

COMMANDS = (complete, design, evaluate, phantom, prepare)
# Threads of GNU's OpenMP wait for one another by spinning, 300,000 times where nobody says otherwise. Where other processes
# have the cores too, that took up to five times as long as giving way.
SPINS = "1000"

EXAMPLES = """\
examples:
  cranial-sparse complete skull.nrrd --out results
  cranial-sparse design results/skull/implant.nrrd --skull skull.nrrd --out solid
  cranial-sparse evaluate results --truth SkullFix/training_set
  cranial-sparse prepare SkullFix/training_set --out prepared

Each subcommand has its own help: cranial-sparse complete --help
Research use only; not a medical device.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; each subcommand sets ``run``, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog="cranial-sparse",
        description="Complete a defective skull at 512³ and make the missing implant.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cranial-sparse {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    for one in subparsers.choices.values():
        one.set_defaults(refuse=one.error)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 where something failed, 2 for wrong usage (by argparse)."""
    args, unknown = build_parser().parse_known_args(argv)
    if unknown:  # left to itself, argparse shows the usage of the whole program
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}; --help lists what there is")
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read once, when torch is imported
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return args.run(args)
    except USERS as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left half written", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave through the ordinary exits, so that half-written folders are removed."""
    sys.exit(128 + number)

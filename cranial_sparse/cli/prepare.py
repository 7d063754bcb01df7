"""``cranial-sparse prepare``: a collection of skulls into the canonical frame, packed."""

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  cranial-sparse prepare SkullFix/training_set --out prepared/skullfix
  cranial-sparse prepare SkullBreak --out prepared/skullbreak --jobs 4
  cranial-sparse prepare MUG500 --out prepared/mug500
  cranial-sparse prepare my_skulls --out prepared/mine

SRC is SkullFix, SkullBreak (complete skulls once or for each kind of defect), MUG500+, or a folder of complete skulls:
masks, CT, meshes, DICOM folders. Give each collection a folder of its own.

Each case becomes a file DIR/CASE.skull.zip: complete skull and implant (or what there is of them) on the canonical
lattice, 512 x 512 x 512 voxels of 0.45 mm, with pose, size and the scanner's geometry, so that the way back is known. A
head whose vault does not fit gets a larger lattice. DIR/manifest.json lists the cases with hashes of source and packed
file.

Cases that are there already and whose source has not changed are skipped, so an interrupted run goes on where it
stopped. Exit status 1 where any case failed, with one line for each.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``prepare`` to the command line."""
    parser = subparsers.add_parser(
        "prepare",
        help="pack a collection of skulls into the canonical frame",
        description="Pose every skull, resample it to the canonical lattice and pack it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="folder of the collection, or one file")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to pack into; made if missing")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="cases at a time, about 1 GB each (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prepare every case; the number of failures decides the exit status."""
    from rich.console import Console
    from rich.progress import track

    from cranial_sparse.cli.folders import check_writable
    from cranial_sparse.cli.provenance import versions
    from cranial_sparse.data.datasets import find_cases
    from cranial_sparse.data.prepare import Outcome, prepare_all, write_manifest
    from cranial_sparse.errors import InputError

    if args.jobs < 1:
        raise InputError(f"--jobs {args.jobs}: expected at least 1")
    console = Console()

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    cases = find_cases(args.source)
    check_writable(args.out)
    outcomes: list[Outcome] = []
    for outcome in track(
        prepare_all(cases, args.out, args.jobs),
        "preparing",
        total=len(cases),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ):
        outcomes.append(outcome)
        if outcome.facts is not None:
            say(describe(outcome.facts, outcome.skipped))
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in failed:
        say(f"failed: {error}", style="bold red")
    path = write_manifest(args.source, args.out, outcomes, versions())
    skipped = sum(outcome.skipped for outcome in outcomes)
    say(f"{len(outcomes) - skipped - len(failed)} packed, {skipped} skipped, {len(failed)} failed: {path}")
    return 1 if failed else 0


def describe(facts: dict, skipped: bool) -> str:
    """One case in one line."""
    if skipped:
        return f"{facts['id']}: skipped, already packed"
    parts = [f"{name} {ml:.1f} ml" for name, ml in facts["ml"].items()]
    if facts["outside_ml"] >= 0.05:
        parts.append(f"{facts['outside_ml']:.1f} ml below the lattice")
    return f"{facts['id']}: {', '.join(parts)}, {facts['extent']}³"

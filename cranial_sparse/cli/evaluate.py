"""``cranial-sparse evaluate``: how close implants are to the true ones."""

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  cranial-sparse evaluate results --truth SkullFix/training_set
  cranial-sparse evaluate results --truth SkullFix/training_set --cases 000 002 005 --out scores.csv
  cranial-sparse evaluate results --truth SkullBreak --cases val.txt --out scores

PRED holds CASE/implant.nrrd, as written by 'complete', or CASE.nrrd. The truth folder holds implant/CASE.nrrd and
defective_skull/CASE.nrrd; where these have subfolders, as in SkullBreak, so do the names: bilateral/000.

Each true implant counts. A prediction that is missing, damaged or on another grid counts at its worst value (DSC 0,
distances: the diagonal of the true implant's box), is listed, and makes the exit status 1.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``evaluate`` to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compare implants with the true ones",
        description="DSC, border DSC (10 mm), HD95 and ASD of each implant, with mean, median and worst.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, metavar="PRED", help="folder of predicted implants")
    parser.add_argument(
        "--truth", required=True, type=Path, metavar="DATA", help="folder with implant/ and defective_skull/"
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        metavar="CASE",
        help="only these: names, or a text file of names, one a line (default: all)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="write a .csv, a .json, or else a folder with scores.csv and scores.json",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score every case; the number of failures decides the exit status."""
    from rich.console import Console

    from cranial_sparse.cli.scoring import find_truth, print_table, score_all, write_table

    console = Console()
    cases = find_truth(args.truth, args.cases)
    table = score_all(args.predictions, cases, console)
    print_table(table, console)
    if args.out is not None:
        write_table(table, args.out)
    return 1 if table.failures else 0

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

Mean, median and worst are of all cases, and of each kind of defect: the folder part of a name. The interval is that of
the mean: skulls (the last part of a name) are resampled with all their cases, 10,000 times, always in the same way.

A folder gets scores.csv (every metric of every case), scores.json (the same and what it comes to) and scores.html: a
page with plots and pictures of the five worst cases, which opens without a network.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``evaluate`` to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compare implants with the true ones",
        description="DSC, border DSC (10 mm), HD95, ASD and NSD (1 mm) of each implant, with mean, 95 % interval by skull,\n"
        "median and worst; SdH, border curvature, coverage, intrusion and others in the files of --out.",
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
        help="write a .csv, a .json, or else a folder with both and a page, scores.html",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run wrote to --out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score every case; the number of failures decides the exit status."""
    from rich.console import Console

    from cranial_sparse.cli.folders import check_new, check_writable
    from cranial_sparse.cli.scoring import find_truth, print_table, score_all, scores_page, table_files, write_table

    console = Console()
    if args.out is not None:
        files = table_files(args.out)
        check_writable(files[0].parent)
        check_new("--out", files, args.overwrite)
    cases = find_truth(args.truth, args.cases)
    table = score_all(args.predictions, cases, console)
    print_table(table, console)
    if args.out is not None:
        write_table(table, args.out, lambda: scores_page(table, args.predictions, cases))
    return 1 if table.failures else 0

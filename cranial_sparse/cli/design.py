"""``cranial-sparse design``: missing bone in, printable implant out."""

import argparse
from pathlib import Path

MATERIALS = ("peek", "pmma", "titanium", "bioceramic")

EXAMPLES = """\
examples:
  cranial-sparse design results/case/implant.nrrd --skull skull.nrrd --out solid
  cranial-sparse design implant.nrrd --skull skull.nrrd --out solid --preset titanium --set fit.temporal_mm=3
  cranial-sparse design implant.nrrd --skull skull.nrrd --out solid --set engraving.text=A17 perforation.pattern=hexagonal

The folder DIR gets:
  implant.stl .ply .3mf .glb   the finished solid, patient coordinates (LPS, mm; .glb in metres, y up); a defect in
                               several parts has implant_1.stl, implant_2.stl ... and all of them in .3mf and .glb
  implant.nrrd                 its voxels on the skull's grid
  checks.json                  every figure, its limit, passed or failed
  report.html, report.pdf      the page, to be opened in any browser; the PDF with --pdf

Options are key=value as in configs/implant.yaml, all lengths in mm: refine.fairing_mm, fit.clearance_mm, fit.temporal_mm,
fit.thickness_mm, fit.minimum_wall_mm, insertion.split, perforation.pattern, fixation.kind, engraving.text ...
A wrong one lists the right ones. Research use only; not a medical device.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``design`` to the command line."""
    parser = subparsers.add_parser(
        "design",
        help="turn missing bone into a printable implant",
        description="Make a printable solid of predicted missing bone: it fits the hole with a gap, goes in along one"
        " direction, is smooth and flush, and is checked.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("implant", type=Path, metavar="IMPLANT", help="the missing bone, a mask on the skull's grid")
    parser.add_argument("--skull", required=True, type=Path, help="the defective skull: mask, or CT with --threshold")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the results; made if missing"
    )
    parser.add_argument(
        "--preset", choices=MATERIALS, default=MATERIALS[0], help="material to start from (default: %(default)s)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML with options, over the preset")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="the bone that was there: its distance is shown too")
    parser.add_argument(
        "--uncertainty",
        type=Path,
        metavar="FILE",
        help="how unsure the prediction is, mm, such as the uncertainty.nrrd of 'complete': it is shown too",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="HU",
        help="bone threshold for a CT, Hounsfield units (default: 150); a mask needs none",
    )
    parser.add_argument("--pdf", action="store_true", help="print the page to report.pdf; needs Chromium or Chrome")
    parser.add_argument("--strict", action="store_true", help="exit with status 3 where a check failed")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="options, over the preset and the file: --set fit.clearance_mm=0.8 engraving.text=A17",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Design one implant; 3 where a check failed and ``--strict`` was given."""
    from cranial_sparse.cli.solid import DesignOptions, design_case
    from cranial_sparse.implant.settings import load_implant_config

    config = load_implant_config(args.preset, args.config, args.set)
    options = DesignOptions(config, args.threshold, args.truth, args.uncertainty, args.pdf, args.overwrite)
    passed = design_case(args.implant, args.skull, args.out, options)
    return 3 if args.strict and not passed else 0

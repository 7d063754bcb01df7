"""``cranial-sparse complete``: defective skulls in, implants out."""

import argparse
import math
from pathlib import Path
from typing import Any

from cranial_sparse.cli.design import MATERIALS

SYSTEMS = ("cascade", "radial", "ssm", "tps", "mirror", "consensus")  # of completion.systems, which is slow to import
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("native", "reference", "dense", "spconv", "spconv_triton", "minkowski")  # of sparse_conv.backends, likewise

EXAMPLES = """\
examples:
  cranial-sparse complete skull.nrrd --out results
  cranial-sparse complete ct_head.nii.gz --threshold 250 --out results
  cranial-sparse complete patients/dicom_folder --out results
  cranial-sparse complete SkullFix/training_set/defective_skull --out results --overwrite
  cranial-sparse complete skull.nrrd --system ssm --refine --out results
  cranial-sparse complete skull.nrrd --material peek --out results
  cranial-sparse complete skull.nrrd --system tps --landmarks corrected.mrk.json --out results

Each case becomes a folder results/CASE, named after its input:
  implant.nrrd   the missing bone on exactly the input's grid (uint8)
  implant.stl    its surface, watertight, patient coordinates (LPS, mm); left out where nothing is missing
  complete.nrrd  skull and implant together
  summary.json   times, memory, volumes, versions, hashes, warnings
  report.html    slices, a 3D view and the numbers; opens offline
  uncertainty.nrrd  with --system cascade or radial, where something is missing: standard deviation of the surface, mm
  solid/         with --material: a finished solid to print, as of 'cranial-sparse design', and its checks
  landmarks.mrk.json  with --system tps: where it sees landmarks, for 3D Slicer

A folder of volumes and meshes is searched with its subfolders, whose cases are named SUB/CASE; a folder of other files
only is taken for a DICOM series. Of two files named alike, skull.nrrd and skull.stl, each keeps its suffix.
A result appears only when it is complete. Exit status 1 where any input failed, with one line for each.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``complete`` to the command line."""
    parser = subparsers.add_parser(
        "complete",
        help="complete defective skulls and write implants",
        description="Complete defective skulls: write the implant as a volume and as a mesh, and a report.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="skull mask or head CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), mesh (.stl .ply), DICOM folder, or a folder"
        " of these",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the results; made if missing"
    )
    parser.add_argument(
        "--system",
        choices=SYSTEMS,
        default=SYSTEMS[0],
        help="which system completes the skull: cascade is radial, refined (default: %(default)s)",
    )
    parser.add_argument(
        "--refine", action="store_true", help="refine what the system proposes to 0.45 mm with the cascade's networks"
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="library that the cascade's sparse convolutions run on (default: %(default)s, ours)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=DEVICES[0],
        help="where the cascade runs (default: a GPU where there is one)",
    )
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="FILE",
        help="correct landmarks of --system tps by those in a file of 3D Slicer, .mrk.json or .fcsv (one INPUT)",
    )
    parser.add_argument(
        "--material",
        choices=MATERIALS,
        help="also make a printable solid of this material, in solid/; 'cranial-sparse design' has all options",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="HU",
        help="bone threshold for a CT, Hounsfield units (default: 150); a mask needs none",
    )
    parser.add_argument("--overwrite", action="store_true", help="redo cases that are already in the output folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Complete every input; the number of failures decides the exit status."""
    from rich.console import Console

    from cranial_sparse.cli.batch import complete_all
    from cranial_sparse.cli.case import Options
    from cranial_sparse.cli.inputs import find_inputs
    from cranial_sparse.completion.completion import Completion
    from cranial_sparse.errors import InputError
    from cranial_sparse.geometry import Volume

    def completer(skull: Volume) -> Completion:
        from cranial_sparse.completion.pipeline import complete  # slow to import: not before an input has been read

        return complete(skull, args.system, args.backend, args.device, args.refine, landmarks)

    if args.backend != BACKENDS[0]:
        from cranial_sparse.sparse_conv.backends import load_backend

        load_backend(args.backend)  # a library that is missing is told once, not for every case
    if args.threshold is not None and not math.isfinite(args.threshold):
        raise InputError(f"--threshold {args.threshold}: expected a number of Hounsfield units, such as 150")
    chosen: dict[str, Any] = {"threshold_hu": args.threshold}
    landmarks = None
    if args.landmarks is not None:
        from cranial_sparse.cli.provenance import sha256
        from cranial_sparse.io.landmarks import read_landmarks

        landmarks = read_landmarks(args.landmarks)
        chosen["landmarks"] = sha256(args.landmarks)
    options = Options(
        args.system, args.refine, args.backend, overwrite=args.overwrite, material=args.material or "", **chosen
    )
    found, problems = find_inputs(args.inputs)
    if landmarks is not None and len(found) != 1:
        raise InputError(f"--landmarks {args.landmarks}: belong to one skull, got {len(found)} inputs; give one")
    failed = complete_all(found, args.out, completer, options, Console(), problems)
    return 1 if failed else 0

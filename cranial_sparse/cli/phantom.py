"""``cranial-sparse phantom``: made-up skulls, for trying things out without a data set."""

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  cranial-sparse phantom --out phantoms
  cranial-sparse phantom --seed 1 2 3 --defect craniotomy --out phantoms --picture phantoms.png
  cranial-sparse phantom --system ssm --seed 5 --out samples

Each seed becomes a file in the folders of the SkullFix layout:
  complete_skull/phantom_001.nrrd    512 x 512 x 512 voxels of 0.45 mm
  defective_skull/phantom_001.nrrd   with --defect: the same skull with a hole
  implant/phantom_001.nrrd           with --defect: what was cut out

The same seed gives the same skull everywhere. Phantoms show that things run; results on them say nothing about
accuracy. They are adaptations of SkullFix: CC BY-NC-SA 4.0.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``phantom`` to the command line."""
    parser = subparsers.add_parser(
        "phantom",
        help="make up skulls, whole or with a defect",
        description="Make up skulls from the mean skull and a seed; cut a defect if asked.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the skulls; made if missing")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="one skull for each (default: 0)")
    parser.add_argument(
        "--system",
        choices=("atlas", "ssm"),
        default="atlas",
        help="bend the mean skull, or draw from the statistical shape model (default: %(default)s)",
    )
    parser.add_argument("--defect", metavar="KIND", help="cut a defect of this kind; a wrong kind lists the right ones")
    parser.add_argument(
        "--raised", type=float, default=0.0, metavar="MM", help="cut the skull off this much higher than usual"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace skulls that are there already")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also draw the skulls: front, side, top")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write every seed's skull."""
    import numpy as np
    from rich.console import Console
    from skimage.io import imsave

    from cranial_sparse.cli.folders import check_new, check_writable
    from cranial_sparse.data.defects import cut_volume
    from cranial_sparse.data.phantom import phantom
    from cranial_sparse.data.ssm_phantom import ssm_phantom
    from cranial_sparse.errors import InputError
    from cranial_sparse.io.volume import write_volume
    from cranial_sparse.report.render import shaded

    if args.picture and args.picture.suffix.lower() != ".png":
        raise InputError(f"--picture {args.picture}: expected a file name ending in .png")
    check_writable(args.out)
    folders = ["complete_skull", *(["defective_skull", "implant"] if args.defect else [])]
    files = [_file(args.out, folder, seed) for seed in args.seed for folder in folders]
    check_new("--out", [*files, *([args.picture] if args.picture else [])], args.overwrite)
    draw = ssm_phantom if args.system == "ssm" else phantom
    console, pictures = Console(), []
    for seed in args.seed:
        skull = draw(seed, args.raised)
        parts = {"complete_skull": skull}
        if args.defect:
            cut = cut_volume(skull, args.defect, seed)
            parts |= {"defective_skull": cut.defective, "implant": cut.implant}
        for folder, volume in parts.items():
            path = _file(args.out, folder, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, volume)
            size = volume.array.sum() * volume.geometry.voxel_volume / 1000
            console.print(
                f"{path}: {folder.replace('_', ' ')}, {size:.1f} ml", markup=False, soft_wrap=True, highlight=False
            )
        if args.picture:
            implant = parts["implant"].array if args.defect else None
            views = [shaded(skull.array, view, implant) for view in ("front", "side", "top")]
            pictures.append(np.concatenate(views, axis=1))
    if args.picture:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        imsave(args.picture, np.concatenate(pictures), check_contrast=False)
    return 0


def _file(out: Path, folder: str, seed: int) -> Path:
    return out / folder / f"phantom_{seed:03d}.nrrd"

"""Build the statistical shape model from the complete training skulls: ``python -m experiments.build_ssm``.

Poses come from the radial model, which is built first. Only mean, modes and spread are shipped; the distance fields of
single skulls stay where ``--fields`` says, for cross-validation.
"""

import argparse
import io
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.classical.orbital import signed_distance
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.ssm_model import BOX, CLIP, MODES, WEIGHTS, fit_shape_model
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import in_one_line
from cranial_sparse.io.files import write_whole

ASSET = Path(__file__).resolve().parents[1] / "cranial_sparse" / "assets" / WEIGHTS


def posed_distance(path: Path) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """A skull's signed distance over BOX in tenths of a millimetre, and where the scan shows it."""
    skull, _ = read_packed(path)
    pose, _ = estimate_pose(skull, shipped_model().outer)
    distance, seen = signed_distance(skull, pose, BOX, CLIP)
    return np.rint(distance * 10).astype(np.int8), seen


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--fields", type=Path, default=Path("runs/distances.npz"), help="where distance fields go")
    parser.add_argument("--out", type=Path, default=ASSET, help="model to write (default: the one that ships)")
    parser.add_argument("--modes", type=int, default=MODES)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    paths = packed_paths(args.data, "train")
    with ProcessPoolExecutor(args.jobs) as pool:
        found = list(pool.map(posed_distance, paths))
    tenths, seen = (np.stack(part) for part in zip(*found, strict=True))
    fields = io.BytesIO()
    np.savez_compressed(fields, cases=[path.name[:3] for path in paths], tenths=tenths, seen=seen)
    write_whole(args.fields, fields.getvalue())
    write_whole(args.out, fit_shape_model(tenths / np.float32(10), seen, args.modes).to_bytes())
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())

"""The mean skull that ships in ``cranial_sparse/assets``, from the 70 ``train`` skulls of a CRANIAL_SPARSE_DATA folder.

    python -m experiments.build_atlas --work runs/atlas

1. Every complete skull becomes a signed distance field in the frame of its own vault.
2. Groupwise registration: each skull is brought onto the running mean, first by a similarity, then by demons
   (Thirion 1998, with the symmetric forces of Vercauteren et al. 2009), coarse to fine; the next mean is the average
   of the warped fields, brought to the average of all shapes by undoing the mean displacement (Guimond et al. 2000),
   and made symmetric left to right. Averaging wears bone away where skulls do not quite meet, so the mean is set to
   the amount of bone that the skulls have around each place and its distances are measured anew.
3. The mean of the last round is written, with the plane above which 30 % of the scans see.

Only the mean leaves this script. About six minutes on two cores; ``--work`` keeps fields and means, and a second run
goes on where the first one ended.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from cranial_sparse.data.atlas import ATLAS, CLIP, Atlas, write_atlas
from cranial_sparse.data.defects.vault import fit_vault
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.data.registration import (
    COMMON,
    OWN,
    Lattice,
    Target,
    Warp,
    demons,
    distance_field,
    fit_linear,
    signed_distance,
)
from cranial_sparse.errors import in_one_line

ROUNDS = (  # lattice of the new mean, then (lattice, demons steps) of each registration, mm
    (3.0, ()),
    (3.0, ((6.0, 25),)),
    (3.0, ((6.0, 15), (3.0, 12))),
    (1.5, ((6.0, 15), (3.0, 12))),
)
PITCH = 6.5  # degrees, of the vault's own frame against scanners' axes on average: the atlas keeps the latter
UPRIGHT = Warp(Rotation.from_euler("x", PITCH, degrees=True).as_matrix())
SEEN = 0.3  # share of scans that must see a place
SPARE = 15.0  # mm kept below that, for phantoms that bend downward


# 1. Fields -----------------------------------------------------------------------------------------------------------


def make_field(path: Path, out: Path) -> None:
    """Write the distance field of one packed skull, unless it is there."""
    if out.exists():
        return
    skull, _ = read_packed(path)
    field = distance_field(skull, fit_vault(skull.geometry.to_physical(np.argwhere(skull.array[::3, ::3, ::3]) * 3)))
    temporary = out.with_suffix(".part.npy")
    np.save(temporary, field)
    temporary.rename(out)


# 2. Registration -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mean(Target):
    """Mean distance, mm, share of scans that see, and share of those that have bone; [X, Y, Z] each."""

    bone: NDArray[np.float32] = field(kw_only=True)


def register(path: Path, mean: Mean, levels: tuple[tuple[float, int], ...]) -> Warp:
    """One skull onto the mean, from the start."""
    skull = np.load(path).astype(np.float32)
    warp = fit_linear(mean, skull, UPRIGHT)
    for step, steps in levels:
        warp = demons(mean, replace(COMMON, step=step), skull, warp, steps)
    return warp


def warped(path: Path, warp: Warp, lattice: Lattice, back: NDArray) -> tuple[NDArray, NDArray]:
    """A skull's distances, mm, in mean space moved by ``back`` [3, X, Y, Z], and whether they are seen."""
    distance, seen = np.load(path).astype(np.float32)
    points = lattice.points() + back
    q = warp(points)
    return OWN.sample(distance, q) / (10 * warp.scale), OWN.sample(seen, q, order=0)


def undo(u: NDArray, lattice: Lattice) -> NDArray[np.float32]:
    """v [3, X, Y, Z] with v(x) = -u(x + v(x)): the inverse of x + u(x), by fixed point."""
    points, v = lattice.points(), np.zeros_like(u)
    for _ in range(8):
        v = -np.stack([lattice.sample(a, points + v) for a in u])
    return v


def average(pool: ProcessPoolExecutor, paths: list[Path], warps: list[Warp], lattice: Lattice) -> Mean:
    """The mean of all skulls in their average shape, symmetric left to right."""
    coarse = replace(COMMON, step=3.0)
    u = np.mean([w.at(coarse.points()) for w in warps], axis=0)
    u = (u + u[:, ::-1] * np.array([-1, 1, 1], np.float32).reshape(3, 1, 1, 1)) / 2
    back = np.stack([coarse.sample(v, lattice.points()) for v in undo(u, coarse)])
    total, count, bone = (np.zeros(lattice.shape, np.float32) for _ in range(3))
    for distance, seen in pool.map(partial(warped, lattice=lattice, back=back), paths, warps):
        total += distance * seen
        count += seen
        bone += (distance < 0) * seen
    total, count, bone = (a + a[::-1] for a in (total, count, bone))
    divisor = np.maximum(count, 1)
    mean = np.where(count > 0, total / divisor, CLIP), count / (2 * len(paths)), bone / divisor
    distance, seen, share = (a.astype(np.float32) for a in mean)
    return sharpen(Mean(distance, seen, lattice, bone=share))


def sharpen(mean: Mean) -> Mean:
    """Shift the surface until there is as much bone as skulls have within a centimetre; measure distances anew."""
    blur = partial(gaussian_filter, sigma=8.0 / mean.lattice.step, truncate=2.5)
    wanted, level = blur(mean.bone), np.zeros_like(mean.distance)
    for _ in range(12):
        depth = level - mean.distance
        have, per_mm = blur(np.clip(depth / 2 + 0.5, 0, 1)), blur((np.abs(depth) < 1) / 2.0)
        level = np.clip(level + 0.7 * (wanted - have) / np.maximum(per_mm, 0.02), -1, 2.5)
    fine = replace(mean.lattice, step=mean.lattice.step / 2 if mean.lattice.step < 2 else 1.0)
    depth = mean.lattice.sample(mean.distance - level, fine.points(), order=3)
    distance = refine_distance(depth, fine.step)
    return replace(mean, distance=fine.sample(gaussian_filter(distance, 0.6), mean.lattice.points()))


def refine_distance(level: NDArray, step: float) -> NDArray[np.float32]:
    """Distance to the zero level of a smooth function, mm: to first order at the surface, to voxels away from it."""
    far = signed_distance(level < 0, step)
    slope = np.sqrt(sum(g**2 for g in np.gradient(level, step)))
    near = np.clip(level / np.maximum(slope, 0.15), -2 * step, 2 * step)
    share = np.clip(2 - np.abs(far) / step, 0, 1)
    return (share * near + (1 - share) * far).astype(np.float32)


# 3. The file ---------------------------------------------------------------------------------------------------------


def fit_floor(mean: Mean) -> tuple[float, float]:
    """Height and slope along y of the lowest plane above which ``SEEN`` of the scans see the head."""
    x, y, z = mean.lattice.axes()
    middle = np.abs(y) < 95
    across = mean.seen[np.abs(x) < 70].mean(axis=0)[middle]  # [Y, Z]
    lowest = z[np.argmax(across >= SEEN, axis=1)]
    slope, height = np.polyfit(y[middle], lowest, 1)
    return float(height + np.quantile(lowest - height - slope * y[middle], 0.95)), float(slope)


def to_atlas(mean: Mean) -> Atlas:
    """The mean without what lies well below its floor, where few scans see and nobody looks."""
    floor = fit_floor(mean)
    _, y, z = mean.lattice.points()
    kept = np.where(z < floor[0] + floor[1] * y - SPARE, np.float32(CLIP), mean.distance)
    return Atlas(kept, mean.lattice.low, mean.lattice.step, floor)


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for distance fields and means, 0.8 GB")
    parser.add_argument("--out", type=Path, default=ATLAS, help="atlas file to write")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    skulls = packed_paths(args.data, "train")
    args.work.mkdir(parents=True, exist_ok=True)
    paths = [args.work / skull.name.replace(".skull.xz", ".npy") for skull in skulls]
    with ProcessPoolExecutor(args.workers) as pool:
        list(pool.map(make_field, skulls, paths))
        mean = None
        for number, (step, levels) in enumerate(ROUNDS):
            done, lattice = args.work / f"mean{number}.npz", replace(COMMON, step=step)
            if done.exists():
                with np.load(done) as saved:
                    mean = Mean(**saved, lattice=lattice)
                continue
            warps = [UPRIGHT] * len(paths)
            mean = mean or average(pool, paths, warps, replace(COMMON, step=3.0))
            warps = list(pool.map(partial(register, mean=mean, levels=levels), paths))
            mean = average(pool, paths, warps, lattice)
            np.savez(done, distance=mean.distance, seen=mean.seen, bone=mean.bone)
            print(f"round {number}: {np.mean(mean.bone[mean.distance < 0]):.2f} of bone met", flush=True)
    assert mean is not None
    atlas = to_atlas(mean)
    write_atlas(atlas, args.out)
    size = args.out.stat().st_size / 1e6
    print(f"{args.out}: {size:.2f} MB, floor z = {atlas.floor[0]:.1f} mm {atlas.floor[1]:+.3f} y")


if __name__ == "__main__":
    sys.exit(main())

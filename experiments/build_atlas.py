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
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from cranial_sparse.data.atlas import ATLAS, CLIP, Atlas, write_atlas
from cranial_sparse.data.defects.vault import fit_vault
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import in_one_line

BAND = 8.0  # mm, the distances that registration sees
ROUNDS = (  # lattice of the new mean, then (lattice, demons steps) of each registration, mm
    (3.0, ()),
    (3.0, ((6.0, 25),)),
    (3.0, ((6.0, 15), (3.0, 12))),
    (1.5, ((6.0, 15), (3.0, 12))),
)
PITCH = 6.5  # degrees, of the vault's own frame against scanners' axes on average: the atlas keeps the latter
SEEN = 0.3  # share of scans that must see a place
SPARE = 15.0  # mm kept below that, for phantoms that bend downward


@dataclass(frozen=True)
class Lattice:
    """Points every ``step`` mm from ``low`` to ``high``."""

    step: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        nx, ny, nz = (round((b - a) / self.step) + 1 for a, b in zip(self.low, self.high, strict=True))
        return nx, ny, nz

    def axes(self) -> list[NDArray]:
        return [a + self.step * np.arange(n) for a, n in zip(self.low, self.shape, strict=True)]

    def points(self) -> NDArray[np.float32]:
        """[3, X, Y, Z] mm."""
        return np.stack(np.meshgrid(*self.axes(), indexing="ij")).astype(np.float32)

    def sample(self, values: NDArray, points: NDArray, order: int = 1) -> NDArray[np.float32]:
        """``values`` [X, Y, Z] of this lattice at mm ``points`` [3, ...]; the border value goes on outside."""
        low = np.reshape(self.low, (3, *[1] * (points.ndim - 1))).astype(np.float32)
        index = (points - low) / np.float32(self.step)
        found = map_coordinates(values, index, np.float32, order=order, mode="nearest")
        return found.astype(np.float32, copy=False)


OWN = Lattice(1.2, (-96, -117, -96), (96, 117, 90))  # of the fields, in the frame of each skull's vault
MEAN = Lattice(3.0, (-84, -111, -96), (84, 111, 84))


# 1. Fields -----------------------------------------------------------------------------------------------------------


def make_field(path: Path, out: Path) -> None:
    """Write int8 [2, X, Y, Z]: signed distance in tenths of a millimetre, and whether the scan sees the place."""
    if out.exists():
        return
    skull, _ = read_packed(path)
    geometry = skull.geometry
    vault = fit_vault(geometry.to_physical(np.argwhere(skull.array[::3, ::3, ::3]) * 3))
    corners = np.vstack([np.zeros(3), np.eye(3)]) * OWN.step + OWN.low
    index = geometry.to_index(vault.to_points(corners))
    offset, matrix = index[0], (index[1:] - index[0]).T  # lattice index to scan index
    # Bone goes on beyond the scan, so that its cut end does not look like a surface.
    grey = skull.array.view(np.uint8) * np.uint8(255)
    bone = affine_transform(grey, matrix, offset, OWN.shape, np.uint8, order=1, mode="nearest") >= 128
    seen = np.ones(OWN.shape, bool)
    steps = np.ogrid[tuple(slice(n) for n in OWN.shape)]
    for row, start, size in zip(matrix, offset, geometry.shape, strict=True):
        at = sum(m * n for m, n in zip(row, steps, strict=True)) + start
        seen &= (at >= 0) & (at <= size - 1)
    tenths = np.rint(np.clip(signed_distance(bone, OWN.step), -12.7, 12.7) * 10)
    temporary = out.with_suffix(".part.npy")
    np.save(temporary, np.stack([tenths, seen]).astype(np.int8))
    temporary.rename(out)


def signed_distance(bone: NDArray[np.bool_], step: float) -> NDArray[np.float32]:
    """Distance in mm to the faces between bone and air, negative in bone (Maurer et al. 2003)."""
    image = sitk.GetImageFromArray(bone.astype(np.uint8))
    to_voxels = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False)
    distance = sitk.GetArrayFromImage(to_voxels)  # from the outermost voxels of the bone, which are at zero
    return (distance.astype(np.float32) - 0.5) * step


# 2. Registration -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Warp:
    """Mean space to a skull's own frame: p -> scale * rotation @ (p + displacement(p)) + shift, mm."""

    rotation: NDArray = field(default_factory=Rotation.from_euler("x", PITCH, degrees=True).as_matrix)
    shift: NDArray = field(default_factory=partial(np.zeros, 3))
    scale: float = 1.0
    displacement: NDArray | None = None  # float32 [3, X, Y, Z]
    lattice: Lattice = MEAN  # of the displacement

    def rigid(self, points: NDArray) -> NDArray[np.float32]:
        turned = np.tensordot((self.scale * self.rotation).astype(np.float32), points, 1)
        return turned + self.shift.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))

    def at(self, points: NDArray) -> NDArray[np.float32]:
        """The displacement at mm points [3, ...]."""
        if self.displacement is None:
            return np.zeros_like(points)
        return np.stack([self.lattice.sample(u, points) for u in self.displacement])


@dataclass(frozen=True, eq=False)
class Mean:
    """Mean distance, mm, share of scans that see, and share of those that have bone; [X, Y, Z] each."""

    distance: NDArray[np.float32]
    seen: NDArray[np.float32]
    bone: NDArray[np.float32]
    lattice: Lattice


def fit_similarity(mean: Mean, skull: NDArray, start: Warp) -> Warp:
    """Gauss-Newton on the distances met by points around the mean's surface, with a Cauchy loss."""
    near = (np.abs(mean.distance) < 3) & (mean.seen > 0.5)
    every = max(1, int(near.sum()) // 10000)
    points, target = mean.lattice.points()[:, near][:, ::every], mean.distance[near][::every]
    distance, seen = skull
    warp = start

    def residual(warp: Warp) -> tuple[NDArray, NDArray]:
        q = warp.rigid(points)
        met = np.clip(OWN.sample(distance, q) / 10, -BAND, BAND) / warp.scale
        return met - target, OWN.sample(seen, q, order=0)

    def moved(warp: Warp, x: NDArray) -> Warp:
        turn = Rotation.from_rotvec(x[:3]).as_matrix()
        return Warp(warp.rotation @ turn, warp.shift + warp.rotation @ x[3:6], warp.scale * float(np.exp(x[6])))

    delta = np.array([0.005] * 3 + [0.5] * 3 + [0.005])
    for _ in range(12):
        error, inside = residual(warp)
        slope = np.stack([(residual(moved(warp, d))[0] - error) for d in np.diag(delta)], axis=1) / delta
        trust = inside / (1 + (error / 3) ** 2)
        system = (slope.T * trust) @ slope + np.diag([10, 10, 10, 1e-3, 1e-3, 1e-3, 10])
        warp = moved(warp, -np.linalg.solve(system, (slope.T * trust) @ error))
    return warp


def demons(mean: Mean, lattice: Lattice, skull: NDArray, warp: Warp, steps: int) -> Warp:
    """Refine the displacement on ``lattice`` until the warped skull meets the mean."""
    points = lattice.points()
    u = warp.at(points)
    target = np.clip(mean.lattice.sample(mean.distance, points), -BAND, BAND)
    slope = np.stack(list(np.gradient(target, lattice.step)))
    distance, seen = skull
    inside = np.ones(lattice.shape, np.float32)
    blur = partial(gaussian_filter, truncate=2.5)
    for step in range(steps):
        q = warp.rigid(points + u)
        if step % 4 == 0:  # the edge of the scan hardly moves in between
            inside = OWN.sample(seen, q, order=0)
        moving = np.clip(OWN.sample(distance, q) / (10 * warp.scale), -BAND, BAND)
        error = (moving - target) * inside
        both = (slope + np.stack(list(np.gradient(moving, lattice.step)))) / 2
        force = -error / ((both**2).sum(0) + (error / (0.7 * lattice.step)) ** 2 + 1e-2) * both
        u = np.stack([blur(a + blur(f, 1.0), 0.8) for a, f in zip(u, force, strict=True)])
    return replace(warp, displacement=u.astype(np.float32), lattice=lattice)


def register(path: Path, mean: Mean, levels: tuple[tuple[float, int], ...]) -> Warp:
    """One skull onto the mean, from the start."""
    skull = np.load(path).astype(np.float32)
    warp = fit_similarity(mean, skull, Warp())
    for step, steps in levels:
        warp = demons(mean, replace(MEAN, step=step), skull, warp, steps)
    return warp


def warped(path: Path, warp: Warp, lattice: Lattice, back: NDArray) -> tuple[NDArray, NDArray]:
    """A skull's distances, mm, in mean space moved by ``back`` [3, X, Y, Z], and whether they are seen."""
    distance, seen = np.load(path).astype(np.float32)
    points = lattice.points() + back
    q = warp.rigid(points + warp.at(points))
    return OWN.sample(distance, q) / (10 * warp.scale), OWN.sample(seen, q, order=0)


def undo(u: NDArray, lattice: Lattice) -> NDArray[np.float32]:
    """v [3, X, Y, Z] with v(x) = -u(x + v(x)): the inverse of x + u(x), by fixed point."""
    points, v = lattice.points(), np.zeros_like(u)
    for _ in range(8):
        v = -np.stack([lattice.sample(a, points + v) for a in u])
    return v


def average(pool: ProcessPoolExecutor, paths: list[Path], warps: list[Warp], lattice: Lattice) -> Mean:
    """The mean of all skulls in their average shape, symmetric left to right."""
    coarse = replace(MEAN, step=3.0)
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
    return sharpen(Mean(distance, seen, share, lattice))


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
            done, lattice = args.work / f"mean{number}.npz", replace(MEAN, step=step)
            if done.exists():
                with np.load(done) as saved:
                    mean = Mean(**saved, lattice=lattice)
                continue
            warps = [Warp()] * len(paths)
            mean = mean or average(pool, paths, warps, replace(MEAN, step=3.0))
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

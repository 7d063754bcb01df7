"""Build the radial shape model from the complete training skulls: ``python -m experiments.build_radial --maps maps.npz``.

Alternates between posing every skull on the model so far and averaging the maps of the posed skulls, lays their ridges onto
one another, then fits the Gaussians of the maps and of the orbital region. Only means, modes and spreads are shipped; what
was measured on single skulls stays where ``--maps`` says.
"""

import argparse
import io
import os
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.alignment import STEPS, Ridges, mirrored, register, ridges
from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.maps import INNERMOST, OUTERMOST, PIXELS, cast, cast_vault, directions
from cranial_sparse.classical.orbital import signed_distance
from cranial_sparse.classical.pose import first_guess, fit_pose
from cranial_sparse.classical.radial_model import PosedMaps, fit_outer, fit_radial_model, known_tables, mean_ridges
from cranial_sparse.completion.frame import Pose
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import in_one_line
from cranial_sparse.io.files import write_whole

ROUNDS, SHAPED_ROUNDS = 2, 2  # of rigid fits to the mean, and of fits of pose and modes together
ALIGNMENTS = 3  # rounds of laying all ridges onto the mean ones so far
SIZE = 0.04  # standard deviation of the size of heads
ASSET = Path(__file__).resolve().parents[1] / "cranial_sparse" / "assets" / "radial.safetensors"


def first_map(path: Path) -> NDArray[np.float64]:
    """Outer radius [P, P] from the first guess of the pose."""
    skull, _ = read_packed(path)
    unit = directions()[0].reshape(-1, 3)
    far = np.full(len(unit), OUTERMOST)
    return cast(skull, first_guess(skull), unit, np.full(len(unit), INNERMOST), far, 1.0).outer.reshape(PIXELS, PIXELS)


def rigid(mean: NDArray) -> MapModel:
    """A head that has a size but no other shape than the mean [P, P]."""
    single = mean.astype(np.float32)
    return MapModel(single, SIZE * single[None], np.zeros_like(single))


def posed_maps(path: Path, model: MapModel) -> dict[str, NDArray]:
    """Pose, size and maps of one skull."""
    skull, _ = read_packed(path)
    pose, fitted, _ = fit_pose(skull, model)
    rays = cast_vault(skull, pose, fitted)
    return {
        "rotation": pose.rotation, "centre": pose.centre, "size": np.mean(fitted / model.mean),  # type: ignore
        "outer": rays.outer, "inner": rays.inner, "in_view": rays.in_view,
    }  # fmt: skip


def posed_orbit(path: Path, pose: Pose) -> tuple[NDArray, NDArray]:
    """The orbital region of one skull."""
    return signed_distance(read_packed(path)[0], pose)


def mean_map(maps: NDArray) -> NDArray[np.float64]:
    """Symmetric median of [n, P, P], filled from the nearest pixel where fewer than 30 % of the skulls have bone."""
    median = np.nanmedian(maps, axis=0)
    median[np.isfinite(maps).mean(0) < 0.3] = np.nan
    nearest = distance_transform_edt(np.isnan(median), return_distances=False, return_indices=True)
    median = median[tuple(nearest)]
    return (median + median[::-1]) / 2


def laid_on(outer: NDArray, inner: NDArray, start: NDArray, mean_outer: NDArray, fixed: Ridges) -> NDArray[np.float64]:
    """The displacement [2, P, P] of one head's maps onto ``fixed``, from where it was."""
    own = ridges(outer, outer - inner, *known_tables(outer, inner, mean_outer))
    return register(own, fixed, start, STEPS // 2)


def aligned(outer: NDArray, inner: NDArray, mean_outer: NDArray, pool: Executor) -> NDArray[np.float64]:
    """Displacements [n, 2, P, P] that lay all heads [n, P, P] onto one another; they and their mirror images have mean 0."""
    found = np.zeros((len(outer), 2, *outer.shape[1:]))
    for _ in range(ALIGNMENTS):
        fixed = mean_ridges(outer, inner, found, mean_outer)
        found = np.stack(list(pool.map(partial(laid_on, mean_outer=mean_outer, fixed=fixed), outer, inner, found)))
        mean = found.mean(0)
        found -= (mean + mirrored(mean)) / 2
    return found


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--maps", type=Path, required=True, help="where the maps of the training skulls go (npz)")
    parser.add_argument(
        "--out",
        type=Path,
        default=ASSET,
        help="shape model to write, the one of aligned heads beside it with _aligned in its name (default: those that ship)",
    )
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    paths = packed_paths(args.data, "train")
    with ProcessPoolExecutor(args.jobs) as pool:
        mean = mean_map(np.stack(list(pool.map(first_map, paths))))
        shape = rigid(mean)
        for round_ in range(ROUNDS + SHAPED_ROUNDS):
            found = list(pool.map(partial(posed_maps, model=shape), paths))
            stacked = {name: np.stack([one[name] for one in found]) for name in found[0]}
            sizes = stacked["size"]
            mean = mean_map(stacked["outer"] / sizes[:, None, None]) * sizes.mean()
            shape = rigid(mean) if round_ + 1 < ROUNDS else fit_outer(stacked["outer"], mean)
            print(f"round {round_ + 1}: size {sizes.mean():.3f} ± {sizes.std():.3f}", flush=True)
        poses = [Pose(one["rotation"], one["centre"]) for one in found]
        orbits = list(pool.map(posed_orbit, paths, poses))
        stacked["displacement"] = aligned(stacked["outer"], stacked["inner"], mean, pool)
    stacked["orbit"], stacked["orbit_seen"] = (np.stack(part) for part in zip(*orbits, strict=True))
    model = fit_radial_model(PosedMaps(*(stacked[field.name] for field in fields(PosedMaps))), mean)
    maps = io.BytesIO()
    np.savez(maps, cases=[path.name[:3] for path in paths], mean_outer=mean, **stacked)  # type: ignore
    write_whole(args.maps, maps.getvalue())
    for out, data in (
        (args.out, model.to_bytes()),
        (args.out.with_stem(f"{args.out.stem}_aligned"), model.aligned.to_bytes()),
    ):
        write_whole(out, data)
        print(f"{out}: {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())

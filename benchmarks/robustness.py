"""Scans that no fixed case has, on training skulls by models that have not seen them: python -m benchmarks robustness.

Each training skull in turn gets a defect of the next kind and meets the next condition below: turned, in thick slices, cut
off, with pins, debris, a second defect … What is found is to be mended, so these are no `val` skulls; figures say
where `radial` breaks, not how good it is. Resumable, with the same maps and revision of radial; `--start 100` draws
other defects.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from benchmarks.common import machine
from benchmarks.common.page import table
from cranial_sparse.classical.folds import FoldModels
from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.data.augment.scanner import blooming, cut_off, littered, noisy, rotated, sliced, tilted
from cranial_sparse.data.augment.shape import changed, denser, thickened
from cranial_sparse.data.defects import KINDS, cut_volume
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.metrics import dsc
from cranial_sparse.metrics.boxes import bounding_box

Rng = np.random.Generator
Scan = tuple[Volume, Volume]  # defective skull and what it lacks
STRIDE = 2  # kinds move on by so much more from one round of conditions to the next, so that each meets each in ten
POOR = 0.8
PIN, BURR = (3.0, 6.0), 7.0  # mm: radius and height of a pin, radius of a burr hole


def scan_of(complete: Volume, implant: Volume) -> Scan:
    """What is scanned of a ``complete`` skull (bool [X, Y, Z]) without its ``implant``, and the implant."""
    return Volume(complete.array & ~implant.array, complete.geometry), implant


def turned(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """About any axis, by 20 to 180 degrees."""
    axis = rng.standard_normal(3)
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(20, 180)) * axis / np.linalg.norm(axis))
    return scan_of(*rotated(complete, implant, turn.as_matrix()))


def scaled(complete: Volume, implant: Volume, rng: Rng, size: float) -> Scan:
    """A head of another size, and by up to 8 % of other proportions."""
    grid = changed(complete.geometry, np.diag(size * np.exp(rng.uniform(-0.08, 0.08, 3))))
    return scan_of(Volume(complete.array, grid), Volume(implant.array, grid))


def cropped(complete: Volume, implant: Volume, axis: int, share: float) -> Scan:
    """Without ``share`` of the bone's extent along an ``axis`` of the file, from its far end."""
    box = bounding_box(complete.array)
    assert box is not None
    kept = [slice(None)] * 3
    kept[axis] = slice(0, box[axis].stop - round(share * (box[axis].stop - box[axis].start)))
    whole, part = complete.array[tuple(kept)], implant.array[tuple(kept)]
    nx, ny, nz = whole.shape
    grid = complete.geometry.crop((0, 0, 0), (nx, ny, nz))
    return scan_of(Volume(whole, grid), Volume(part, grid))


def pinned(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """Five pins on the bone 6 to 30 mm from the hole."""
    defective, _ = scan_of(complete, implant)
    array = defective.array.copy()
    for place, outward in _surface(defective, implant, rng, 5):
        array |= _cylinder(defective, place, outward, PIN[0], (-1.0, PIN[1]))
    return Volume(array & ~implant.array, defective.geometry), implant


def burred(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """Three burr holes 6 to 30 mm from the hole, which are not asked for."""
    defective, _ = scan_of(complete, implant)
    array = defective.array.copy()
    for place, outward in _surface(defective, implant, rng, 3):
        array &= ~_cylinder(defective, place, outward, BURR, (-15.0, 5.0))
    return Volume(array, defective.geometry), implant


def sunk(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """The middle of the missing bone left in the hole, ten millimetres deeper."""
    places = np.argwhere(implant.array)
    points = complete.geometry.to_physical(places)
    outward = points.mean(0) - complete.geometry.to_physical(np.argwhere(complete.array)).mean(0)
    middle = np.linalg.norm(points - points.mean(0), axis=1) < 20
    fragment = np.rint(complete.geometry.to_index(points[middle] - 10 * outward / np.linalg.norm(outward))).astype(int)
    fragment = fragment[((fragment >= 0) & (fragment < complete.array.shape)).all(1)]
    array = complete.array & ~implant.array
    array[tuple(fragment.T)] = True
    return Volume(array & ~implant.array, complete.geometry), implant


def strewn(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """With debris in the hole and beside it; what lies where bone was is not missing."""
    defective = littered(scan_of(complete, implant)[0], implant, rng)
    return defective, Volume(implant.array & ~defective.array, implant.geometry)


def rested(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """On a headrest of 4 mm, close to the back of the head."""
    defective, _ = scan_of(complete, implant)
    bone = complete.geometry.to_physical(np.argwhere(complete.array))
    top = bone[:, 2].max()
    middle = np.array([*bone[bone[:, 2] > top - 100].mean(0)[:2], top - 80])
    reach = np.linalg.norm((bone - middle)[:, :2], axis=1)[np.abs(bone[:, 2] - middle[2]) < 40]
    start = reach.max() + rng.uniform(1, 6)
    nx, ny, nz = complete.array.shape
    rest = np.zeros((nx, ny, nz), bool)
    plane = np.indices((nx, ny)).reshape(2, -1).T
    for z in range(nz):  # all planes at once take gigabytes
        points = complete.geometry.to_physical(np.column_stack([plane, np.full(nx * ny, z)])) - middle
        radius = np.linalg.norm(points[:, :2], axis=1)
        shell = (radius > start) & (radius < start + 4) & (points[:, 1] > 0.6 * radius)
        rest[:, :, z] = shell.reshape(nx, ny)
    return Volume(defective.array | (rest & ~implant.array), complete.geometry), implant


def twice(complete: Volume, implant: Volume, rng: Rng) -> Scan:
    """With a second defect, a ball's."""
    other = cut_volume(complete, "sphere", int(rng.integers(1000))).implant
    return scan_of(complete, Volume(implant.array | other.array, complete.geometry))


def _surface(skull: Volume, implant: Volume, rng: Rng, count: int) -> Iterable[tuple[NDArray, NDArray]]:
    """Points (mm [3]) on the bone 6 to 30 mm around the ``implant``, and which way is out there."""
    near = bounding_box(implant.array)
    assert near is not None
    spacing = np.array(skull.geometry.spacing)
    more = np.ceil(32 / spacing).astype(int)
    box = tuple(slice(max(0, s.start - int(m)), s.stop + int(m)) for s, m in zip(near, more, strict=True))
    away = distance_transform_edt(~implant.array[box], spacing)
    places = np.argwhere(skull.array[box] & (away > 6) & (away < 30)) + [side.start for side in box]
    points = skull.geometry.to_physical(places)
    bone = skull.geometry.to_physical(np.argwhere(skull.array))
    middle = np.array([*np.median(bone[:, :2], axis=0), bone[:, 2].max() - 75])
    for _ in range(count):
        outward = points[rng.integers(len(points))] - middle
        outward /= np.linalg.norm(outward)
        aligned = np.linalg.norm(np.cross(points - middle, outward), axis=1) < 1.5
        along = (points - middle) @ outward
        aligned &= along > 0
        yield middle + outward * along[aligned].max(), outward


def _cylinder(skull: Volume, place: NDArray, outward: NDArray, radius: float, extent: tuple[float, float]) -> NDArray:
    """Voxels [X, Y, Z] within ``radius`` mm of the line through ``place`` (mm [3]), and within ``extent`` mm along it."""
    grid = skull.geometry
    reach = np.ceil((radius + max(map(abs, extent))) / np.array(grid.spacing)).astype(int)
    centre = np.rint(grid.to_index(place)).astype(int)
    low, high = np.clip(centre - reach, 0, grid.shape), np.clip(centre + reach + 1, 0, grid.shape)
    index = np.moveaxis(np.indices(high - low), 0, -1) + low
    from_place = grid.to_physical(index.reshape(-1, 3)) - place
    along = from_place @ outward
    across = np.linalg.norm(from_place - along[:, None] * outward, axis=1)
    mask = np.zeros(grid.shape, bool)
    inside = (across < radius) & (along > extent[0]) & (along < extent[1])
    mask[tuple(map(slice, low, high))] = inside.reshape(index.shape[:3])
    return mask


CONDITIONS: dict[str, Callable[[Volume, Volume, Rng], Scan]] = {
    "as it is": lambda complete, implant, rng: scan_of(complete, implant),
    "turned by 20 to 180 degrees": turned,
    "tilted gantry": lambda complete, implant, rng: scan_of(*tilted(complete, implant, rng)),
    "slices of 3 mm": lambda complete, implant, rng: scan_of(*sliced(complete, implant, 3.0)),
    "slices of 5 mm": lambda complete, implant, rng: scan_of(*sliced(complete, implant, 5.0)),
    "cut off below": lambda complete, implant, rng: scan_of(*cut_off(complete, implant, rng)),
    "cut off at the vertex": lambda complete, implant, rng: cropped(complete, implant, 2, 0.08),
    "cut off at a side": lambda complete, implant, rng: cropped(complete, implant, 0, 0.12),
    "cut off at the back": lambda complete, implant, rng: cropped(complete, implant, 1, 0.1),
    "swollen rim": lambda complete, implant, rng: scan_of(*blooming(complete, implant)),
    "noise": lambda complete, implant, rng: scan_of(*noisy(complete, implant, int(rng.integers(1000)))),
    "debris": strewn,
    "thicker and thinner bone": lambda complete, implant, rng: scan_of(*thickened(complete, implant, rng)),
    "denser and thinner bone": lambda complete, implant, rng: scan_of(*denser(complete, implant, rng)),
    "small head": lambda complete, implant, rng: scaled(complete, implant, rng, 0.88),
    "large head": lambda complete, implant, rng: scaled(complete, implant, rng, 1.1),
    "pins": pinned,
    "burr holes": burred,
    "sunk fragment": sunk,
    "headrest": rested,
    "second defect": twice,
}


@cache
def models(maps: Path) -> FoldModels:
    """One set of fold models per process."""
    return FoldModels(maps)


def chosen(job: int) -> tuple[str, str]:
    """Condition and kind of the ``job``-th scan."""
    conditions, kinds = list(CONDITIONS), list(KINDS)
    ahead = STRIDE * (job // len(conditions))
    return conditions[job % len(conditions)], kinds[(job + ahead) % len(kinds)]


def score(job: int, maps: Path, folder: Path) -> dict:
    """Condition, kind, skull and DSC of the ``job``-th scan; 0 and why, where nothing came of it."""
    folds = models(maps)
    case = folds.cases[job % len(folds.cases)]
    condition, kind = chosen(job)
    row: dict = {"case": case, "condition": condition, "kind": kind, "dsc": 0.0}
    complete, _ = read_packed(folder / f"{case}.skull.xz")
    rng = np.random.default_rng([job, 41])
    try:
        cut = cut_volume(complete, kind, seed=1000 + job)
        defective, implant = CONDITIONS[condition](complete, cut.implant, rng)
    except InputError as error:
        return row | {"dsc": None, "said": str(error)}
    row["ml"] = float(implant.array.sum() * implant.geometry.voxel_volume / 1000)
    try:
        field = radial_completer(defective, folds.without(case))
    except InputError as error:
        return row | {"said": str(error)}
    if field is None:
        return row | {"said": "no hole found"}
    found = missing_bone(*patient_logits(field, defective.geometry), defective)
    return row | {"dsc": dsc(found.array, implant.array), "expected": field.facts.get("expected_dsc")}


def finished(path: Path, made_of: dict) -> dict[str, dict]:
    """The rows of an earlier run by number. Raises InputError where they are of other models or another revision."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"of": made_of, "scans": {}}
    if stored.get("of") != made_of:
        raise InputError(
            f"--out {path}: has scans of other maps or another revision of radial; delete it, or choose another"
        )
    return stored["scans"]


def page(rows: dict[str, dict]) -> str:
    """Markdown: a line for each condition, and what is below POOR."""
    scored = {name: row for name, row in rows.items() if row["dsc"] is not None}
    lines = ["# Robustness", "", f"`python -m benchmarks robustness`, {machine()['processor']}.", ""]
    numbers = sorted(map(int, rows))
    lines += [
        f"`radial` on {len(scored)} scans of training skulls, numbers {numbers[0]} to {numbers[-1]}, models by fold, DSC on the"
        " scan's own grid."
    ]
    lines += ["A scan without a result counts as 0.", ""]
    body = []
    for condition in CONDITIONS:
        values = [row["dsc"] for row in scored.values() if row["condition"] == condition]
        if values:
            body.append([condition, str(len(values)), f"{mean(values):.3f}", f"{min(values):.3f}"])
    lines += table(["condition", "scans", "DSC", "worst"], body)
    poor = sorted((row for row in scored.values() if row["dsc"] < POOR), key=lambda row: row["dsc"])
    lines += ["", f"Below {POOR}:", ""]
    head = ["skull", "condition", "kind", "ml", "DSC", "said"]
    lines += table(
        head,
        [[r["case"], r["condition"], r["kind"], f"{r['ml']:.0f}", f"{r['dsc']:.3f}", r.get("said", "")] for r in poor],
    )
    return "\n".join(lines) + "\n"


@in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--maps", type=Path, required=True, help="from experiments.build_radial")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"), help="default: %(default)s")
    parser.add_argument("--start", type=int, default=0, help="first scan; their numbers decide everything")
    parser.add_argument("--count", type=int, default=len(CONDITIONS), help="default: each condition once")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    args = parser.parse_args()
    folder = packed_paths(args.data, "train")[0].parent
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "robustness.json"
    made_of = {"revision": SYSTEMS["radial"].revision, "maps": hashlib.sha256(args.maps.read_bytes()).hexdigest()}
    rows = finished(kept, made_of)
    wanted = [job for job in range(args.start, args.start + args.count) if str(job) not in rows]
    with ProcessPoolExecutor(args.jobs) as pool:
        for job, row in zip(wanted, pool.map(partial(score, maps=args.maps, folder=folder), wanted), strict=True):
            rows[str(job)] = row
            print(job, *(f"{key} {value}" for key, value in row.items()), flush=True)
            write_whole(kept, json.dumps({"of": made_of, "scans": rows}, indent=1))
    write_whole(args.out / "robustness.md", page(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

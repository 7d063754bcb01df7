"""Compare mode counts by five-fold cross-validation: ``python -m experiments.cross_validate --maps maps.npz --out o.json``.

Every training skull is cut twice, posed and completed by models fitted without its fold, and scored on the patient's
own grid. Pose and hole come from the shipped mode counts and are shared, so that only the completion differs.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from statistics import mean

import numpy as np

from cranial_sparse.classical.folds import FoldModels
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import (
    FIELD_LEVEL,
    OFF_SURFACE,
    cast_vault,
    complete_orbit,
    complete_vault,
    expected_outer,
    find_hole,
    hole_box,
    vault_field,
)
from cranial_sparse.classical.radial_model import SHIPPED_MODES, Modes
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.data.defects import SKULLBREAK_KINDS, cut_volume
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.metrics import dsc

KINDS = ("official", *SKULLBREAK_KINDS)
VARIANTS = {"shipped": SHIPPED_MODES} | {
    f"{part} {count}": replace(SHIPPED_MODES, **{part: count})
    for part, counts in (("outer", (10, 30, 40)), ("thickness", (5, 20)), ("orbit", (15, 45)))
    for count in counts
}


@cache
def fold_models(maps: Path, modes: Modes) -> FoldModels:
    """One set of models per process and mode count."""
    return FoldModels(maps, modes)


def score(job: tuple[str, str], maps: Path, folder: Path) -> dict[str, float] | None:
    """DSC of every variant on the case and kind of ``job``; None where the skull has no room for the defect."""
    case, kind = job
    complete, implant = read_packed(folder / f"{case}.skull.xz")
    if kind == "official":
        defective = Volume(complete.array & ~implant.array, complete.geometry)
    else:
        try:
            cut = cut_volume(complete, kind, seed=0)
        except InputError:
            return None
        defective, implant = cut.defective, cut.implant
    model = fold_models(maps, SHIPPED_MODES).without(case)
    try:
        pose, fitted = estimate_pose(defective, model.outer)
    except InputError:
        return dict.fromkeys(VARIANTS, 0.0)
    expected = expected_outer(defective, pose, fitted, model)
    rays = cast_vault(defective, pose, expected, OFF_SURFACE)
    hole = find_hole(rays, expected, model)
    if not hole.any():
        return dict.fromkeys(VARIANTS, 0.0)
    scores: dict[str, float] = {}
    for name, modes in VARIANTS.items():
        variant = fold_models(maps, modes).without(case)
        orbit = complete_orbit(defective, pose, hole, variant)
        if name.startswith("orbit") and orbit is None:
            scores[name] = scores["shipped"]
            continue
        vault = complete_vault(rays, hole, variant)
        field = vault_field(vault, hole_box(vault, canonical_lattice(FIELD_LEVEL)), pose, orbit)
        found = missing_bone(*patient_logits(field, defective.geometry), defective)
        scores[name] = dsc(found.array, implant.array)
    return scores


def table(scores: dict[str, dict[str, float]]) -> str:
    """Mean DSC by variant, over all cases and by kind, and the standard error of its difference to the shipped counts."""
    kinds = sorted({name.split("/")[1] for name in scores})
    lines = [f"{'':14}{'all':>8}{'± diff':>8}" + "".join(f"{kind:>15}" for kind in kinds)]
    for variant in VARIANTS:
        gain = np.array([row[variant] - row["shipped"] for row in scores.values()])
        by_kind = (mean(row[variant] for name, row in scores.items() if name.endswith(f"/{kind}")) for kind in kinds)
        error = gain.std() / np.sqrt(len(gain))
        overall = mean(row[variant] for row in scores.values())
        lines.append(f"{variant:14}{overall:8.4f}{error:8.4f}" + "".join(f"{one:15.4f}" for one in by_kind))
    return "\n".join(lines)


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--maps", type=Path, required=True, help="from experiments.build_radial")
    parser.add_argument("--out", type=Path, required=True, help="scores of every case (JSON); resumable")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cuts", type=int, default=2, help="defects per skull")
    args = parser.parse_args()
    folder = packed_paths(args.data, "train")[0].parent
    # the n-th skull starts with the n-th kind, so that every fold meets every kind
    wanted = [
        (case, KINDS[(number + 3 * cut) % len(KINDS)])
        for cut in range(args.cuts)
        for number, case in enumerate(FoldModels(args.maps).cases)
    ]
    scores = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
    todo = [job for job in wanted if "/".join(job) not in scores]
    with ProcessPoolExecutor(args.jobs) as pool:
        run = pool.map(partial(score, maps=args.maps, folder=folder), todo)
        for job, row in zip(todo, run, strict=True):
            if row is not None:
                scores["/".join(job)] = row
                write_whole(args.out, json.dumps(scores, indent=1))
    print(table(scores))


if __name__ == "__main__":
    sys.exit(main())

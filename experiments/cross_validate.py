"""Compare settings of the shape completer by five-fold cross-validation over the training skulls, each cut twice.

    python -m experiments.cross_validate --variants configs/cross_validation/modes.yaml --maps maps.npz --out modes.json

Every skull is completed by models fitted without its fold and scored on the patient's own grid. The folds are fixed by a
seed (cranial_sparse/classical/folds.py). The pose comes from the shipped mode counts and is shared by all variants.

A file of variants gives each a name and what differs from the shipped values, the shipped ones first:
  shipped: {}
  outer 10: {modes: {outer: 10}}                      # counts of radial_model.Modes
  smooth: {settings: {outer: {length: 60}, rim: 6}}   # values of radial_settings.RadialSettings
With --system ssm and the distance fields that experiments.build_ssm kept, variants are of the statistical shape model:
  fewer: {modes: 40, fit: {ridge: 100}}               # ssm_model.MODES and values of ssm.Fit
With --system consensus:
  less: {settings: {share: 0.35}}                     # values of consensus.ConsensusSettings
With --system mirror and tps likewise values of mirror.MirrorSettings and tps.warp.WarpSettings.
"""

import argparse
import hashlib
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from cranial_sparse.classical.consensus import SHIPPED_CONSENSUS, ConsensusSettings, consensus_field
from cranial_sparse.classical.folds import FoldModels, FoldShapeModels
from cranial_sparse.classical.hole import find_defect
from cranial_sparse.classical.mirror import SHIPPED_MIRROR, MirrorSettings, mirror_field
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import radial_field
from cranial_sparse.classical.radial_model import SHIPPED_MODES, Modes
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS, RadialSettings
from cranial_sparse.classical.ssm import SHIPPED_FIT, Fit, ssm_field
from cranial_sparse.classical.ssm_model import MODES
from cranial_sparse.classical.tps.completer import tps_field
from cranial_sparse.classical.tps.warp import SHIPPED_WARP, WarpSettings
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.data.defects import SKULLBREAK_KINDS, cut_volume
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.metrics import dsc

T = TypeVar("T")
KINDS = ("official", *SKULLBREAK_KINDS)
# How many kinds each further defect of a skull is ahead of its first one: every cut is of another kind.
FROM_CUT_TO_CUT = (0, 3, 1, 4, 2, 5)
CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "cross_validation"


@dataclass(frozen=True)
class RadialVariant:
    """One choice of everything that is compared."""

    modes: Modes = SHIPPED_MODES
    settings: RadialSettings = SHIPPED_SETTINGS


@dataclass(frozen=True)
class ShapeVariant:
    """The same of the statistical shape model."""

    modes: int = MODES
    fit: Fit = SHIPPED_FIT


@dataclass(frozen=True)
class ConsensusVariant:
    """The same of what ``consensus`` takes from the template."""

    settings: ConsensusSettings = SHIPPED_CONSENSUS


@dataclass(frozen=True)
class MirrorVariant:
    """The same of the mirror operation."""

    settings: MirrorSettings = SHIPPED_MIRROR


@dataclass(frozen=True)
class WarpVariant:
    """The same of the thin-plate splines."""

    settings: WarpSettings = SHIPPED_WARP


Variant = RadialVariant | ShapeVariant | ConsensusVariant | MirrorVariant | WarpVariant
SHIPPED: dict[str, Variant] = {
    "radial": RadialVariant(),
    "ssm": ShapeVariant(),
    "consensus": ConsensusVariant(),
    "mirror": MirrorVariant(),
    "tps": WarpVariant(),
}


def read_variants(path: Path, shipped: Variant = SHIPPED["radial"]) -> dict[str, Variant]:
    """The variants of a YAML file by name, the first of them the shipped one. Raises InputError naming what is wrong."""
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"--variants {path}: not readable as YAML ({getattr(error, 'problem', error)})") from error
    if not isinstance(plain, dict) or next(iter(plain.items()), None) != ("shipped", {}):
        raise InputError(f"--variants {path}: expected names with changes, 'shipped: {{}}' first")
    return {str(name): changed(shipped, changes, f"--variants {path}: {name}") for name, changes in plain.items()}


def changed(value: T, changes: Any, where: str) -> T:
    """``value``, a dataclass or a number, with the ``changes`` of nested dicts. Raises InputError, beginning ``where``."""
    if not is_dataclass(value):
        if isinstance(changes, bool) or not isinstance(changes, (int, type(value))):
            raise InputError(f"{where}: expected {type(value).__name__}, got {changes!r}")
        return type(value)(changes)  # type: ignore[call-arg]
    known = [field.name for field in fields(value)]
    if not isinstance(changes, dict) or not set(changes) <= set(known):
        raise InputError(f"{where}: expected some of {', '.join(known)} with their values, got {changes!r}")
    inner = {name: changed(getattr(value, name), part, f"{where}.{name}") for name, part in changes.items()}
    return replace(value, **inner)  # type: ignore[type-var]


@cache
def fold_models(maps: Path, modes: Modes) -> FoldModels:
    """One set of models per process and mode count."""
    return FoldModels(maps, modes)


@cache
def fold_shapes(distances: Path, maps: Path, modes: int) -> FoldShapeModels:
    """The same of distance fields."""
    return FoldShapeModels(distances, fold_models(maps, SHIPPED_MODES), modes)


def completed(
    variant: Variant,
    case: str,
    defective: Volume,
    pose: Pose,
    fitted: NDArray,
    maps: Path,
    distances: Path | None,
) -> Field | None:
    """What a variant makes of the ``defective`` skull, by models that have not seen it; None where it finds no hole."""
    modes, settings = SHIPPED_MODES, SHIPPED_SETTINGS
    if isinstance(variant, RadialVariant):
        modes, settings = variant.modes, variant.settings
    model = fold_models(maps, modes).without(case)
    if isinstance(variant, MirrorVariant):  # which has a pose of its own
        return mirror_field(defective, pose, fitted, model, variant.settings)
    defect = find_defect(defective, pose, fitted, model, settings)
    if defect is None:
        return None
    if isinstance(variant, RadialVariant):
        return radial_field(defective, defect, model, settings)
    if isinstance(variant, ConsensusVariant):
        return consensus_field(defective, defect, model, variant.settings)
    if isinstance(variant, WarpVariant):
        return tps_field(defective, defect, model, {}, settings=variant.settings)
    assert distances is not None
    return ssm_field(defective, defect, fold_shapes(distances, maps, variant.modes).without(case), variant.fit)


def score(
    job: tuple[str, str],
    variants: dict[str, Variant],
    maps: Path,
    folder: Path,
    distances: Path | None = None,
) -> dict[str, float] | None:
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
    try:
        pose, fitted = estimate_pose(defective, fold_models(maps, SHIPPED_MODES).without(case).outer)
    except InputError:
        return dict.fromkeys(variants, 0.0)
    scores: dict[str, float] = {}
    for name, variant in variants.items():
        try:
            field = completed(variant, case, defective, pose, fitted, maps, distances)
        except InputError:  # no side to mirror, too few landmarks
            field = None
        if field is None:
            scores[name] = 0.0
        else:
            scores[name] = dsc(missing_bone(*patient_logits(field, defective.geometry), defective).array, implant.array)
    return scores


def facts(system: str, variants: dict[str, Variant], *files: Path | None) -> dict[str, Any]:
    """What scores are of: a system, its variants, and the hashes of the files that its models are made from."""
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file is not None]
    return {"system": system, "variants": {name: repr(variant) for name, variant in variants.items()}, "files": hashes}


def finished(path: Path, made_of: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The scores of an earlier run. Raises InputError where they are of anything else."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"of": made_of, "scores": {}}
    if stored.get("of") != made_of:
        raise InputError(
            f"--out {path}: has scores of another system, variants or maps; give another file or delete it"
        )
    return stored["scores"]


def table(scores: dict[str, dict[str, float]]) -> str:
    """Mean DSC by variant, over all cases and by kind, and the standard error of its difference to the shipped one."""
    kinds = sorted({name.split("/")[1] for name in scores})
    variants = list(next(iter(scores.values())))
    width = max(map(len, variants))
    lines = [f"{'':{width}}{'all':>8}{'± diff':>8}" + "".join(f"{kind:>15}" for kind in kinds)]
    for variant in variants:
        gain = np.array([row[variant] - row["shipped"] for row in scores.values()])
        by_kind = (mean(row[variant] for name, row in scores.items() if name.endswith(f"/{kind}")) for kind in kinds)
        error = gain.std() / np.sqrt(len(gain))
        overall = mean(row[variant] for row in scores.values())
        lines.append(f"{variant:{width}}{overall:8.4f}{error:8.4f}" + "".join(f"{one:15.4f}" for one in by_kind))
    return "\n".join(lines)


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument(
        "--variants", type=Path, default=CONFIGS / "modes.yaml", help="what to compare, YAML (default: %(default)s)"
    )
    parser.add_argument("--system", choices=SHIPPED, default="radial", help="what the variants are of")
    parser.add_argument("--maps", type=Path, required=True, help="from experiments.build_radial")
    parser.add_argument("--distances", type=Path, help="for ssm, from experiments.build_ssm")
    parser.add_argument("--out", type=Path, required=True, help="scores of every case (JSON); resumable")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cuts", type=int, choices=range(1, len(KINDS) + 1), default=2, help="defects per skull")
    args = parser.parse_args()
    if args.system == "ssm" and args.distances is None:
        raise InputError("--distances: --system ssm needs the fields that experiments.build_ssm --fields FILE keeps")
    variants = read_variants(args.variants, SHIPPED[args.system])
    folder = packed_paths(args.data, "train")[0].parent
    # the n-th skull starts with the n-th kind, so that every fold meets every kind
    wanted = [
        (case, KINDS[(number + FROM_CUT_TO_CUT[cut]) % len(KINDS)])
        for cut in range(args.cuts)
        for number, case in enumerate(FoldModels(args.maps).cases)
    ]
    made_of = facts(args.system, variants, args.maps, args.distances)
    scores = finished(args.out, made_of)
    todo = [job for job in wanted if "/".join(job) not in scores]
    with ProcessPoolExecutor(args.jobs) as pool:
        run = pool.map(partial(score, variants=variants, maps=args.maps, folder=folder, distances=args.distances), todo)
        for job, row in zip(todo, run, strict=True):
            if row is not None:
                scores["/".join(job)] = row
                write_whole(args.out, json.dumps({"of": made_of, "scores": scores}, indent=1))
    print(table(scores))


if __name__ == "__main__":
    sys.exit(main())

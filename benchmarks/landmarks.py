"""How far missing landmarks of the tps completer are from true bone: ``python -m benchmarks.landmarks``.

For each validation case (the official defects, then the SkullBreak-like ones) the template's points that the defect took
are completed, and compared with the complete skull in two ways: along the ray from the middle of the head to the true
table (point to surface), and with the same point laid onto the complete skull (landmark to landmark, which counts
where along the surface it slid as well). Defects are two-sided where a tenth of their bone lies on either side of the
midline. DSC stands beside that of the radial completer from the same run. Resumable: cases that landmarks.json has from the
same weights and version are kept.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from benchmarks.cases import FixedCase, listed, load
from benchmarks.common import machine
from benchmarks.common.page import table
from benchmarks.leaderboard import entries
from benchmarks.levels import finished
from cranial_sparse import __version__
from cranial_sparse.classical.hole import find_defect
from cranial_sparse.classical.maps import cast_vault, look_up, to_pixel
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import FIELD_LEVEL, hole_box, radial_completer, vault_field
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.tps.completer import Completed, complete_tables
from cranial_sparse.classical.tps.orbit import bend_orbit
from cranial_sparse.classical.tps.patient import Patient, Placed, place, read_patient
from cranial_sparse.classical.tps.references import read_skulls
from cranial_sparse.classical.tps.surface import Surface
from cranial_sparse.classical.tps.template import template
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.data.packed_skullfix import packed_paths
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.metrics import dsc

WITHIN = 1.0  # mm
TABLES = ("outer", "inner")
MEASURES = ("surface", "landmark")
TRUE_REACH = 15.0  # mm from the expected table, within which the complete skull's is looked for
TWO_SIDED = 0.1  # of the bone on either side

skulls_of = cache(read_skulls)


def row_name(case: FixedCase) -> str:
    """Skull and kind: "000/official", "000/bilateral"."""
    return f"{case.skull}/{'official' if case.set == 'official' else case.kind}"


def score_case(case: FixedCase, data: Path, maps: Path | None) -> dict:
    """One case: its side, DSC of radial, and of each variant the errors and DSC."""
    complete, defective, implant = load(case, data)
    model = shipped_model()
    proposal = radial_completer(defective)
    row: dict = {"radial_dsc": 0.0 if proposal is None else _dsc(proposal, defective, implant), "variants": {}}
    started = time.perf_counter()
    pose, fitted = estimate_pose(defective, model.outer)
    defect, shape = find_defect(defective, pose, fitted, model), template(model)
    found_s = time.perf_counter() - started
    row["side"] = side(implant, pose)
    variants = ("shipped",) if maps is None else ("shipped", "with skulls")
    if defect is None:
        nothing = {"reference": "none", "dsc": 0.0, "missing": {t: {m: [] for m in MEASURES} for t in TABLES}}
        return row | {"variants": dict.fromkeys(variants, nothing)}
    hole = defect.hole
    whole = read_patient(cast_vault(complete, pose, defect.expected, TRUE_REACH), np.zeros_like(hole))
    truth = place(shape, whole, {})
    for variant in variants:
        skulls = skulls_of(maps) if maps and variant == "with skulls" else None
        started = time.perf_counter()
        done = complete_tables(defect.rays, hole, shape, {}, skulls)
        orbit = bend_orbit(defective, pose, hole, done.placed, shape, model.presence)
        field = vault_field(done.vault, hole_box(done.vault, canonical_lattice(FIELD_LEVEL)), pose, orbit)
        row["variants"][variant] = {
            "seconds": found_s + time.perf_counter() - started,
            "reference": done.chosen,
            "errors": {reference: float(error) for reference, error in done.errors.items() if np.isfinite(error)},
            "dsc": _dsc(field, defective, implant),
            "missing": missing_errors(done, whole, truth, hole),
        }
    return row


def _dsc(field: Field, defective: Volume, implant: Volume) -> float:
    return dsc(missing_bone(*patient_logits(field, defective.geometry), defective).array, implant.array)


def side(implant: Volume, pose: Pose) -> str:
    """ "two-sided" where a tenth of the ``implant`` (bool [X, Y, Z]) lies on either side of the midline, else "lateral"."""
    x = pose.to_canonical(implant.geometry.to_physical(np.argwhere(implant.array)))[:, 0]
    return "two-sided" if min((x > 0).mean(), (x < 0).mean()) >= TWO_SIDED else "lateral"


def missing_errors(done: Completed, whole: Patient, truth: Placed, hole: NDArray) -> dict[str, dict[str, list[float]]]:
    """By table and measure, mm of every missing point of the ``hole`` [P, P] whose true table the complete skull shows."""
    return {
        "outer": _errors(done.outer, done.placed.outer.seen, whole.outer, truth.outer.points, hole),
        "inner": _errors(done.inner, done.placed.inner.seen, whole.inner, truth.inner.points, hole),
    }


def _errors(points: NDArray, seen: NDArray, surface: Surface, truth: NDArray, hole: NDArray) -> dict[str, list[float]]:
    radius = np.linalg.norm(points, axis=1)
    pixel = to_pixel(points / radius[:, None])
    within = look_up(binary_dilation(hole).astype(float), pixel) > 0.5
    asked = ~seen & within & surface.sees(points)
    along_ray = np.abs(radius - look_up(surface.radius, pixel))[asked]
    between = np.linalg.norm(points - truth, axis=1)[asked]
    return {"surface": along_ray.round(3).tolist(), "landmark": between.round(3).tolist()}


def share(rows: Iterable[dict], variant: str, tables: tuple[str, ...], measure: str) -> tuple[float, int]:
    """Of the missing points of all ``rows`` together: the share within a millimetre, and how many they are."""
    errors = [e for row in rows for t in tables for e in row["variants"][variant]["missing"][t][measure]]
    return (float(np.mean(np.asarray(errors) <= WITHIN)) if errors else float("nan")), len(errors)


def percent(share: float, digits: int = 1) -> str:
    """ "–" where there was nothing to take a share of."""
    return "–" if np.isnan(share) else f"{share:.{digits}%}"


def page(cases: dict[str, dict]) -> str:
    """Markdown: shares by side, set and table; references; every case."""
    lines = ["# Missing landmarks", "", f"`python -m benchmarks landmarks`, {machine()['processor']}.", ""]
    lines += [f"{len(cases)} of the {len(listed('official', 'skullbreak_like'))} cases.", ""]
    lines += ["Share of missing points of the template within 1 mm of the truth, all cases of a line taken together."]
    lines += [
        "*Surface*: along the ray, to the complete skull's table. *Landmark*: to the same point on the complete skull."
    ]
    groups = {
        "lateral": [row for row in cases.values() if row["side"] == "lateral"],
        "two-sided": [row for row in cases.values() if row["side"] == "two-sided"],
        "official": [row for name, row in cases.items() if name.endswith("/official")],
        "SkullBreak-like": [row for name, row in cases.items() if not name.endswith("/official")],
        "frontoorbital": [row for name, row in cases.items() if name.endswith("/frontoorbital")],
    }
    for variant in next(iter(cases.values()))["variants"]:
        lines += ["", f"## {variant}", ""]
        body = []
        for title, rows in groups.items():
            if not rows:
                continue
            cells = [percent(share(rows, variant, (t,), m)[0]) for m in MEASURES for t in TABLES]
            chosen = Counter(row["variants"][variant]["reference"] for row in rows)
            counts = ", ".join(f"{name} {count}" for name, count in chosen.most_common())
            ours, radial = (
                mean(v) for v in ([r["variants"][variant]["dsc"] for r in rows], [r["radial_dsc"] for r in rows])
            )
            count = share(rows, variant, TABLES, "surface")[1]
            body.append([title, str(len(rows)), f"{count:,}", *cells, f"{ours:.3f}", f"{radial:.3f}", counts])
        head = [
            "",
            "cases",
            "points",
            "surface, outer",
            "inner",
            "landmark, outer",
            "inner",
            "DSC",
            "radial's DSC",
            "reference",
        ]
        lines += table(head, body)
        seconds = [row["variants"][variant].get("seconds", 0.0) for row in cases.values()]
        lines += ["", f"{mean(seconds):.1f} s a case, {max(seconds):.1f} s at most."]
    lines += ["", "## Every case", ""]
    variants = list(next(iter(cases.values()))["variants"])
    body = []
    for name, row in sorted(cases.items()):
        cells = [name, row["side"], f"{row['radial_dsc']:.3f}"]
        for variant in variants:
            one = row["variants"][variant]
            cells += [
                one["reference"],
                f"{one['dsc']:.3f}",
                percent(share([row], variant, ("outer",), "surface")[0], 0),
            ]
        body.append(cells)
    head = ["case", "side", "radial's DSC", *(h for v in variants for h in (v, "DSC", "outer ≤ 1 mm"))]
    return "\n".join([*lines, *table(head, body)]) + "\n"


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", choices=("official", "skullbreak_like", "all"), default="all")
    parser.add_argument("--maps", type=Path, help="of whole train skulls, for the best-fitting one (build_radial's)")
    args = parser.parse_args()
    packed_paths(args.data, "val")  # a folder without them is told at once
    if args.maps is not None:
        read_skulls(args.maps)
    sets = ("official", "skullbreak_like") if args.set == "all" else (args.set,)
    target = args.out / "landmarks.json"
    made_by = entries.made_by("tps") | {"radial": str(SYSTEMS["radial"].revision)}
    made_by |= {"cranial-sparse": __version__, "with skulls": str(args.maps is not None)}
    cases = finished(target, made_by)
    todo = [case for case in listed(*sets) if row_name(case) not in cases]
    with ProcessPoolExecutor(args.jobs) as pool:
        scores = pool.map(partial(score_case, data=args.data, maps=args.maps), todo)
        for name, row in zip(map(row_name, todo), scores, strict=True):
            cases[name] = row
            one = row["variants"]["shipped"]
            print(f"{name}: DSC {one['dsc']:.3f}, radial {row['radial_dsc']:.3f}, {one['reference']}", flush=True)
            write_whole(target, json.dumps({"machine": machine(), "made_by": made_by, "cases": cases}) + "\n")
    if not cases:
        raise InputError(f"--data {args.data}: expected val skulls, found none")
    write_whole(args.out / "landmarks.md", page(cases))
    print(page(cases).split("## Every case")[0])


if __name__ == "__main__":
    sys.exit(main())

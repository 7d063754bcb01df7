"""The validation cases: official SkullFix defects of the val skulls, and 50 SkullBreak-like ones cut by seed."""

import csv
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import SKULLBREAK_KINDS, Cut, cut_volume
from cranial_sparse.data.layouts import Case
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.volume import write_volume

LISTED = Path(__file__).with_name("skullbreak_like.csv")
VOLUME_ML = (15.0, 200.0)
FOLDERS = ("complete_skull", "defective_skull", "implant")
SETS = ("official", "skullbreak_like")


@dataclass(frozen=True)
class Row:
    """One line of the list: the defect ``kind`` that ``seed`` cuts into the skull ``case``, and what comes out."""

    case: str
    kind: str
    seed: int
    volume_ml: float
    crosses_midline: bool


def read_rows(path: Path = LISTED) -> list[Row]:
    """The committed list."""
    with path.open(newline="") as file:
        return [
            Row(r["case"], r["kind"], int(r["seed"]), float(r["volume_ml"]), r["crosses_midline"] == "yes")
            for r in csv.DictReader(file)
        ]


def write_rows(rows: list[Row], path: Path) -> None:
    """Write the list as CSV."""
    lines = [f"{r.case},{r.kind},{r.seed},{r.volume_ml:.1f},{'yes' if r.crosses_midline else 'no'}" for r in rows]
    path.write_text("\n".join(["case,kind,seed,volume_ml,crosses_midline", *lines]) + "\n", encoding="utf-8")


def draw_rows(data: Path) -> list[Row]:
    """Cut each of the five kinds into each val skull under ``data``.

    Seeds of the n-th skull count from 100 n, so that no two skulls share one; the first with 15-200 ml is listed.
    """
    rows = []
    for number, case in enumerate(track(_val(data), "drawing")):
        complete = _complete(case)
        for kind in SKULLBREAK_KINDS:
            seed = 100 * number
            cut = cut_volume(complete, kind, seed)
            while not VOLUME_ML[0] <= cut.volume_ml <= VOLUME_ML[1]:
                seed += 1
                cut = cut_volume(complete, kind, seed)
            rows.append(Row(case.skull_id, kind, seed, cut.volume_ml, cut.crosses_midline))
    return rows


def cut_row(complete: Volume, row: Row) -> Cut:
    """Cut the listed defect again. Raises InputError where it is another: the data or the generator differ."""
    cut = cut_volume(complete, row.kind, row.seed)
    if abs(cut.volume_ml - row.volume_ml) > 0.1 + 0.002 * row.volume_ml:
        raise InputError(
            f"case {row.case} {row.kind}: expected {row.volume_ml:.1f} ml as listed in {LISTED.name}, got "
            f"{cut.volume_ml:.1f} ml; the skull or the generator has changed, so draw the list again"
        )
    return cut


def write_cases(data: Path, out: Path, sets: tuple[str, ...] = SETS) -> int:
    """Write the chosen sets of val cases under ``out`` and return how many; files already there are kept.

    ``out/official`` gets SkullFix's layout and ``out/skullbreak_like`` SkullBreak's: complete_skull/NNN.nrrd,
    defective_skull/KIND/NNN.nrrd, implant/KIND/NNN.nrrd. Raises InputError where ``data`` holds no val skulls.
    """
    written, listed = 0, read_rows()
    for case in track(_val(data), "writing cases"):
        name = f"{case.skull_id}.nrrd"
        if "official" in sets:
            write_official(case, out)
            written += 1
        if "skullbreak_like" in sets:
            rows = [row for row in listed if row.case == case.skull_id]
            home = out / "skullbreak_like"
            todo = [r for r in rows if not all((home / f / r.kind / name).exists() for f in FOLDERS[1:])]
            if todo:
                _write_cuts(_complete(case), todo, home)
            written += len(rows)
    return written


def write_official(case: Case, out: Path) -> None:
    """Write one case under ``out/official`` in SkullFix's layout; files already there are kept."""
    paths = [out / "official" / folder / f"{case.skull_id}.nrrd" for folder in FOLDERS]
    if not all(path.exists() for path in paths):
        skulls = read_case(case)
        _write(paths, skulls.complete, skulls.defective, skulls.implant)


def _write_cuts(complete: Volume, rows: list[Row], home: Path) -> None:
    for row in rows:
        cut, name = cut_row(complete, row), f"{row.case}.nrrd"
        paths = [home / FOLDERS[0] / name, *(home / folder / row.kind / name for folder in FOLDERS[1:])]
        _write(paths, complete, cut.defective, cut.implant)


def _val(data: Path) -> list[Case]:
    cases = [case for case in find_cases(data) if case.split == "val"]
    if not cases:
        raise InputError(f"{data}: expected SkullFix with a cases.csv that names val skulls, found none")
    return cases


def _complete(case: Case) -> Volume:
    complete = read_case(case).complete
    if complete is None:
        raise InputError(f"case {case.id}: expected a complete skull to cut defects into, found none")
    return complete


def _write(paths: list[Path], *volumes: Volume | None) -> None:
    for path, volume in zip(paths, volumes, strict=True):
        if volume is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, volume)

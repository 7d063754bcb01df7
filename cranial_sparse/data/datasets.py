"""Collections of skulls: find the cases, keep the defects of one skull together, read the volumes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cranial_sparse.data.layouts import (
    PACKED_SUFFIX,
    SPLITS,
    Case,
    find_mug500,
    find_packed,
    find_plain,
    find_triplets,
    read_splits,
)
from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.mesh import MESH_SUFFIXES
from cranial_sparse.io.skull import read_skull
from cranial_sparse.io.volume import read_mask

LAYOUTS = (
    "SkullFix or SkullBreak (complete_skull, defective_skull, implant), packed SkullFix (NNN.skull.xz), "
    "MUG500+ (A0001.nrrd ...), or a folder of complete skulls"
)


@dataclass(frozen=True, eq=False)
class Skulls:
    """The volumes of a case, bool and on one geometry; None where the collection has none."""

    complete: Volume | None
    defective: Volume | None
    implant: Volume | None


def find_cases(src: str | Path) -> list[Case]:
    """The cases under the folder ``src``, or the one in the file ``src``, sorted by id, whichever known layout it has.

    A ``cases.csv`` (columns id, split) in the folder assigns skulls to splits. Raises InputError where ``src`` has none
    of the layouts.
    """
    src = Path(src)
    if not src.exists():
        raise InputError(f"{src}: no such file or folder; expected {LAYOUTS}")
    folder = src if src.is_dir() else src.parent
    files = sorted(src.rglob("*")) if src.is_dir() else [src]
    if not any(src.glob(f"*{PACKED_SUFFIX}")) and any(src.glob(f"skullfix/*{PACKED_SUFFIX}")):
        folder = src / "skullfix"  # the folder above several collections
    cases = find_packed(folder, files) or find_triplets(src) or find_mug500(files) or find_plain(folder, files)
    if not cases:
        raise InputError(f"{src}: found no skulls; expected {LAYOUTS}")
    splits = read_splits(folder / "cases.csv")
    return sorted((replace(case, split=splits.get(case.skull_id, case.split)) for case in cases), key=lambda c: c.id)


def split_by_skull(cases: Iterable[Case], val_share: float = 0.125, seed: int = 0) -> dict[str, list[Case]]:
    """Cases by split: what the collection says is kept, ``val_share`` of the remaining skulls go to "val".

    All defects of a skull land on one side. Deterministic by ``seed``, whatever the order of the cases.
    """
    cases = list(cases)
    stated = {case.skull_id: case.split for case in cases if case.split}
    free = sorted({case.skull_id for case in cases} - set(stated))
    shuffled = np.random.default_rng(seed).permutation(len(free))
    chosen = {free[at] for at in shuffled[: round(val_share * len(free))]}
    parts: dict[str, list[Case]] = {split: [] for split in SPLITS}
    for case in cases:
        parts[stated.get(case.skull_id, "val" if case.skull_id in chosen else "train")].append(case)
    return parts


def read_case(case: Case) -> Skulls:
    """Read a case; of complete, defective and implant the third follows from two.

    A complete skull may be a CT or a mesh as well as a mask. An implant given as a mesh (MUG500+) is left out: it is a
    design, not the missing bone. Raises InputError where a file cannot be used, or the geometries of a case differ.
    """
    complete: Volume | None = None
    defective: Volume | None = None
    implant: Volume | None = None
    if case.complete is not None and case.complete.name.endswith(PACKED_SUFFIX):
        complete, implant = read_packed(case.complete)
    else:
        complete, defective = (read_skull(path).volume if path else None for path in (case.complete, case.defective))
        if case.implant is not None and case.implant.suffix.lower() not in MESH_SUFFIXES:
            implant = read_mask(case.implant)
    known = [volume for volume in (complete, defective, implant) if volume is not None]
    for other in known[1:]:
        if other.geometry.shape != known[0].geometry.shape or _apart(other, known[0]) > 0.01:
            raise InputError(f"case {case.id}: expected its volumes on one voxel grid, but they differ; resample them")
    if complete is not None and implant is not None and defective is None:
        defective = Volume(complete.array & ~implant.array, complete.geometry)
    elif complete is not None and defective is not None and implant is None:
        implant = Volume(complete.array & ~defective.array, complete.geometry)
    elif defective is not None and implant is not None and complete is None:
        complete = Volume(defective.array | implant.array, defective.geometry)
    return Skulls(complete, defective, implant)


def _apart(one: Volume, other: Volume) -> float:
    """Largest distance, mm, between the same corner of two lattices of one shape."""
    corners = np.array(np.meshgrid(*((0, size) for size in one.geometry.shape))).reshape(3, -1).T
    return float(np.abs(one.geometry.to_physical(corners) - other.geometry.to_physical(corners)).max())

"""Where each published collection keeps its files: one function per layout, [] where it is not that one."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from cranial_sparse.errors import InputError
from cranial_sparse.io.mesh import MESH_SUFFIXES
from cranial_sparse.io.volume import SLICES, VOLUME_SUFFIXES, volume_suffix

PACKED_SUFFIX = ".skull.xz"
SPLITS = ("train", "val", "test")
TEST_FOLDERS = ("test_set_for_participants", "additional_test_set_for_participants")  # SkullFix, without ground truth
_FOLDERS = ("complete_skull", "defective_skull", "implant")
_MUG500 = re.compile(r"([AB]\d{4})(_clear|_implant)?")


@dataclass(frozen=True)
class Case:
    """One defect of one skull; what the collection does not have is None.

    ``skull_id`` is shared by all defects of a skull, ``kind`` names the defect's folder or family, ``split`` is what
    the collection says: "train", "val" or "test". A packed file stands for all its volumes.
    """

    id: str
    skull_id: str
    complete: Path | None = None
    defective: Path | None = None
    implant: Path | None = None
    kind: str | None = None
    split: str | None = None


def find_packed(folder: Path, files: list[Path]) -> list[Case]:
    """SkullFix cases packed as NNN.skull.xz, directly in ``folder``."""
    packed = [path for path in files if path.parent == folder and path.name.endswith(PACKED_SUFFIX)]
    names = [path.name.removesuffix(PACKED_SUFFIX) for path in packed]
    return [Case(name, name, path, path, path, "skullfix") for name, path in zip(names, packed, strict=True)]


def find_triplets(src: Path) -> list[Case]:
    """SkullFix and SkullBreak: folders complete_skull, defective_skull and implant, here or one level down.

    Where several folders hold such a set, their names precede the ids; "test" in a name makes it the test split.
    """
    if not src.is_dir():
        return []
    roots = [root for root in (src, *sorted(src.iterdir())) if any((root / n).is_dir() for n in _FOLDERS[:2])]
    cases = []
    for root in roots:
        prefix = f"{root.name}/" if len(roots) > 1 else ""
        split = "test" if root != src and "test" in root.name.lower() else None
        for case in _find_in(root):
            cases.append(replace(case, id=prefix + case.id, skull_id=prefix + case.skull_id, split=split))
    for folder in TEST_FOLDERS:  # numbered like the training set, of other skulls
        for name, path in _volumes(src / folder).items():
            name = f"{folder.removesuffix('_set_for_participants')}/{name}"
            cases.append(Case(name, name, defective=path, kind="skullfix", split="test"))
    return cases


def _find_in(root: Path) -> list[Case]:
    complete, defective, implants = (_volumes(root / name) for name in _FOLDERS)
    kinds = sorted(path.name for path in (root / "defective_skull").glob("*") if path.is_dir())
    if not kinds:  # SkullFix
        names = sorted(complete | defective)
        return [Case(n, n, complete.get(n), defective.get(n), implants.get(n), "skullfix") for n in names]
    cases = []
    for kind in kinds:  # SkullBreak; a variant repeats the complete skulls under every kind
        repeated, taken, missing = (_volumes(root / name / kind) for name in _FOLDERS)
        for name, path in taken.items():
            whole = repeated.get(name, complete.get(name))
            cases.append(Case(f"{name}_{kind}", name, whole, path, missing.get(name), kind))
    return cases


def find_mug500(files: list[Path]) -> list[Case]:
    """MUG500+: healthy skulls A0001 to A0500 and craniotomies B0001 to B0029 with an expert's implant, however deep.

    A volume is preferred to a mesh, and the cleared mesh to the raw one.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in filter(_is_skull_file, files):
        match = _MUG500.fullmatch(_stem(path))
        if not match:
            return []
        kind = "mesh" if path.suffix.lower() in MESH_SUFFIXES else "volume"
        found.setdefault(match[1], {})[kind + (match[2] or "")] = path
    cases = []
    for name, parts in found.items():
        skull = parts.get("volume") or parts.get("mesh_clear") or parts.get("mesh")
        if name[0] == "A":
            cases.append(Case(name, name, complete=skull))
        elif skull:
            implant = parts.get("volume_implant") or parts.get("mesh_implant")
            cases.append(Case(name, name, defective=skull, implant=implant, kind="clinical"))
    return cases


def find_plain(folder: Path, files: list[Path]) -> list[Case]:
    """Every volume, mesh and DICOM series folder among ``files`` as a complete skull, named by its path in ``folder``.

    A mesh beside a volume of the same name is the same skull, and passed over; volumes of the same name are two skulls, and
    named by their whole file names.
    """
    skulls = list(filter(_is_skull_file, files))
    volumes = Counter(path.with_name(_stem(path)) for path in skulls if path.suffix.lower() not in MESH_SUFFIXES)
    found = {}
    for path in skulls:
        name = path.with_name(_stem(path))
        if path.suffix.lower() not in MESH_SUFFIXES or not volumes[name]:
            found[(path if volumes[name] > 1 else name).relative_to(folder).as_posix()] = path
    for path in files:
        if path.suffix.lower() in SLICES and path.parent != folder:
            found[path.parent.relative_to(folder).as_posix()] = path.parent
    return [Case(name, name, complete=path) for name, path in found.items()]


def read_splits(path: Path) -> dict[str, str]:
    """What a ``cases.csv`` (columns id, split) says of each skull, {} where there is none. Raises InputError."""
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"id", "split"} <= rows[0].keys():
        raise InputError(f"{path}: expected columns id and split, got {', '.join(rows[0])}")
    unknown = {row["split"] for row in rows} - set(SPLITS)
    if unknown:
        raise InputError(f"{path}: expected split {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}")
    return {row["id"]: row["split"] for row in rows}


def _is_skull_file(path: Path) -> bool:
    return volume_suffix(path) in (*VOLUME_SUFFIXES, *MESH_SUFFIXES) and path.is_file()


def _volumes(folder: Path) -> dict[str, Path]:
    """Volume files directly in ``folder`` by name without suffix; none where there is no such folder. Raises InputError where
    two have one name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if volume_suffix(path) in VOLUME_SUFFIXES and found.setdefault(_stem(path), path) != path:
            raise InputError(f"{path}: {found[_stem(path)].name} has the same name; keep one of them")
    return found


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(volume_suffix(path))]

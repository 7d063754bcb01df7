"""From what a user typed to cases: files, DICOM folders and folders of either, each with a name of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cranial_sparse.errors import InputError
from cranial_sparse.io.mesh import MESH_SUFFIXES
from cranial_sparse.io.volume import VOLUME_SUFFIXES, volume_suffix


@dataclass(frozen=True)
class Case:
    """One skull to complete. ``name`` is its folder below the output; ``path`` a file or a DICOM folder."""

    name: str
    path: Path


def find_inputs(inputs: Iterable[str | Path]) -> tuple[list[Case], list[InputError]]:
    """The cases behind ``inputs``, in order, and one error for each input that holds none.

    A folder with volumes or meshes gives one case each; a folder with only other files is taken for a DICOM series; a
    folder of folders gives their cases, named ``sub/case``. Hidden files do not count, the same path counts once.

    Raises InputError where two inputs would be written to the same place.
    """
    cases: dict[Path, Case] = {}
    problems = []
    for text in inputs:
        path = Path(text)
        try:
            for case in _cases(path):
                cases.setdefault(case.path.resolve(), case)
        except InputError as error:
            problems.append(error)
    by_name: dict[str, Case] = {}
    for case in cases.values():
        first = by_name.setdefault(case.name, case)
        if first is not case:
            raise InputError(
                f"two inputs are both named '{case.name}': {first.path} and {case.path};"
                " complete them with different --out"
            )
    return list(by_name.values()), problems


def case_name(path: Path) -> str:
    """A file's name without its suffix, ".nii.gz" whole; a folder's name."""
    path = path.resolve() if path.is_dir() else path
    suffix = volume_suffix(path)
    return path.name[: -len(suffix)] if is_skull_file(path) else path.name


def is_skull_file(path: Path) -> bool:
    """Whether the suffix is one of a volume or a mesh."""
    return path.is_file() and volume_suffix(path) in (*VOLUME_SUFFIXES, *MESH_SUFFIXES)


def _cases(path: Path) -> list[Case]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [Case(case_name(path), path)]
    entries = _visible(path)
    files = [entry for entry in entries if is_skull_file(entry)]
    if files:
        return [Case(case_name(file), file) for file in files]
    if any(entry.is_file() for entry in entries):
        return [Case(case_name(path), path)]  # taken for DICOM; the reader says so where it is not
    nested = [
        Case(f"{folder.name}/{case.name}" if case.path != folder else folder.name, case.path)
        for folder in entries
        if folder.is_dir() and any(entry.is_file() for entry in _visible(folder))
        for case in _cases(folder)
    ]
    if not nested:
        raise InputError(f"{path}: this folder holds no volumes, meshes or DICOM series")
    return nested


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))

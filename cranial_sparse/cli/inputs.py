"""From what a user typed to cases: files, DICOM folders and folders of either, each with a name of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cranial_sparse.errors import InputError
from cranial_sparse.io.mesh import MESH_SUFFIXES
from cranial_sparse.io.volume import SLICES, VOLUME_SUFFIXES, volume_suffix

RESULT = {"summary.json", "implant.nrrd"}  # a folder with both is a finished case, such as of --out below an input


@dataclass(frozen=True)
class Case:
    """One skull to complete. ``name`` is its folder below the output; ``path`` a file or a DICOM folder."""

    name: str
    path: Path


def find_inputs(inputs: Iterable[str | Path]) -> tuple[list[Case], list[InputError]]:
    """The cases behind ``inputs``, in order, and one error for each input, subfolder or case that cannot be used.

    A folder gives a case for each volume or mesh in it and below it, named ``sub/case``; a folder of other files only
    is taken for a DICOM series. Hidden files and finished cases do not count, the same path counts once. Cases that
    would be written to one place or into each other are named by their whole file names: skull.nrrd and skull.stl.
    """
    cases: dict[Path, Case] = {}
    problems: list[InputError] = []
    for text in inputs:
        try:
            for case in _cases(Path(text), "", set(), problems):
                cases.setdefault(case.path.resolve(), case)
        except InputError as error:
            problems.append(error)
    clashing = _clashing([case.name for case in cases.values()])
    named = [replace(case, name=_whole_name(case)) if case.name in clashing else case for case in cases.values()]
    clashing = _clashing([case.name for case in named])
    problems += [
        InputError(f"{case.path}: '{case.name}' is the name or the folder of another input too; give it another --out")
        for case in named
        if case.name in clashing
    ]
    return [case for case in named if case.name not in clashing], problems


def case_name(path: Path) -> str:
    """A file's name without its suffix, ".nii.gz" whole; a folder's name."""
    path = path.resolve() if path.is_dir() else path
    suffix = volume_suffix(path)
    return path.name[: -len(suffix)] if is_skull_file(path) else path.name


def is_skull_file(path: Path) -> bool:
    """Whether the suffix is one of a volume or a mesh."""
    return path.is_file() and volume_suffix(path) in (*VOLUME_SUFFIXES, *MESH_SUFFIXES)


def _cases(path: Path, name: str, seen: set[Path], problems: list[InputError]) -> list[Case]:
    """The cases of an input, whose ``name`` is empty, or of a folder below one; ``seen`` stops links that lead back."""
    try:
        if path.is_file():
            return [Case(case_name(path), path)]
        if not path.is_dir():
            raise InputError(f"{path}: no such file or folder")
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        files, folders = ([e for e in entries if test(e)] for test in (Path.is_file, Path.is_dir))
    except OSError as error:
        problems.append(InputError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions"))
        return []
    if path.resolve() in seen or (name and {file.name for file in files} >= RESULT):
        return []
    seen.add(path.resolve())
    before = len(problems)
    below = [case for folder in folders for case in _cases(folder, _join(name, folder.name), seen, problems)]
    skulls = [Case(_join(name, case_name(file)), file) for file in files if is_skull_file(file)]
    is_series = not below or any(file.suffix.lower() in SLICES for file in files)
    if files and not skulls and is_series:
        skulls = [Case(name or case_name(path), path)]  # taken for DICOM; the reader says so where it is not
    if not (name or skulls or below or len(problems) > before):
        raise InputError(f"{path}: this folder holds no volumes, meshes or DICOM series; finished cases do not count")
    return skulls + below


def _join(folder: str, name: str) -> str:
    return str(PurePosixPath(folder, name))


def _clashing(names: Sequence[str]) -> set[str]:
    """Names that occur twice, or as a folder that another name lies in."""
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    return {name for name, count in Counter(names).items() if count > 1 or name in folders}


def _whole_name(case: Case) -> str:
    """The case's name with its file's suffix; a folder has none."""
    return case.name if case.path.is_dir() else str(PurePosixPath(case.name).with_name(case.path.name))

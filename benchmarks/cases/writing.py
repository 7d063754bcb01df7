"""Fixed cases as files, in the layouts of SkullFix and SkullBreak."""

from pathlib import Path

from rich.progress import track

from benchmarks.cases.listing import OF_KINDS, FixedCase, listed
from benchmarks.cases.loading import load
from cranial_sparse.io.volume import write_volume

FOLDERS = ("complete_skull", "defective_skull", "implant")


def write_cases(data: Path, out: Path, sets: tuple[str, ...] = (), smoke: bool = False) -> int:
    """Write the cases of the chosen sets under ``out`` and return how many; cases already there are kept.

    ``out/skullbreak_like`` and ``out/visible_human`` get SkullBreak's layout: complete_skull/NNN.nrrd,
    defective_skull/KIND/NNN.nrrd, implant/KIND/NNN.nrrd; every other ``out/SET`` gets SkullFix's, without KIND. Raises
    InputError as load does.
    """
    cases = listed(*sets, smoke=smoke)
    for case in track(cases, "writing cases"):
        write_case(case, data, out)
    return len(cases)


def write_case(case: FixedCase, data: Path, out: Path) -> None:
    """Write one case under ``out/SET``; files already there are kept."""
    kind = case.kind if case.set in OF_KINDS else ""
    name, home = f"{case.skull}.nrrd", out / case.set
    paths = [home / FOLDERS[0] / name, *(home / folder / kind / name for folder in FOLDERS[1:])]
    if all(path.exists() for path in paths):
        return
    for path, volume in zip(paths, load(case, data), strict=True):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, volume)

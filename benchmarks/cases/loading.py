"""A fixed case as volumes: read, cut or scanned again on the fly, to the same bits every time."""

from pathlib import Path

from benchmarks.cases.listing import CUT, RESCANS, FixedCase, list_path
from benchmarks.cases.measures import from_slice
from benchmarks.cases.rescans import rescan
from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import Cut, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

Volumes = tuple[Volume, Volume, Volume]  # complete, defective, implant: bool [X, Y, Z] on one geometry


def load(case: FixedCase, data: Path) -> Volumes:
    """Complete skull, defective skull and implant of ``case``, bool and on one geometry; the last two never overlap.

    ``data`` holds SkullFix, packed or not, with its cases.csv. Raises InputError where the skull is not there, or where
    the defect is another than the listed one.
    """
    complete, implant = read_val(case.skull, data)
    if case.set in CUT:
        cut = recut(complete, case)
        volumes = (complete, cut.defective, cut.implant)
        return tuple(from_slice(volume, case.first_slice) for volume in volumes)  # type: ignore[return-value]
    if case.set in RESCANS:
        complete, implant = rescan(case.set, complete, implant, case.seed)
    return complete, Volume(complete.array & ~implant.array, complete.geometry), implant


def read_val(skull: str, data: Path) -> tuple[Volume, Volume]:
    """Complete skull and official implant of a val skull. Raises InputError."""
    found = {case.skull_id: case for case in find_cases(data) if case.split == "val"}
    if skull not in found:
        there = ", ".join(found) or "none"
        raise InputError(f"{data}: expected SkullFix with a cases.csv that names val skull {skull}, found {there}")
    skulls = read_case(found[skull])
    if skulls.complete is None or skulls.implant is None:
        raise InputError(f"case {skull}: expected a complete skull and an implant in {data}, found one of them at most")
    return skulls.complete, skulls.implant


def recut(complete: Volume, case: FixedCase) -> Cut:
    """Cut the listed defect again. Raises InputError where it is another: the data or the generator differ."""
    cut = cut_volume(complete, case.kind, case.seed)
    kept = from_slice(cut.implant, case.first_slice)
    volume_ml = kept.array.sum() * kept.geometry.voxel_volume / 1000
    wanted = case.measures.volume_ml if case.measures else volume_ml
    if abs(volume_ml - wanted) > 0.1 + 0.002 * wanted:
        raise InputError(
            f"case {case.name}: expected {wanted:.1f} ml as listed in {list_path(case.set).name}, got {volume_ml:.1f} ml; "
            "the skull or the generator has changed, so draw the list again"
        )
    return cut

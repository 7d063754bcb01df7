"""A fixed case as volumes: read, cut or scanned again on the fly, to the same bits every time."""

from pathlib import Path

import numpy as np

from benchmarks.cases.listing import CT, CUT, RESCANS, FixedCase, list_path
from benchmarks.cases.measures import from_slice
from benchmarks.cases.rescans import rescan
from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import Cut, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.segmentation import segment_bone
from cranial_sparse.io.volume import read_volume

HEAD_CT = "head_ct.nii.gz"  # in the folder visible_human
SCALP_HU = 40  # fills the hole that is cut into a CT: it sinks in once the bone is gone
Volumes = tuple[Volume, Volume, Volume]  # complete, defective, implant: bool [X, Y, Z] on one geometry


def load(case: FixedCase, data: Path) -> Volumes:
    """Complete skull, defective skull and implant of ``case``, bool and on one geometry; the last two never overlap.

    ``data`` holds SkullFix, packed or not, with its cases.csv, and the CT. Raises InputError where the skull is not there,
    or where the defect is another than the listed one.
    """
    if case.set == CT:
        return cut_ct(case, data)
    complete, implant = read_val(case.skull, data)
    if case.set in CUT:
        cut = recut(complete, case)
        volumes = (complete, cut.defective, cut.implant)
        return tuple(from_slice(volume, case.first_slice) for volume in volumes)  # type: ignore[return-value]
    if case.set in RESCANS:
        complete, implant = rescan(case.set, complete, implant, case.seed)
    return complete, Volume(complete.array & ~implant.array, complete.geometry), implant


def cut_ct(case: FixedCase, data: Path) -> Volumes:
    """As load: the CT loses the bone of the defect, scalp takes its place, and what is left is segmented as any CT is.

    Complete is what that shows together with the implant. Raises InputError.
    """
    ct = read_ct(data)
    cut = recut(segment_bone(ct)[0], case)
    operated = Volume(np.where(cut.implant.array, np.asarray(SCALP_HU, ct.array.dtype), ct.array), ct.geometry)
    defective, _ = segment_bone(operated)
    return Volume(defective.array | cut.implant.array, ct.geometry), defective, cut.implant


def read_ct(data: Path) -> Volume:
    """The head CT in Hounsfield units. Raises InputError where it is not there."""
    path = data / CT / HEAD_CT
    if not path.is_file():
        raise InputError(f"{path} not found: expected the head CT of the Visible Human; leave the set {CT} out")
    return read_volume(path)


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

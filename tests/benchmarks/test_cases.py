"""The fixed cases: what is listed, what is written, and that real ones are cut again to the bit."""

import os
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from benchmarks.cases import SETS, FixedCase, listed, listing, load, loading, write_cases
from benchmarks.cases.drawing import RULES
from benchmarks.cases.listing import CT, CUT, OF_KINDS, RESCANS, read_list, write_list
from benchmarks.cases.loading import HEAD_CT, SCALP_HU
from benchmarks.cases.measures import measure
from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import SKULLBREAK_KINDS, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.segmentation import BONE_HU
from cranial_sparse.io.volume import write_volume


def test_the_skullbreak_like_list_is_what_was_asked_for():
    cases = listed("skullbreak_like")
    assert len({(case.skull, case.kind) for case in cases}) == len(cases) == 50
    assert {case.kind for case in cases} == set(SKULLBREAK_KINDS)
    assert len({case.skull for case in cases}) == 10
    volumes = [case.measures.volume_ml for case in cases]
    assert min(volumes) >= 15
    assert max(volumes) <= 200
    assert median(volumes) >= 40
    assert sum(case.measures.crosses_midline for case in cases) >= 10
    assert all(5 < case.measures.area_cm2 < 400 for case in cases)
    assert all(case.measures.orbit_mm < 12 for case in cases if case.kind == "frontoorbital")


@pytest.mark.parametrize("name", ["large", "midline", "orbital", "cut_edge"])
def test_the_other_lists_have_what_their_set_wants(name: str):
    cases = listed(name)
    assert len({case.skull for case in cases}) == len(cases) >= 5
    assert all(RULES[name].wanted(case.measures) for case in cases)
    assert all((case.first_slice > 0) == (name == "cut_edge") for case in cases)


def test_no_defect_is_listed_twice():
    cuts = [(case.skull, case.kind, case.seed, case.first_slice) for case in listed(*CUT)]
    assert len(set(cuts)) == len(cuts)


def test_names_are_unique_and_smoke_is_a_case_of_each_set():
    names = [case.name for case in listed()]
    assert len(set(names)) == len(names)
    assert {"official/000", "bilateral/000", "bilateral/visible_human", "large/000", "rotated/097"} <= set(names)
    assert [case.set for case in listed(smoke=True)] == list(SETS)
    assert listed("official", smoke=True) == listed("official")[:1]
    with pytest.raises(InputError, match=r"expected one of official, skullbreak_like.*got 'huge'"):
        listed("huge")


def test_lists_come_back(tmp_path):
    cases = listed("cut_edge") + [replace(case, set="cut_edge") for case in listed("midline")]
    write_list(cases, tmp_path / "list.csv")
    assert read_list("cut_edge", tmp_path / "list.csv") == cases


def test_a_folder_without_val_skulls_is_an_error(tmp_path):
    (tmp_path / "000.nrrd").touch()
    with pytest.raises(InputError, match="expected SkullFix with a cases"):
        write_cases(tmp_path, tmp_path / "out")


def made_up(folder: Path) -> tuple[Volume, np.ndarray]:
    """A made-up vault as the only val skull of ``folder``, a quarter of it as its implant, and a CT of the same head."""
    x, y, z = np.moveaxis(np.indices((48, 64, 30)), 0, -1).reshape(-1, 3).T * 3.0 - np.array([[72], [96], [0]])
    radius = np.sqrt((x / 66) ** 2 + (y / 90) ** 2 + (z / 84) ** 2)
    skull = Volume(((radius < 1) & (radius > 0.9)).reshape(48, 64, 30), Geometry((48, 64, 30), (3.0, 3.0, 3.0)))
    implant = np.zeros_like(skull.array)
    implant[:, 32:, 10:] = skull.array[:, 32:, 10:]
    for name, array in (("complete_skull", skull.array), ("implant", implant)):
        (folder / name).mkdir()
        write_volume(folder / name / "007.nrrd", Volume(array, skull.geometry))
    (folder / "cases.csv").write_text("id,split\n007,val\n")
    head = np.where(radius < 1, 40, -1000).reshape(skull.array.shape)
    (folder / CT).mkdir()
    write_volume(folder / CT / HEAD_CT, Volume(np.where(skull.array, 900, head).astype(np.int16), skull.geometry))
    return skull, implant


def test_every_set_is_written_in_its_layout(tmp_path, monkeypatch):
    """What is written is what load gives, and is kept the second time."""
    skull, implant = made_up(tmp_path)
    cut = cut_volume(skull, "bilateral", 0)
    row = FixedCase("skullbreak_like", "007", "bilateral", 0, measures=measure(cut))
    lists = {name: [replace(row, set=name, first_slice=4 if name == "cut_edge" else 0)] for name in CUT}
    lists["cut_edge"] = [replace(lists["cut_edge"][0], measures=measure(cut, 4))]
    lists[CT] = [replace(row, set=CT, skull=CT)]
    monkeypatch.setattr(listing, "read_list", lists.__getitem__)
    assert write_cases(tmp_path, tmp_path / "out") == len(SETS)
    for case in listed():
        (found,) = find_cases(tmp_path / "out" / case.set)
        assert found.kind == case.kind or case.set not in ("official", *OF_KINDS)
        written, loaded = read_case(found), load(case, tmp_path)
        for one, other in zip((written.complete, written.defective, written.implant), loaded, strict=True):
            assert np.array_equal(one.array, other.array)
            assert np.allclose(one.geometry.matrix, other.geometry.matrix)
        assert not (loaded[1].array & loaded[2].array).any()
        assert np.array_equal(loaded[1].array | loaded[2].array, loaded[0].array)
        assert loaded[2].array.any()
    assert np.array_equal(load(listed("official")[0], tmp_path)[2].array, implant)
    assert np.array_equal(load(row, tmp_path)[2].array, cut.implant.array)
    edge = load(lists["cut_edge"][0], tmp_path)
    assert np.array_equal(edge[0].array, skull.array[:, :, 4:])
    assert edge[0].geometry.origin == (0.0, 0.0, 12.0)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.nrrd")}
    assert len(stamps) == 3 * len(SETS)
    write_cases(tmp_path, tmp_path / "out")
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_ct_is_cut_before_it_is_segmented(tmp_path):
    """Segmentation finds the made-up bone, and once more what is left of it; no bone is where the implant goes."""
    skull, _ = made_up(tmp_path)
    case = FixedCase(CT, CT, "bilateral", 0)
    complete, defective, implant = load(case, tmp_path)
    assert np.array_equal(complete.array, skull.array)
    assert np.array_equal(defective.array, skull.array & ~implant.array)
    assert SCALP_HU < BONE_HU
    (tmp_path / CT / HEAD_CT).unlink()
    with pytest.raises(InputError, match=r"head_ct\.nii\.gz not found.*leave the set visible_human out"):
        load(case, tmp_path)


def test_another_cut_than_the_listed_one_is_an_error(tmp_path):
    skull, _ = made_up(tmp_path)
    measures = measure(cut_volume(skull, "bilateral", 0))
    other = FixedCase("large", "007", "bilateral", 0, measures=replace(measures, volume_ml=measures.volume_ml + 5))
    with pytest.raises(InputError, match=r"case large/007.*draw the list again"):
        load(other, tmp_path)
    with pytest.raises(InputError, match="names val skull 008, found 007"):
        loading.read_val("008", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("case", [case for case in listed(smoke=True) if case.set not in RESCANS], ids=lambda c: c.set)
def test_a_listed_defect_is_cut_again(case: FixedCase):
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is unset: no real skulls")
    complete, defective, implant = load(case, Path(folder))
    assert not (defective.array & implant.array).any()
    assert np.array_equal(defective.array | implant.array, complete.array)
    if case.measures:
        volume_ml = implant.array.sum() * implant.geometry.voxel_volume / 1000
        assert volume_ml == pytest.approx(case.measures.volume_ml, abs=0.1)

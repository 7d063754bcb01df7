"""Collections packed into the canonical frame, and the way back to the patient."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cranial_sparse.bricks import difference, equal, from_dense, to_dense, union
from cranial_sparse.cli import main
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.resampling import resample
from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.layouts import Case
from cranial_sparse.data.prepare import prepare_all, prepare_case, prepare_into, source_hash
from cranial_sparse.data.prepared import Prepared, Source, find_prepared, load_prepared, save_prepared
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume

SOURCE = Source("000", "000", None, None, "hash", "test")


def hole_of(skull: Volume) -> np.ndarray:
    hole = np.zeros_like(skull.array)
    hole[40:60, 30:60, 60:] = True
    return hole


def write_skullfix(root: Path, skull: Volume, *names: str) -> Path:
    hole = hole_of(skull)
    parts = {"complete_skull": skull.array, "defective_skull": skull.array & ~hole, "implant": skull.array & hole}
    for part, array in parts.items():
        for name in names:
            (root / part / name).parent.mkdir(parents=True, exist_ok=True)
            write_volume(root / part / f"{name}.nrrd", Volume(array.view(np.uint8), skull.geometry))
    return root


@pytest.fixture(scope="module")
def collection(tmp_path_factory, make_head) -> Path:
    """Two cases in the SkullFix layout; the head is pitched, on an axis-parallel 2 mm scan."""
    return write_skullfix(tmp_path_factory.mktemp("collection"), make_head(pitch=0.2), "000", "001")


@pytest.fixture(scope="module")
def packed(collection, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("packed")
    assert main(["prepare", str(collection), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def prepared(packed) -> Prepared:
    return load_prepared(packed / "000.skull.zip")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_a_case_adds_up_and_comes_home(collection, prepared):
    skulls = read_case(find_cases(collection)[0])
    assert skulls.complete is not None
    assert skulls.implant is not None
    assert prepared.lattice == canonical_lattice()
    assert prepared.patient == skulls.complete.geometry
    assert prepared.complete is not None
    assert prepared.implant is not None
    assert prepared.defective is not None
    assert equal(union(prepared.defective, prepared.implant), prepared.complete)
    back = prepared.to_patient(prepared.complete)
    assert back.geometry == skulls.complete.geometry
    assert dice(back.array, skulls.complete.array) > 0.995
    assert dice(prepared.to_patient(prepared.implant).array, skulls.implant.array) > 0.99
    straight = prepared.pose.rotation @ Rotation.from_euler("x", -0.2).as_matrix()  # the pitch is found and undone
    assert np.rad2deg(Rotation.from_matrix(straight).magnitude()) < 12
    matrix, offset = prepared.pose.index_map(prepared.lattice, prepared.patient)
    again = resample(skulls.complete.array & ~skulls.implant.array, matrix, offset, prepared.lattice.shape)
    assert equal(from_dense(torch.from_numpy(again)), prepared.defective)


def test_the_manifest(packed, collection):
    manifest = json.loads((packed / "manifest.json").read_text())
    assert manifest["counts"] == {
        "cases": 2, "skulls": 2, "prepared": 2, "failed": 0, "splits": {"none": 2}, "kinds": {"skullfix": 2},
    }  # fmt: skip
    assert manifest["failures"] == {}
    first = manifest["cases"][0]
    assert first["id"] == "000"
    assert first["extent"] == 512
    assert set(first["ml"]) == {"complete", "implant"}
    assert first["source_sha256"] == source_hash(find_cases(collection)[0])
    assert {"cranial-sparse", "torch"} <= manifest["versions"].keys()
    assert find_prepared(packed) == {name: packed / f"{name}.skull.zip" for name in ("000", "001")}


def test_a_second_run_only_looks(packed, collection, capsys):
    files = sorted(packed.iterdir())
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files if path.suffix == ".zip"}
    manifest = (packed / "manifest.json").read_bytes()
    assert main(["prepare", str(collection), "--out", str(packed)]) == 0
    assert "0 packed, 2 skipped, 0 failed" in capsys.readouterr().out
    assert sorted(packed.iterdir()) == files
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert (packed / "manifest.json").read_bytes() == manifest


def test_jobs_change_nothing_and_a_bad_case_stops_nobody(packed, collection, tmp_path, capsys):
    src, out = tmp_path / "src", tmp_path / "out"
    shutil.copytree(collection, src)
    (src / "complete_skull" / "005.nrrd").write_bytes(b"NRRD0004\nnonsense\n\n")
    shutil.copy(packed / "001.skull.zip", tmp_path)
    out.mkdir()
    shutil.copy(packed / "001.skull.zip", out / "001.skull.zip")  # done before the interruption
    assert main(["prepare", str(src), "--out", str(out), "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert "1 packed, 1 skipped, 1 failed" in said
    assert [line for line in said.splitlines() if line.startswith("failed: 005:")]
    manifest = json.loads((out / "manifest.json").read_text())
    assert list(manifest["failures"]) == ["005"]
    assert (out / "000.skull.zip").read_bytes() == (packed / "000.skull.zip").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["000.skull.zip", "001.skull.zip", "manifest.json"]


@pytest.fixture
def quick(monkeypatch, prepared):
    """Stands in for the slow part; returns the cases that were really prepared."""
    done: list[str] = []

    def prepare(case: Case, source: Source) -> Prepared:
        done.append(case.id)
        return replace(prepared, source=source)

    monkeypatch.setattr("cranial_sparse.data.prepare.prepare_case", prepare)
    return done


def test_what_has_changed_is_done_again(quick, collection, tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    shutil.copytree(collection, src)
    run = lambda: [outcome.skipped for outcome in prepare_all(find_cases(src), out)]  # noqa: E731
    assert run() == [False, False]
    assert run() == [True, True]
    damaged = out / "000.skull.zip"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    assert run() == [False, True]
    (src / "cases.csv").write_text("id,split\n001,val\n")
    assert run() == [True, False]
    (src / "implant/000.nrrd").unlink()
    assert run() == [False, True]
    assert quick == ["000", "001", "000", "001", "000"]


def test_every_layout_is_taken(quick, skull, tmp_path):
    whole = Volume(skull.array.view(np.uint8), skull.geometry)
    plain, variant, mug = tmp_path / "plain", tmp_path / "variant", tmp_path / "mug"
    write_skullfix(plain, skull, "bilateral/007")
    (plain / "complete_skull/bilateral/007.nrrd").rename(plain / "complete_skull/007.nrrd")
    write_skullfix(variant, skull, "random_1/007")
    for path in (mug / "A0001/A0001.nrrd", mug / "craniotomy skull/B0028/B0028.nrrd", tmp_path / "own/deep/er.nii.gz"):
        path.parent.mkdir(parents=True)
        write_volume(path, whole)
    for folder, expected in {
        plain: ["007_bilateral"], variant: ["007_random_1"], mug: ["A0001", "B0028"], tmp_path / "own": ["deep/er"],
    }.items():  # fmt: skip
        out = tmp_path / "out" / folder.name
        assert main(["prepare", str(folder), "--out", str(out)]) == 0
        assert list(find_prepared(out)) == expected
        assert all(path.is_file() for path in find_prepared(out).values())


def test_a_skull_that_is_only_known_with_its_hole(skull, tmp_path):
    path = tmp_path / "B0028.nrrd"
    write_volume(path, Volume((skull.array & ~hole_of(skull)).view(np.uint8), skull.geometry))
    (case,) = find_cases(tmp_path)
    prepared = prepare_case(case, SOURCE)
    save_prepared(prepared, tmp_path / "b.skull.zip")
    again = load_prepared(tmp_path / "b.skull.zip")
    assert again.complete is None
    assert again.implant is None
    assert again.defective is not None
    assert prepared.damaged is not None
    assert equal(again.defective, prepared.damaged)
    assert list(again.volumes_ml()) == ["defective"]


grids = st.lists(st.tuples(*[st.integers(0, 15)] * 3), min_size=1, max_size=30)


@settings(max_examples=20, deadline=None)
@given(grids, grids, st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(-500, 500)] * 3))
def test_a_file_gives_back_everything_exactly(tmp_path_factory, bone, hole, angles, centre):
    dense = torch.zeros((2, 16, 16, 16), dtype=torch.bool)
    dense[0][tuple(zip(*(bone + hole), strict=True))] = True
    dense[1][tuple(zip(*hole, strict=True))] = True
    pose = Pose(Rotation.from_euler("xyz", angles).as_matrix(), np.array(centre))
    scan = Geometry((5, 6, 7), (0.41, 0.488281, 0.1 + 0.2), (-125.0, -176.10000610351562, 33.3))
    complete, implant = from_dense(dense[0]), from_dense(dense[1])
    one = Prepared(SOURCE, pose, 1 / 3, scan, canonical_lattice(0, 576), 0.7, complete, implant)
    path = tmp_path_factory.mktemp("exact") / "one.skull.zip"
    save_prepared(one, path)
    first = path.read_bytes()
    again = load_prepared(path)
    assert again.source == one.source
    assert (again.size, again.outside_ml, again.patient, again.lattice) == (1 / 3, 0.7, scan, one.lattice)
    np.testing.assert_array_equal(again.pose.rotation, pose.rotation)
    np.testing.assert_array_equal(again.pose.centre, pose.centre)
    assert again.complete is not None
    assert again.defective is not None
    assert equal(again.complete, complete)
    assert equal(again.defective, difference(complete, implant))
    save_prepared(again, path)
    assert path.read_bytes() == first


def test_wrong_files_are_told(tmp_path, prepared, packed):
    path = tmp_path / "x.skull.zip"
    with pytest.raises(InputError, match=r"x.skull.zip: expected a prepared skull"):
        load_prepared(path)
    path.write_bytes(b"no zip at all")
    with pytest.raises(InputError, match="expected a prepared skull"):
        load_prepared(path)
    data = bytearray((packed / "000.skull.zip").read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"x\.skull\.zip"):
        load_prepared(path)
    with pytest.raises(InputError, match="expected the manifest of a prepared folder"):
        find_prepared(tmp_path)


def test_nothing_half_written(quick, collection, tmp_path, monkeypatch):
    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    outcome = prepare_into(find_cases(collection)[0], tmp_path / "out")
    assert outcome.error is not None
    assert "No space left" in outcome.error
    assert not list((tmp_path / "out").iterdir())


def test_wrong_use_is_told(collection, tmp_path, capsys):
    (tmp_path / "file").touch()
    for arguments, message in {
        (str(collection), "--out", str(tmp_path), "--jobs", "0"): "--jobs 0: expected at least 1",
        (str(collection), "--out", str(tmp_path / "file")): "expected a folder, this is a file",
        (str(tmp_path / "nowhere"), "--out", str(tmp_path)): "no such file or folder",
    }.items():
        assert main(["prepare", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_stopping_says_what_it_waits_for(quick, collection, tmp_path, monkeypatch, capsys):
    """Regression: after Ctrl-C nothing was said until the last case was done."""

    def interrupt(running: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cranial_sparse.data.prepare.ProcessPoolExecutor", lambda jobs, *_: ThreadPoolExecutor(jobs))
    monkeypatch.setattr("cranial_sparse.data.prepare.as_completed", interrupt)
    assert main(["prepare", str(collection), "--out", str(tmp_path / "out"), "--jobs", "2"]) == 130
    assert "finishing the cases at hand" in capsys.readouterr().err


def test_a_header_counts_with_its_voxels(tmp_path):
    header, voxels = tmp_path / "a.mhd", tmp_path / "a.raw"
    header.write_text("ElementDataFile = a.raw\n")
    voxels.write_bytes(b"one")
    case = Case("a", "a", complete=header)
    before = source_hash(case)
    voxels.write_bytes(b"two")
    assert source_hash(case) != before


@pytest.mark.data
def test_a_real_val_case(tmp_path):
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is unset: no real skulls")
    case = next(case for case in find_cases(folder) if case.id == "000")
    prepared, skulls = prepare_case(case, SOURCE), read_case(case)
    assert skulls.implant is not None
    assert prepared.implant is not None
    assert prepared.complete is not None
    assert dice(prepared.to_patient(prepared.implant).array, skulls.implant.array) >= 0.995
    dense = to_dense(prepared.complete, prepared.lattice.shape)
    assert int(dense.sum()) == len(prepared.complete)
    save_prepared(prepared, tmp_path / "000.skull.zip")
    assert (tmp_path / "000.skull.zip").stat().st_size < 500_000

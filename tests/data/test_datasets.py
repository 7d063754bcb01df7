import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.data.datasets import find_cases, read_case, split_by_skull
from cranial_sparse.data.layouts import Case
from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.mesh import write_mesh
from cranial_sparse.io.volume import read_mask, write_volume

KINDS = ("bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def summary(root: Path) -> list[tuple[str, str, bool, bool, bool, str | None, str | None]]:
    found = find_cases(root)
    return [(c.id, c.skull_id, bool(c.complete), bool(c.defective), bool(c.implant), c.kind, c.split) for c in found]


def test_skullfix_and_its_test_sets(tmp_path):
    for name in ("complete_skull", "defective_skull", "implant"):
        touch(tmp_path, f"training_set/{name}/000.nrrd", f"training_set/{name}/001.nrrd")
    touch(tmp_path, "test_set_for_participants/000.nrrd", "additional_test_set_for_participants/100.nrrd")
    whole = [
        ("000", "000", True, True, True, "skullfix", None),
        ("001", "001", True, True, True, "skullfix", None),
    ]
    tests = [
        ("additional_test/100", "additional_test/100", False, True, False, "skullfix", "test"),
        ("test/000", "test/000", False, True, False, "skullfix", "test"),
    ]
    assert summary(tmp_path) == whole + tests
    assert summary(tmp_path / "training_set") == whole


def test_skullbreak_both_ways(tmp_path):
    plain, variant = tmp_path / "plain", tmp_path / "variant"
    for kind in KINDS:
        for root in (plain, variant):
            touch(root, f"defective_skull/{kind}/007.nrrd", f"implant/{kind}/007.nrrd")
        touch(variant, f"complete_skull/{kind}/007.nrrd")
    touch(plain, "complete_skull/007.nrrd")
    expected = [(f"007_{kind}", "007", True, True, True, kind, None) for kind in KINDS]
    assert summary(plain) == summary(variant) == expected
    assert {case.complete for case in find_cases(plain)} == {plain / "complete_skull/007.nrrd"}
    assert find_cases(variant)[0].complete == variant / "complete_skull/bilateral/007.nrrd"


def test_train_and_test_folders_keep_their_numbers_apart(tmp_path):
    touch(tmp_path, "train/complete_skull/007.nrrd", "train/defective_skull/random_1/007.nrrd")
    touch(tmp_path, "test/defective_skull/random_1/007.nrrd")
    found = summary(tmp_path)
    assert [row[0] for row in found] == ["test/007_random_1", "train/007_random_1"]
    assert [row[-1] for row in found] == ["test", None]
    assert {len(part) for part in split_by_skull(find_cases(tmp_path), val_share=0).values()} == {1, 0}


def test_mug500(tmp_path):
    touch(tmp_path, "A0001-A0020/A0001/A0001.nrrd", "A0001-A0020/A0001/A0001_clear.stl", "A0001-A0020/A0001/A0001.png")
    touch(tmp_path, "A0001-A0020/A0002/A0002.stl", "A0001-A0020/A0002/A0002_clear.stl")
    touch(tmp_path, "craniotomy skull/B0028/B0028.nrrd", "craniotomy skull/B0028/B0028_implant.stl")
    assert summary(tmp_path) == [
        ("A0001", "A0001", True, False, False, None, None),
        ("A0002", "A0002", True, False, False, None, None),
        ("B0028", "B0028", False, True, True, "clinical", None),
    ]
    names = [(case.complete or case.defective or Path()).name for case in find_cases(tmp_path)]
    assert names == ["A0001.nrrd", "A0002_clear.stl", "B0028.nrrd"]


def test_a_plain_folder_and_a_single_file(tmp_path):
    touch(tmp_path, "one.nii.gz", "one.stl", "two/head.mha", "three/0001.dcm", "three/0002.dcm", "readme.txt")
    found = find_cases(tmp_path)
    assert [(case.id, case.complete) for case in found] == [
        ("one", tmp_path / "one.nii.gz"),
        ("three", tmp_path / "three"),
        ("two/head", tmp_path / "two/head.mha"),
    ]
    assert find_cases(tmp_path / "one.nii.gz") == [Case("one", "one", complete=tmp_path / "one.nii.gz")]


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        find_cases(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found no skulls; expected SkullFix or SkullBreak"):
        find_cases(touch(tmp_path, "notes.txt"))


def test_cases_csv_assigns_splits(tmp_path):
    touch(tmp_path, "a.nrrd", "b.nrrd", "c.nrrd")
    (tmp_path / "cases.csv").write_text("id,split\na,val\nb,train\n")
    assert [case.split for case in find_cases(tmp_path)] == ["val", "train", None]
    (tmp_path / "cases.csv").write_text("id,split\na,valid\n")
    with pytest.raises(InputError, match="expected split train, val, test, got valid"):
        find_cases(tmp_path)
    (tmp_path / "cases.csv").write_text("name,part\na,val\n")
    with pytest.raises(InputError, match="expected columns id and split, got name, part"):
        find_cases(tmp_path)


def test_split_is_by_skull_and_does_not_depend_on_order():
    cases = [Case(f"{n:03}_{kind}", f"{n:03}", kind=kind) for n in range(40) for kind in KINDS]
    parts = split_by_skull(cases, val_share=0.25, seed=3)
    sides = [{case.skull_id for case in parts[name]} for name in ("train", "val")]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 10
    assert {c.id for c in split_by_skull(cases[::-1], 0.25, 3)["val"]} == {c.id for c in parts["val"]}
    assert {c.id for c in split_by_skull(cases, 0.25, 4)["val"]} != {c.id for c in parts["val"]}


def test_a_stated_split_is_kept():
    cases = [Case("a", "a", split="val"), Case("b", "b", split="test"), Case("c", "c")]
    assert split_by_skull(cases, val_share=0)["train"] == [cases[2]]


@pytest.fixture
def triplet(tmp_path, skull):
    hole = np.zeros_like(skull.array)
    hole[40:60, 30:60, 60:] = True
    parts = {"complete_skull": skull.array, "defective_skull": skull.array & ~hole, "implant": skull.array & hole}
    for name, array in parts.items():
        (tmp_path / name).mkdir()
        write_volume(tmp_path / name / "000.nrrd", Volume(array, skull.geometry))
    return tmp_path, parts


@pytest.mark.parametrize("absent", [None, "complete_skull", "defective_skull", "implant"])
def test_two_volumes_give_the_third(triplet, skull, absent):
    root, parts = triplet
    paths = [None if name == absent else root / name / "000.nrrd" for name in parts]
    skulls = read_case(Case("000", "000", *paths))
    for volume, expected in zip((skulls.complete, skulls.defective, skulls.implant), parts.values(), strict=True):
        assert volume is not None
        assert volume.array.dtype == bool
        assert np.array_equal(volume.array, expected)
        assert volume.geometry == skull.geometry


def test_an_implant_design_is_left_out(triplet):
    root, _ = triplet
    write_mesh(root / "B0001_implant.stl", np.eye(3), np.array([[0, 1, 2]]))
    skulls = read_case(Case("B", "B", None, root / "defective_skull/000.nrrd", root / "B0001_implant.stl"))
    assert skulls.complete is None
    assert skulls.implant is None
    assert skulls.defective is not None


def test_volumes_of_a_case_must_share_a_grid(triplet, skull):
    root, parts = triplet
    moved = Geometry(skull.geometry.shape, skull.geometry.spacing, (0.0, 0.0, 0.0))
    write_volume(root / "implant/000.nrrd", Volume(parts["implant"], moved))
    with pytest.raises(InputError, match="case 000: expected its volumes on one voxel grid"):
        read_case(find_cases(root)[0])


def test_a_mask_has_one_value_besides_zero(tmp_path, skull):
    path = tmp_path / "mask.nrrd"
    write_volume(path, Volume(skull.array * np.uint8(255), skull.geometry))
    assert np.array_equal(read_mask(path).array, skull.array)
    write_volume(path, Volume(skull.array + np.arange(2, dtype=np.uint8)[:, None, None].repeat(40, 0), skull.geometry))
    with pytest.raises(InputError, match="expected a mask of 0 and one other value"):
        read_mask(path)
    write_volume(path, Volume(np.zeros_like(skull.array), skull.geometry))
    assert not read_mask(path).array.any()


def pack(path: Path, complete: np.ndarray, implant: np.ndarray) -> None:
    """The packed format, written the slow and plain way."""
    counts, body = [], b""
    for volume in (complete, implant):
        padded = np.pad(volume, [(0, -size % 8) for size in volume.shape])
        coords, masks = [], []
        for i, j, k in np.ndindex(*(size // 8 for size in padded.shape)):
            brick = padded[8 * i : 8 * i + 8, 8 * j : 8 * j + 8, 8 * k : 8 * k + 8]
            if brick.any():
                coords.append((i, j, k))
                masks.append(np.packbits(brick.ravel()))
        counts.append(len(coords))
        body += np.array(coords, np.int16).tobytes() + np.array(masks, np.uint8).tobytes()
    shape = list(complete.shape)
    head = (
        f'{{"shape": {shape}, "space": "left-posterior-superior", "space directions": [[0.5, 0, 0], [0, 0.6, 0.1], '
        f'[0, 0, 0.75]], "space origin": [1.5, -2, 3], "bricks": {counts}}}'
    )
    path.write_bytes(lzma.compress(head.encode() + b"\n" + body))


def test_packed_skulls_come_back(tmp_path):
    rng = np.random.default_rng(0)
    complete = rng.random((19, 9, 16)) < 0.3
    implant = complete & (rng.random((19, 9, 16)) < 0.2)
    pack(tmp_path / "004.skull.xz", complete, implant)
    (tmp_path / "cases.csv").write_text("id,split\n004,val\n")
    (case,) = find_cases(tmp_path)
    assert (case.id, case.kind, case.split) == ("004", "skullfix", "val")
    skulls = read_case(case)
    assert skulls.complete is not None
    assert skulls.defective is not None
    assert np.array_equal(skulls.complete.array, complete)
    assert np.array_equal(skulls.defective.array, complete & ~implant)
    assert np.allclose(skulls.complete.geometry.to_physical(np.array([2, 1, 4])), (2.5, -1.4, 6.1))


@pytest.mark.parametrize(
    "damage", [lambda b: b[:60], lambda b: lzma.compress(lzma.decompress(b)[:-9]), lambda b: b"no"]
)
def test_a_damaged_packed_file_is_an_error(tmp_path, damage):
    path = tmp_path / "004.skull.xz"
    pack(path, np.ones((8, 8, 8), bool), np.zeros((8, 8, 8), bool))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"004.skull.xz: expected a packed SkullFix case"):
        read_packed(path)


@pytest.mark.data
def test_the_real_collection():
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is unset: no real skulls")
    parts = split_by_skull(find_cases(folder))
    assert {name: len(cases) for name, cases in parts.items()} == {"train": 70, "val": 10, "test": 0}
    skulls = read_case(next(case for case in parts["val"] if case.id == "002"))
    assert skulls.complete is not None
    assert skulls.implant is not None
    assert skulls.complete.geometry.shape == (512, 512, 337)
    assert skulls.implant.array.sum() * skulls.implant.geometry.voxel_volume / 1000 == pytest.approx(56.4, abs=0.1)


def test_volumes_of_one_name_are_two_skulls(tmp_path):
    """One of them was packed, and the other never mentioned."""
    for name in ("skull.nrrd", "skull.nii.gz", "skull.stl", "other.nrrd", "other.stl"):
        (tmp_path / name).touch()
    assert [case.id for case in find_cases(tmp_path)] == ["other", "skull.nii.gz", "skull.nrrd"]


def test_two_implants_of_one_case_are_refused(tmp_path):
    for name in ("defective_skull/000.nrrd", "implant/000.nrrd", "implant/000.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"implant/000\.nrrd: 000\.nii\.gz has the same name; keep one of them"):
        find_cases(tmp_path)

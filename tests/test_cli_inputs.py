"""What counts as an input, and what it is called; folders that appear whole; hashes."""

import hashlib
import mmap
from pathlib import Path

import pytest

from cranial_sparse.cli.folders import new_folder
from cranial_sparse.cli.inputs import case_name, find_inputs
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory, sha256, versions
from cranial_sparse.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(*inputs: Path) -> list[str]:
    cases, problems = find_inputs(inputs)
    assert not problems
    return [case.name for case in cases]


def test_files_are_named_without_their_suffix(tmp_path: Path):
    touch(tmp_path, "a.nii.gz", "b.v2.nrrd", "C.STL", "d")
    assert [case_name(tmp_path / n) for n in ("a.nii.gz", "b.v2.nrrd", "C.STL", "d")] == ["a", "b.v2", "C", "d"]


def test_folder_of_volumes(tmp_path: Path):
    touch(tmp_path, "002.nrrd", "000.nrrd", "notes.txt", ".hidden.nrrd")
    assert names(tmp_path) == ["000", "002"]


def test_folder_of_slices_is_one_case(tmp_path: Path):
    touch(tmp_path / "patient", "IM0001", "IM0002.dcm")
    assert names(tmp_path / "patient") == ["patient"]


def test_folder_of_folders(tmp_path: Path):
    touch(tmp_path, "bilateral/000.nrrd", "parietal/000.nrrd", "series/1.dcm")
    assert names(tmp_path) == ["bilateral/000", "parietal/000", "series"]


def test_the_same_path_twice_is_one_case(tmp_path: Path):
    touch(tmp_path, "a.nrrd")
    assert names(tmp_path / "a.nrrd", tmp_path) == ["a"]


def test_two_inputs_of_one_name_are_refused(tmp_path: Path):
    touch(tmp_path, "x/a.nrrd", "y/a.nii.gz")
    with pytest.raises(InputError, match="both named 'a'"):
        find_inputs([tmp_path / "x", tmp_path / "y"])


def test_what_is_not_there_is_a_problem_of_its_own(tmp_path: Path):
    touch(tmp_path, "a.nrrd")
    (tmp_path / "empty").mkdir()
    cases, problems = find_inputs([tmp_path / "gone", tmp_path / "a.nrrd", tmp_path / "empty"])
    assert [case.name for case in cases] == ["a"]
    assert ["no such file" in str(problems[0]), "holds no volumes" in str(problems[1])] == [True, True]


def test_new_folder_comes_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "deep" / "case"
    with new_folder(target) as work:
        (work / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    with pytest.raises(FileNotFoundError), new_folder(target) as work:
        (work / "missing" / "a").write_text("2")
    assert (target / "a").read_text() == "1"
    with new_folder(target) as work:
        (work / "b").write_text("3")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in target.parent.iterdir()] == ["case"]


def test_hash_of_a_file_and_of_a_folder(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    before = sha256(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256(tmp_path) != before


def test_peak_memory_follows_what_is_used():
    reset_peak_memory()
    before = peak_memory_mb()
    with mmap.mmap(-1, 64 << 20) as block:  # fresh pages: an allocator may hand out memory that is resident already
        block[:: mmap.PAGESIZE] = bytes(len(block) // mmap.PAGESIZE)
        assert peak_memory_mb() >= before + 60
    assert "cranial-sparse" in versions()

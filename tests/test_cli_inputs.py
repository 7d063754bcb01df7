"""What counts as an input, and what it is called; folders that appear whole; hashes."""

import hashlib
import mmap
import os
import shutil
import tempfile
from importlib.readers import MultiplexedPath
from pathlib import Path

import pytest

from cranial_sparse.cli import folders, provenance
from cranial_sparse.cli.folders import check_writable, new_folder
from cranial_sparse.cli.inputs import case_name, find_inputs
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory, sha256, versions, weight_hashes
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


def test_subfolders_beside_a_file_are_not_passed_over(tmp_path: Path):
    """Regression: one volume in a folder once hid everything in its subfolders."""
    touch(tmp_path, "a.nrrd", "left/b.nrrd", "left/deep/er/c.stl", "series/IM1", "left/notes.txt", ".git/config")
    assert names(tmp_path) == ["a", "left/b", "left/deep/er/c", "series"]


def test_results_below_an_input_are_not_completed_again(tmp_path: Path):
    touch(tmp_path, "a.nrrd", "results/a/summary.json", "results/a/implant.nrrd", "results/a/complete.nrrd")
    assert names(tmp_path) == ["a"]


def test_links_that_lead_back_are_followed_once(tmp_path: Path):
    touch(tmp_path, "a.nrrd", "x/b.nrrd")
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    assert names(tmp_path) == ["a", "x/b"]


def test_a_text_beside_subfolders_is_no_series(tmp_path: Path):
    touch(tmp_path, "readme.txt", "x/b.nrrd")
    assert names(tmp_path) == ["x/b"]


def test_folder_of_folders(tmp_path: Path):
    touch(tmp_path, "bilateral/000.nrrd", "parietal/000.nrrd", "series/1.dcm")
    assert names(tmp_path) == ["bilateral/000", "parietal/000", "series"]


def test_the_same_path_twice_is_one_case(tmp_path: Path):
    touch(tmp_path, "a.nrrd")
    assert names(tmp_path / "a.nrrd", tmp_path) == ["a"]


def test_files_of_one_name_keep_their_suffix(tmp_path: Path):
    """Regression: skull.nrrd beside skull.stl once stopped every other case of the folder."""
    touch(tmp_path, "skull.nrrd", "skull.stl", "other.nrrd")
    assert names(tmp_path) == ["other", "skull.nrrd", "skull.stl"]


def test_no_case_is_written_into_another(tmp_path: Path):
    touch(tmp_path, "x.nrrd", "x/a.nrrd")
    assert names(tmp_path) == ["x.nrrd", "x/a"]


def test_two_files_of_one_whole_name_fail_alone(tmp_path: Path):
    touch(tmp_path, "x/a.nrrd", "y/a.nrrd", "y/b.nrrd")
    cases, problems = find_inputs([tmp_path / "x", tmp_path / "y"])
    assert [case.name for case in cases] == ["b"]
    for folder, problem in zip("xy", problems, strict=True):
        assert str(problem).startswith(f"{tmp_path}/{folder}/a.nrrd: 'a.nrrd' is the name")


def test_what_cannot_be_read_does_not_stop_the_others(tmp_path: Path):
    """Regression: any OSError once ended the whole call with a traceback."""
    touch(tmp_path, "a.nrrd")
    cases, problems = find_inputs(["x" * 300, tmp_path / "a.nrrd"])  # no name may be that long, root's neither
    assert [case.name for case in cases] == ["a"]
    assert "cannot be read (File name too long)" in str(problems[0])


def test_a_locked_subfolder_does_not_stop_the_others(tmp_path: Path):
    touch(tmp_path, "a.nrrd", "locked/b.nrrd")
    locked = tmp_path / "locked"
    locked.chmod(0)
    try:
        if os.access(locked, os.R_OK):
            pytest.skip("nothing is locked for root")
        cases, problems = find_inputs([tmp_path, locked / "b.nrrd"])
    finally:
        locked.chmod(0o700)
    assert [case.name for case in cases] == ["a"]
    assert ["cannot be read (Permission denied)" in str(problem) for problem in problems] == [True, True]


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


def test_folders_made_in_vain_go_again(tmp_path: Path):
    """Regression: refused input left the empty folders that its results would have been in."""
    check_writable(tmp_path / "deep" / "out")
    with pytest.raises(ValueError, match="no bone"), new_folder(tmp_path / "deep" / "out" / "case"):
        raise ValueError("no bone")
    assert not list(tmp_path.iterdir())
    (tmp_path / "deep").mkdir()
    check_writable(tmp_path / "deep" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]  # it was there before


def test_two_processes_may_ask_for_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Regression: the folder that one had made for the question went between another's two steps, and the other gave up."""
    plain, gone = tempfile.TemporaryFile, iter([True, False])

    def taken_away(dir: Path):
        if next(gone):
            shutil.rmtree(dir)
        return plain(dir=dir)

    monkeypatch.setattr(folders.tempfile, "TemporaryFile", taken_away)
    check_writable(tmp_path / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder, this is a file"):
        check_writable(tmp_path / "file")


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


def test_weights_are_hashed_where_the_package_is_a_plain_source_tree(monkeypatch: pytest.MonkeyPatch):
    """Regression: there a folder without __init__.py is several paths in one, whose name is no path."""
    assets = Path(provenance.__file__).parents[1] / "assets"
    monkeypatch.setattr(provenance, "files", lambda package: MultiplexedPath(assets))
    expected = hashlib.sha256((assets / "atlas.sdf").read_bytes()).hexdigest()
    assert weight_hashes(("atlas.sdf",)) == {"atlas.sdf": expected}

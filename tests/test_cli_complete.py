"""``complete`` end to end with a completing function that knows the answer."""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cranial_sparse.cli import main
from cranial_sparse.cli.batch import complete_all
from cranial_sparse.cli.case import Options, complete_case, split_stage
from cranial_sparse.cli.complete import BACKENDS, SYSTEMS
from cranial_sparse.cli.inputs import Case, find_inputs
from cranial_sparse.cli.provenance import sha256
from cranial_sparse.completion import pipeline
from cranial_sparse.completion.completion import Completion
from cranial_sparse.data.atlas import ATLAS
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.topology import is_watertight
from cranial_sparse.io.landmarks import write_landmarks
from cranial_sparse.io.mesh import read_mesh
from cranial_sparse.io.volume import read_volume, write_volume
from cranial_sparse.sparse_conv import backends

TILT = (1.0, 0.0, 0.0, 0.0, 0.96, -0.28, 0.0, 0.28, 0.96)
GRID = Geometry((50, 52, 54), (3.1, 3.2, 3.0), (-70.5, -80.25, 1000.125), TILT)
FILES = {"implant.nrrd", "implant.stl", "complete.nrrd", "summary.json", "report.html"}


def shell() -> tuple[Volume, Volume]:
    """A hollow ball with a lid missing, and the lid."""
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    offset = (index - (np.array(GRID.shape) - 1) / 2) * GRID.spacing
    radius = np.linalg.norm(offset, axis=-1)
    bone, lid = (radius < 70) & (radius > 60), offset[..., 2] > 45
    return Volume(bone & ~lid, GRID), Volume(bone & lid, GRID)


SKULL, LID = shell()


def knowing(skull: Volume) -> Completion:
    implant = Volume(LID.array & ~skull.array, skull.geometry)
    return Completion(implant, {"proposal": 0.0}, ("As good as it gets.",), 2.5, ("atlas.sdf",))


def nothing(skull: Volume) -> Completion:
    return Completion(Volume(np.zeros(skull.geometry.shape, bool), skull.geometry))


@pytest.fixture
def skull_file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "one.nrrd"
    path.parent.mkdir()
    write_volume(path, SKULL)
    return path


def run(path: Path, out: Path, complete=knowing, **options) -> tuple[int, str]:
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    cases, problems = find_inputs([path])
    return complete_all(cases, out, complete, Options(**options), console, problems), console.export_text()


def unsure(skull: Volume) -> Completion:
    """Knows the answer, and says to be less sure of it the higher it lies."""
    return replace(knowing(skull), facts={"expected_dsc": 0.8125}, spread_at=lambda points: points[:, 2] / 1000)


def test_what_the_completer_is_unsure_of_is_written_and_shown(skull_file: Path, tmp_path: Path):
    assert run(skull_file, tmp_path / "out", unsure)[0] == 0
    folder = tmp_path / "out" / "one"
    assert {p.name for p in folder.iterdir()} == FILES | {"uncertainty.nrrd"}
    implant, spread = (read_volume(folder / name) for name in ("implant.nrrd", "uncertainty.nrrd"))
    index = np.argwhere(implant.array > 0)
    places = implant.geometry.to_physical(index)
    at = np.rint(spread.geometry.to_index(places)).astype(int)
    np.testing.assert_allclose(spread.array[tuple(at.T)], places[:, 2] / 1000, rtol=1e-6)
    assert np.count_nonzero(spread.array) == len(index)
    page = (folder / "report.html").read_text()
    assert "<option>Uncertainty (1 σ)</option>" in page
    assert "Expected Dice" in page
    assert "0.81" in page
    assert "uncertainty.nrrd" in page
    # a copy that lost the map is done again
    (folder / "uncertainty.nrrd").unlink()
    assert run(skull_file, tmp_path / "out", unsure, overwrite=False)[0] == 0
    assert (folder / "uncertainty.nrrd").is_file()


def test_a_completer_that_knows_no_uncertainty_shows_none(skull_file: Path, tmp_path: Path):
    assert run(skull_file, tmp_path / "out")[0] == 0
    page = (tmp_path / "out" / "one" / "report.html").read_text()
    assert "Uncertainty" not in page
    assert "Expected Dice" not in page


def test_a_case_becomes_a_folder(skull_file: Path, tmp_path: Path):
    failed, text = run(skull_file, tmp_path / "out")
    folder = tmp_path / "out" / "one"
    assert failed == 0
    assert "one: implant" in text
    assert "note: As good as it gets." in text
    assert {p.name for p in folder.iterdir()} == FILES
    assert [p.name for p in folder.parent.iterdir()] == ["one"]
    implant, whole = (read_volume(folder / name) for name in ("implant.nrrd", "complete.nrrd"))
    assert implant.geometry == whole.geometry == read_volume(skull_file).geometry
    assert implant.array.dtype == whole.array.dtype == np.uint8
    np.testing.assert_array_equal(implant.array, LID.array)
    np.testing.assert_array_equal(whole.array, LID.array | SKULL.array)
    vertices, triangles = read_mesh(folder / "implant.stl")
    assert is_watertight(triangles)
    points = GRID.to_physical(np.argwhere(LID.array))
    np.testing.assert_allclose(vertices.min(axis=0), points.min(axis=0), atol=4)
    np.testing.assert_allclose(vertices.max(axis=0), points.max(axis=0), atol=4)


def test_summary_is_complete(skull_file: Path, tmp_path: Path):
    run(skull_file, tmp_path / "out", system="mirror")
    summary = json.loads((tmp_path / "out" / "one" / "summary.json").read_text())
    assert summary["options"]["system"] == "mirror"
    assert summary["source"]["kind"] == "mask"
    assert len(summary["source"]["sha256"]) == 64
    assert set(summary["seconds"]) >= {"read", "proposal", "mesh", "write", "report"}
    assert summary["peak_memory_mb"] > 10
    assert summary["outside_ml"] == 2.5
    assert summary["weights"] == {"atlas.sdf": sha256(ATLAS)}  # what was used, and nothing else that ships
    assert summary["versions"]["numpy"] == np.__version__
    assert summary["implant"]["volume_ml"] == pytest.approx(LID.array.sum() * GRID.voxel_volume / 1000)
    assert "As good as it gets." in summary["warnings"]


def test_no_defect_is_empty_and_says_so(skull_file: Path, tmp_path: Path):
    failed, text = run(skull_file, tmp_path / "out", nothing)
    folder = tmp_path / "out" / "one"
    assert failed == 0
    assert "no defect found" in text
    assert {p.name for p in folder.iterdir()} == FILES - {"implant.stl"}
    assert not read_volume(folder / "implant.nrrd").array.any()
    warnings = json.loads((folder / "summary.json").read_text())["warnings"]
    assert sum("no defect" in warning.lower() for warning in warnings) == 1


def test_finished_cases_are_skipped_until_overwritten(skull_file: Path, tmp_path: Path):
    out = tmp_path / "out"
    run(skull_file, out)
    failed, text = run(skull_file, out, nothing)
    assert failed == 0
    assert "one: skipped, already finished" in text
    assert "other options (system cascade, not mirror; refine yes, not no);" in run(skull_file, out, system="mirror")[1]
    assert (out / "one" / "implant.stl").exists()
    run(skull_file, out, nothing, overwrite=True)
    assert not (out / "one" / "implant.stl").exists()
    assert [p.name for p in out.iterdir()] == ["one"]


@pytest.mark.parametrize("lost", sorted(FILES - {"summary.json"}))
def test_a_case_that_lost_a_file_is_done_again(lost: str, skull_file: Path, tmp_path: Path):
    """Regression: summary.json alone once made a case finished."""
    run(skull_file, tmp_path / "out")
    (tmp_path / "out" / "one" / lost).unlink()
    failed, text = run(skull_file, tmp_path / "out")
    assert failed == 0
    assert "skipped" not in text
    assert {p.name for p in (tmp_path / "out" / "one").iterdir()} == FILES


def test_a_case_without_an_implant_is_finished_without_its_mesh(skull_file: Path, tmp_path: Path):
    run(skull_file, tmp_path / "out", nothing)
    assert "skipped, already finished" in run(skull_file, tmp_path / "out", nothing)[1]


def test_a_summary_that_is_not_ours_is_an_error(skull_file: Path, tmp_path: Path):
    """Regression: KeyError."""
    (tmp_path / "out" / "one").mkdir(parents=True)
    (tmp_path / "out" / "one" / "summary.json").write_text('{"schema": 1}')
    failed, text = run(skull_file, tmp_path / "out")
    assert failed == 1
    assert "not a finished case" in text


def test_what_completing_refuses_names_the_file(skull_file: Path, tmp_path: Path):
    def refuse(skull: Volume) -> Completion:
        raise InputError("this does not look like a skull")

    assert f"failed: {skull_file}: this does not look like a skull" in run(skull_file, tmp_path / "out", refuse)[1]


def test_the_result_of_another_input_is_not_passed_off_as_this_one(skull_file: Path, tmp_path: Path):
    run(skull_file, tmp_path / "out")
    other = tmp_path / "other" / skull_file.name
    other.parent.mkdir()
    for changed, told in ((other, f"another input, {skull_file}, not of {other}"), (skull_file, "before it changed")):
        write_volume(changed, Volume(SKULL.array | LID.array, GRID))
        failed, text = run(changed, tmp_path / "out")
        assert failed == 1
        assert told in text


def test_one_bad_input_does_not_stop_the_others(skull_file: Path, tmp_path: Path):
    folder = skull_file.parent
    (folder / "cut.nrrd").write_bytes(skull_file.read_bytes()[:2000])
    write_volume(folder / "hollow.nrrd", Volume(np.zeros((30, 30, 30), np.uint8), Geometry((30,) * 3, (4.0,) * 3)))
    failed, text = run(folder, tmp_path / "out")
    assert failed == 2
    assert "1 finished, 2 failed" in text
    assert sum(line.startswith("failed: ") for line in text.splitlines()) == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["one"]


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), MemoryError("no room"), InputError("no vault in view")])
def test_failing_half_way_leaves_the_old_result(skull_file: Path, tmp_path: Path, error: Exception, monkeypatch):
    out = tmp_path / "out"
    run(skull_file, out)
    before = {p.name: p.read_bytes() for p in (out / "one").iterdir()}

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr("cranial_sparse.cli.case.report_page", fail)
    failed, text = run(skull_file, out, nothing, overwrite=True)
    assert failed == 1
    assert text.count("\n") == 1
    assert {p.name: p.read_bytes() for p in (out / "one").iterdir()} == before
    assert [p.name for p in out.iterdir()] == ["one"]


def test_interrupting_leaves_nothing(skull_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cranial_sparse.cli.case.report_page", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(skull_file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_foreign_folders_are_never_replaced(skull_file: Path, tmp_path: Path):
    precious = tmp_path / "out" / "one" / "scan.dcm"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    failed, text = run(skull_file, tmp_path / "out", overwrite=True)
    assert failed == 1
    assert "not a finished case" in text
    assert precious.read_text() == "precious"


def test_an_implant_on_another_grid_is_refused(skull_file: Path, tmp_path: Path):
    other = Volume(np.zeros((4, 4, 4), bool), Geometry((4, 4, 4), (1.0, 1.0, 1.0)))
    with pytest.raises(ValueError, match="another grid"):
        complete_case(Case("one", skull_file), tmp_path, lambda skull: Completion(other), Options())


def test_stage_times_still_add_up():
    seconds = {"read": 1.0, "complete": 5.0}
    split_stage(seconds, "complete", {"propose": 3.0, "refine": 1.5})
    assert seconds == {"read": 1.0, "propose": 3.0, "refine": 1.5, "complete, other": 0.5}


def test_from_the_command_line(skull_file: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    asked = []
    monkeypatch.setattr(pipeline, "complete", lambda skull, *chosen: asked.append(chosen) or knowing(skull))
    arguments = ["complete", str(skull_file), str(tmp_path / "gone.nrrd"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--system", "cascade", "--backend", "dense"]) == 1
    text = capsys.readouterr().out
    assert asked == [("cascade", "dense", "auto", False, None)]
    options = json.loads((tmp_path / "out" / "one" / "summary.json").read_text())["options"]
    assert (options["system"], options["backend"]) == ("cascade", "dense")
    assert "one: implant" in text
    assert "gone.nrrd: no such file" in text
    assert main([arguments[0], arguments[1], *arguments[3:], "--system", "cascade"]) == 0


def test_an_unknown_system_is_refused_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert set(SYSTEMS) == {pipeline.CASCADE, *pipeline.SYSTEMS}
    with pytest.raises(SystemExit) as done:
        main(["complete", str(tmp_path / "gone.nrrd"), "--out", str(tmp_path), "--system", "crystal"])
    assert done.value.code == 2
    assert re.search("invalid choice: 'crystal'.*cascade.*radial", capsys.readouterr().err)


def test_a_wrong_option_shows_the_usage_of_its_own_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as done:
        main(["complete", str(tmp_path), "--out", str(tmp_path), "--systm", "radial"])
    said = capsys.readouterr().err
    assert done.value.code == 2
    assert said.startswith("usage: cranial-sparse complete ")
    assert "--systm radial" in said


def test_a_backend_that_is_not_there_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert set(BACKENDS) == set(backends.BACKENDS)
    monkeypatch.setitem(sys.modules, "spconv_triton.pytorch", None)
    arguments = ["complete", str(tmp_path / "gone.nrrd"), "--out", str(tmp_path)]
    assert main([*arguments, "--backend", "spconv_triton"]) == 1
    assert re.fullmatch(r"error: backend spconv_triton: .* install it: .*\n", capsys.readouterr().err)
    with pytest.raises(SystemExit):
        main([*arguments, "--backend", "cudnn"])


def test_output_must_be_a_folder(skull_file: Path):
    with pytest.raises(InputError, match="expected a folder"):
        run(skull_file, skull_file)


def test_output_that_cannot_be_written_is_told_before_the_first_case(skull_file: Path):
    """Regression: the case was computed first, and the message named a hidden folder."""

    def never(skull: Volume) -> Completion:
        raise AssertionError("computed")

    out = skull_file / "below"
    with pytest.raises(InputError, match=f"--out {out}: cannot be written"):
        run(skull_file, out, never)


def test_corrected_landmarks_are_not_taken_for_the_earlier_result(
    skull_file: Path, tmp_path: Path, monkeypatch, capsys
):
    """Complete, correct landmarks, complete again: the second run must not say that it is done."""
    seen = []
    monkeypatch.setattr(pipeline, "complete", lambda skull, *chosen: seen.append(chosen[-1]) or knowing(skull))
    arguments = ["complete", str(skull_file), "--system", "tps", "--out", str(tmp_path / "out")]
    corrected = tmp_path / "corrected.fcsv"
    write_landmarks(corrected, {"vertex": np.array([1.0, 2.0, 3.0])})
    for more in ([], ["--landmarks", str(corrected)], ["--landmarks", str(corrected), "--overwrite"]):
        assert main([*arguments, *more]) == 0
    assert "finished earlier with other options (landmarks None, not" in capsys.readouterr().out
    assert seen[0] is None
    np.testing.assert_allclose(seen[1]["vertex"], [1, 2, 3])
    assert len(seen) == 2
    assert main(arguments) == 0
    assert "finished earlier with other options (landmarks " in capsys.readouterr().out
    (skull_file.parent / "two.nrrd").write_bytes(skull_file.read_bytes())
    two = ["complete", str(skull_file), str(skull_file.parent), *arguments[2:], "--landmarks", str(corrected)]
    assert main(two) == 1
    assert "belong to one skull" in capsys.readouterr().err


@pytest.mark.parametrize("system", ["radial", "cascade"])
def test_landmarks_belong_to_tps(system: str, skull_file: Path, tmp_path: Path, capsys):
    corrected = tmp_path / "corrected.fcsv"
    write_landmarks(corrected, {"vertex": np.array([1.0, 2.0, 3.0])})
    assert (
        main(["complete", str(skull_file), "--system", system, "--landmarks", str(corrected), "--out", str(tmp_path)])
        == 1
    )
    assert "only --system tps has landmarks" in capsys.readouterr().out

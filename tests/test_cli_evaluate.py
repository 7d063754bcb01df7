"""``evaluate`` on small folders in the official layouts, and on real implants."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.cli import main
from cranial_sparse.cli.scoring import find_truth
from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume

GRID = Geometry((20, 18, 16), (0.5, 0.5, 1.0))


def slab(start: int, stop: int, geometry: Geometry = GRID) -> Volume:
    array = np.zeros(geometry.shape, np.uint8)
    array[start:stop] = 1
    return Volume(array, geometry)


def save(path: Path, volume: Volume) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, volume)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    for name in ("000", "001", "002", "003"):
        save(folder / "implant" / f"{name}.nrrd", slab(4, 8))
        save(folder / "defective_skull" / f"{name}.nrrd", slab(0, 4))
    return folder


def rows(path: Path) -> dict[str, dict[str, str]]:
    return {row["case"]: row for row in csv.DictReader(path.open())}


def test_every_kind_of_failure_counts(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    predictions = tmp_path / "predictions"
    save(predictions / "000" / "implant.nrrd", slab(4, 8))
    save(predictions / "001.nrrd", slab(4, 8, Geometry(GRID.shape, GRID.spacing, (0.0, 0.0, 9.0))))
    (predictions / "002.nrrd").write_bytes(b"NRRD0004\nnonsense")
    assert main(["evaluate", str(predictions), "--truth", str(truth), "--out", str(tmp_path / "scores")]) == 1
    text = capsys.readouterr().out
    assert "4 cases, 3 failed" in text
    assert text.count("failed: 00") == 3
    table = rows(tmp_path / "scores" / "scores.csv")
    assert [float(table[name]["dsc"]) for name in table] == [1, 0, 0, 0]
    diagonal = float(np.linalg.norm([2, 9, 16]))
    assert float(table["003"]["hd95"]) == pytest.approx(diagonal, abs=1e-4)
    summary = json.loads((tmp_path / "scores" / "scores.json").read_text())["summary"]
    assert summary["dsc"]["mean"] == 0.25
    assert summary["hd95"]["median"] == pytest.approx(diagonal)
    page = (tmp_path / "scores" / "scores.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 4
    assert "4 cases of 4 skulls" in page


def test_kinds_and_their_intervals_fit_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    names = ("parietotemporal/000", "parietotemporal/001", "random_1/000")
    for name, start in zip(names, (4, 5, 8), strict=True):
        save(tmp_path / "t" / "implant" / f"{name}.nrrd", slab(4, 8))
        save(tmp_path / "t" / "defective_skull" / f"{name}.nrrd", slab(0, 4))
        save(tmp_path / "p" / f"{name}.nrrd", slab(start, start + 4))
    assert main(["evaluate", str(tmp_path / "p"), "--truth", str(tmp_path / "t"), "--out", str(tmp_path / "s")]) == 0
    text = capsys.readouterr().out
    for shown in (*names, "all (3)", "parietotemporal (2)", "random_1 (1)", "0.750 … 1.000", "HD95 mm"):
        assert shown in text  # whole, on one line
    assert max(map(len, text.splitlines())) <= 80
    kinds = json.loads((tmp_path / "s" / "scores.json").read_text())["kinds"]
    assert kinds["parietotemporal"]["dsc"] == pytest.approx(
        {"mean": 0.875, "low": 0.75, "high": 1.0, "median": 0.875, "worst": 0.75}
    )
    assert kinds["random_1"]["dsc"]["low"] is None


def test_all_failed_and_nothing_to_find(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One skull without a prediction, one without a defect, for which nothing is right and something is not."""
    for name, stop in (("000", 8), ("001", 4)):
        save(tmp_path / "t" / "implant" / f"{name}.nrrd", slab(4, stop))
        save(tmp_path / "t" / "defective_skull" / f"{name}.nrrd", slab(0, 4))
    (tmp_path / "p").mkdir()
    command = ["evaluate", str(tmp_path / "p"), "--truth", str(tmp_path / "t"), "--out", str(tmp_path / "s")]
    assert main(command) == 1
    assert {row["dsc"] for row in rows(tmp_path / "s" / "scores.csv").values()} == {"0"}
    assert main(command) == 1
    assert "scores.csv is there already; give --overwrite" in capsys.readouterr().err
    command.append("--overwrite")
    save(tmp_path / "p" / "001.nrrd", slab(4, 4))
    assert main(command) == 1
    assert rows(tmp_path / "s" / "scores.csv")["001"]["dsc"] == "1"
    save(tmp_path / "p" / "001.nrrd", slab(4, 6))
    assert main([*command, "--cases", "001"]) == 0
    found = rows(tmp_path / "s" / "scores.csv")["001"]
    assert [found[name] for name in ("dsc", "volumetric_error", "intrusion_2mm", "volume_ratio")] == [
        "0",
        "1",
        "1",
        "0",
    ]


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "p").mkdir()
    (tmp_path / "taken").write_text("a file")
    command = ["evaluate", str(tmp_path / "p"), "--truth", str(truth), "--out", str(tmp_path / "taken" / "scores.csv")]
    assert main(command) == 1
    assert capsys.readouterr().out == ""
    assert main(["evaluate", str(tmp_path / "p"), "--truth", str(truth), "--out", str(tmp_path / "taken")]) == 1
    printed = capsys.readouterr()
    assert "expected a folder, this is a file" in printed.err
    assert printed.out == ""


def test_chosen_cases_by_name_and_by_file(truth: Path, tmp_path: Path):
    predictions, listed = tmp_path / "predictions", tmp_path / "val.txt"
    save(predictions / "001.nii.gz", slab(5, 9))
    listed.write_text("001\n")
    for name, chosen in (("named", "001"), ("listed", str(listed))):
        out = tmp_path / f"{name}.csv"
        assert main(["evaluate", str(predictions), "--truth", str(truth), "--cases", chosen, "--out", str(out)]) == 0
        assert float(rows(out)["001"]["dsc"]) == 0.75


def test_soft_predictions_are_refused(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    soft = Volume(np.linspace(0, 1, int(np.prod(GRID.shape)), dtype=np.float32).reshape(GRID.shape), GRID)
    save(tmp_path / "p" / "000.nrrd", soft)
    assert main(["evaluate", str(tmp_path / "p"), "--truth", str(truth), "--cases", "000"]) == 1
    assert "threshold it first" in capsys.readouterr().out


def test_layouts(truth: Path, tmp_path: Path):
    assert list(find_truth(truth)) == ["000", "001", "002", "003"]
    (tmp_path / "SkullFix").mkdir()
    truth.rename(tmp_path / "SkullFix" / "training_set")
    assert len(find_truth(tmp_path / "SkullFix")) == 4
    for defect in ("bilateral", "random_1"):
        for kind in ("implant", "defective_skull"):
            save(tmp_path / "SkullBreak" / kind / defect / "007.nrrd", slab(0, 4))
    assert list(find_truth(tmp_path / "SkullBreak")) == ["bilateral/007", "random_1/007"]


def test_truth_that_cannot_be_used_is_an_error_not_a_failure(truth: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no such case"):
        find_truth(truth, ["099"])
    (truth / "defective_skull" / "001.nrrd").unlink()
    with pytest.raises(InputError, match="no defective skull"):
        find_truth(truth)
    with pytest.raises(InputError, match="implant/ and defective_skull/"):
        find_truth(tmp_path)


@pytest.mark.data
def test_real_implant_and_a_shifted_one(tmp_path: Path):
    if "CRANIAL_SPARSE_DATA" not in os.environ:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    complete, implant = read_packed(Path(os.environ["CRANIAL_SPARSE_DATA"]) / "skullfix" / "000.skull.xz")
    shifted = Volume(np.roll(implant.array, 2, axis=0), implant.geometry)
    save(tmp_path / "t" / "implant" / "000.nrrd", implant)
    save(tmp_path / "t" / "defective_skull" / "000.nrrd", Volume(complete.array & ~implant.array, implant.geometry))
    save(tmp_path / "p" / "000.nrrd", shifted)
    assert (
        main(["evaluate", str(tmp_path / "p"), "--truth", str(tmp_path / "t"), "--out", str(tmp_path / "s.json")]) == 0
    )
    scores = json.loads((tmp_path / "s.json").read_text())["cases"]["000"]
    step = 2 * implant.geometry.spacing[0]
    assert 0.9 < scores["dsc"] < 1
    assert 0 < scores["asd"] < scores["hd95"] <= step + 1e-9

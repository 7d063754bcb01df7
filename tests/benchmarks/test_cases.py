import os
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from benchmarks import cases
from benchmarks.cases import SETS, Row, cut_row, read_rows, write_cases, write_rows
from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import SKULLBREAK_KINDS, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume


def test_the_list_is_what_was_asked_for():
    rows = read_rows()
    assert len({(row.case, row.kind) for row in rows}) == len(rows) == 50
    assert {row.kind for row in rows} == set(SKULLBREAK_KINDS)
    assert len({row.case for row in rows}) == 10
    volumes = [row.volume_ml for row in rows]
    assert min(volumes) >= 15
    assert max(volumes) <= 200
    assert median(volumes) >= 40
    assert sum(row.crosses_midline for row in rows) >= 10


def test_rows_come_back(tmp_path):
    rows = [Row("007", "bilateral", 3, 61.2, True), Row("008", "random_1", 0, 20.0, False)]
    write_rows(rows, tmp_path / "rows.csv")
    assert read_rows(tmp_path / "rows.csv") == rows


def test_a_folder_without_val_skulls_is_an_error(tmp_path):
    (tmp_path / "000.nrrd").touch()
    with pytest.raises(InputError, match="expected SkullFix with a cases"):
        write_cases(tmp_path, tmp_path / "out", SETS)


def test_both_sets_are_written_in_their_layouts(tmp_path, monkeypatch):
    """A made-up vault as the only val skull: what is written is read back, and kept the second time."""
    x, y, z = np.moveaxis(np.indices((48, 64, 30)), 0, -1).reshape(-1, 3).T * 3.0 - np.array([[72], [96], [0]])
    radius = np.sqrt((x / 66) ** 2 + (y / 90) ** 2 + (z / 84) ** 2)
    skull = Volume(((radius < 1) & (radius > 0.9)).reshape(48, 64, 30), Geometry((48, 64, 30), (3.0, 3.0, 3.0)))
    implant = quarter(skull)
    for name, array in (("complete_skull", skull.array), ("implant", implant)):
        (tmp_path / name).mkdir()
        write_volume(tmp_path / name / "007.nrrd", Volume(array, skull.geometry))
    (tmp_path / "cases.csv").write_text("id,split\n007,val\n")
    cut = cut_volume(skull, "bilateral", 0)
    row = Row("007", "bilateral", 0, cut.volume_ml, cut.crosses_midline)
    monkeypatch.setattr(cases, "read_rows", lambda: [row])
    assert write_cases(tmp_path, tmp_path / "out", SETS) == 2
    (official,) = map(read_case, find_cases(tmp_path / "out/official"))
    (like,) = find_cases(tmp_path / "out/skullbreak_like")
    assert official.implant is not None
    assert np.array_equal(official.implant.array, implant)
    assert (like.id, like.kind) == ("007_bilateral", "bilateral")
    written = read_case(like)
    assert written.defective is not None
    assert written.implant is not None
    assert np.array_equal(written.implant.array, cut.implant.array)
    assert np.array_equal(written.defective.array, cut.defective.array)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.nrrd")}
    assert len(stamps) == 6
    write_cases(tmp_path, tmp_path / "out", SETS)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    with pytest.raises(InputError, match="draw the list again"):
        cut_row(skull, Row("007", "bilateral", 0, cut.volume_ml + 5, True))


def quarter(skull: Volume) -> np.ndarray:
    """A quarter of the vault, as an implant."""
    half = np.zeros_like(skull.array)
    half[:, 32:, 10:] = skull.array[:, 32:, 10:]
    return half


@pytest.mark.data
def test_a_listed_defect_is_cut_again():
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is unset: no real skulls")
    complete = read_case(find_cases(Path(folder) / "skullfix/000.skull.xz")[0]).complete
    assert complete is not None
    row = next(row for row in read_rows() if row.case == "000" and row.kind == "random_1")
    cut = cut_row(complete, row)
    assert cut.volume_ml == pytest.approx(row.volume_ml, abs=0.1)
    assert cut.crosses_midline == row.crosses_midline

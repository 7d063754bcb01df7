"""What the page of missing landmarks says of made-up errors, what counts as missing, and which side a defect is on."""

import numpy as np
import pytest

from benchmarks.landmarks import _errors, main, page, share, side
from cranial_sparse.classical.maps import PIXELS, directions
from cranial_sparse.classical.tps.surface import Surface
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume


def row(where: str, outer: list[float], reference: str = "mean") -> dict:
    missing = {"outer": {"surface": outer, "landmark": [2.0]}, "inner": {"surface": [0.5], "landmark": [0.5]}}
    one = {"seconds": 4.0, "reference": reference, "dsc": 0.9, "missing": missing}
    return {"side": where, "radial_dsc": 0.92, "variants": {"shipped": one}}


def test_shares_count_points_and_not_cases() -> None:
    rows = [row("lateral", [0.2, 0.9, 1.0, 1.1]), row("lateral", [3.0])]
    assert share(rows, "shipped", ("outer",), "surface") == (pytest.approx(3 / 5), 5)
    assert share(rows, "shipped", ("outer", "inner"), "surface") == (pytest.approx(5 / 7), 7)
    assert np.isnan(share([], "shipped", ("outer",), "surface")[0])


def test_the_page_has_both_sides_and_the_references() -> None:
    text = page({"002/official": row("two-sided", [0.2, 2.0]), "002/random_1": row("lateral", [0.3], "mirrored")})
    assert "| lateral | 1 | 2 | 100.0% | 100.0% | 0.0% | 100.0% | 0.900 | 0.920 | mirrored 1 |" in text
    assert "| two-sided | 1 | 3 | 50.0% | 100.0% | 0.0% | 100.0% | 0.900 | 0.920 | mean 1 |" in text
    assert "| 002/random_1 | lateral | 0.920 | mirrored | 0.900 | 100% |" in text
    assert "4.0 s a case" in text


@pytest.mark.parametrize(
    ("start", "expected"), [(20, "two-sided"), (58, "lateral"), (51, "lateral"), (44, "two-sided")]
)
def test_a_tenth_on_either_side_is_two_sided(start: int, expected: str) -> None:
    """Ten voxels of 1 mm from ``start`` on, or sixty; the midline runs between voxels 49 and 50."""
    bone = np.zeros((101, 5, 5), bool)
    bone[start : start + (60 if start == 20 else 10)] = True
    volume = Volume(bone, Geometry(bone.shape, (1.0, 1.0, 1.0), (-49.5, 0.0, 0.0)))
    assert side(volume, Pose(np.eye(3), np.zeros(3))) == expected


def test_only_missing_points_in_the_hole_count() -> None:
    """Of three points on a ball of 80 mm, at the vertex, beside it, and one that was seen: the hole is at the vertex."""
    surface = Surface(np.full((PIXELS, PIXELS), 80.0), directions()[1])
    hole = np.zeros((PIXELS, PIXELS), bool)
    hole[75:85, 75:85] = True
    points = np.array([[0.0, 0.0, 81.5], [60.0, 0.0, 60.0], [1.0, 0.0, 82.0]])
    truth = np.array([[3.0, 4.0, 81.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = _errors(points, np.array([False, False, True]), surface, truth, hole)
    assert found == {"surface": [1.5], "landmark": [5.0]}


def test_missing_skulls_are_one_line(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr("sys.argv", ["landmarks", "--data", str(tmp_path)])
    assert main() == 2
    assert capsys.readouterr().err.startswith(f"error: --data {tmp_path}: expected a folder with skullfix/cases.csv")

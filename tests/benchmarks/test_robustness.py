"""Conditions of made-up scans on a head of known shape, and the page of made-up scores."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.robustness import CONDITIONS, PIN, chosen, finished, main, page, pinned
from cranial_sparse.data.defects import KINDS
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics.boxes import bounding_box
from tests.conftest import cut

# what else changes the volume of the bone than a defect that is another one, and by how much at most
CHANGES = {"small head": 0.6, "large head": 0.7, "thicker and thinner bone": 0.4, "denser and thinner bone": 0.6}


@pytest.fixture(scope="module")
def missing(head: Volume) -> tuple[Volume, Volume]:
    _, array = cut(head, (40.0, 10.0, 60.0), 28.0)
    return head, Volume(array, head.geometry)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_scan_lacks_what_it_is_said_to_lack(name: str, missing: tuple[Volume, Volume]) -> None:
    """On one grid, no voxel in both, repeatable; and what is given stays as it is."""
    complete, implant = missing
    before = complete.array.copy(), implant.array.copy()
    defective, lacks = CONDITIONS[name](complete, implant, np.random.default_rng(3))
    assert defective.geometry == lacks.geometry
    assert defective.array.dtype == lacks.array.dtype == bool
    assert not (defective.array & lacks.array).any()
    assert defective.array.any()
    again, _ = CONDITIONS[name](complete, implant, np.random.default_rng(3))
    assert np.array_equal(again.array, defective.array)
    assert np.array_equal(before[0], complete.array)
    assert np.array_equal(before[1], implant.array)
    if name not in ("second defect", "cut off at a side"):
        volumes = [v.array.sum() * v.geometry.voxel_volume for v in (lacks, implant)]
        assert volumes[0] == pytest.approx(volumes[1], rel=CHANGES.get(name, 0.25))


def test_pins_stand_out_near_the_hole(missing: tuple[Volume, Volume]) -> None:
    complete, implant = missing
    defective, _ = pinned(complete, implant, np.random.default_rng(0))
    added = defective.array & ~complete.array
    assert 0.5 < added.sum() * complete.geometry.voxel_volume / (5 * np.pi * PIN[0] ** 2 * PIN[1]) < 1.3
    away = complete.geometry.to_physical(np.argwhere(added))[:, None]
    hole = complete.geometry.to_physical(np.argwhere(implant.array)[::20])
    assert np.linalg.norm(away - hole, axis=-1).min(1).max() < 40


def test_cropping_takes_the_share_it_names(missing: tuple[Volume, Volume]) -> None:
    complete, implant = missing
    defective, _ = CONDITIONS["cut off at the vertex"](complete, implant, np.random.default_rng(0))
    whole, left = bounding_box(complete.array), bounding_box(defective.array)
    assert whole is not None
    assert left is not None
    height = whole[2].stop - whole[2].start
    assert left[2].stop == whole[2].stop - round(0.08 * height)


def test_in_ten_rounds_every_condition_meets_every_kind() -> None:
    """Regression: rounds that moved kinds on by eight met five of ten."""
    rounds = range(len(CONDITIONS) * len(KINDS))
    assert len({chosen(job) for job in rounds}) == len(rounds)


def test_the_page_counts_what_failed_and_leaves_out_what_was_never_cut() -> None:
    rows = {
        "0": {"case": "001", "condition": "as it is", "kind": "sphere", "ml": 30.0, "dsc": 0.9},
        "1": {"case": "003", "condition": "as it is", "kind": "bilateral", "ml": 50.0, "dsc": 0.0, "said": "no hole"},
        "2": {"case": "004", "condition": "pins", "kind": "sphere", "dsc": None, "said": "none of 30 draws fits"},
    }
    text = page(rows)
    assert "on 2 scans of training skulls, numbers 0 to 2," in text
    assert "| as it is | 2 | 0.450 | 0.000 |" in text
    assert "| 003 | as it is | bilateral | 50 | 0.000 | no hole |" in text
    assert "pins" not in text


def test_scans_of_another_revision_are_not_mixed_in(tmp_path: Path) -> None:
    kept = tmp_path / "robustness.json"
    assert finished(kept, {"revision": 6}) == {}
    kept.write_text('{"of": {"revision": 6}, "scans": {"0": {"dsc": 0.9}}}')
    assert finished(kept, {"revision": 6}) == {"0": {"dsc": 0.9}}
    with pytest.raises(InputError, match="another revision"):
        finished(kept, {"revision": 7})


def test_missing_skulls_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["robustness", "--data", str(tmp_path), "--maps", "none.npz"])
    assert main() == 2
    assert capsys.readouterr().err.startswith("error: ")

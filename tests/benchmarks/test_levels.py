"""What the page of levels says of made-up scores, what is counted on a case, and what an earlier run is good for."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.levels import STAGES, finished, grown, page
from cranial_sparse.bricks import from_coordinates
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput


def row(dsc: float) -> dict:
    level = {"voxels": 300, "candidates": 1000, "recall": 0.5}
    scores = {stage: {"dsc": dsc, "bdsc_10mm": dsc, "hd95": 2.0} for stage in STAGES}
    ceiling = dict.fromkeys(STAGES[1:], 0.99)
    return scores | {"true_ml": 30.0, "levels": dict.fromkeys(STAGES[1:], level), "ceiling": ceiling}


def test_the_page_has_means_and_worst_and_growth() -> None:
    text = page({"official/000": row(0.8), "official/002": row(0.9)})
    assert "| proposal | 0.8500 | 0.8000 | 0.8500 | 2.00 | – |" in text
    assert "| 0.45 mm | 0.8500 | 0.8000 | 0.8500 | 2.00 | 0.9900 |" in text
    assert "| 0.9 mm | 1,000 | 300 | 30.0% | 0.5000 |" in text


def test_growth_is_counted() -> None:
    """A box of 8³ coarse voxels, one of them grown, then four of its children; a quarter of the missing bone in them."""
    skull = torch.zeros((32, 32, 32), dtype=torch.uint8)
    complete = skull.clone()
    complete[0:2, 0:4, 0:2] = 1  # 16 voxels, in two of the children grown
    complete[16:18, 0:4, 0:6] = 1  # 48 elsewhere
    coarse = from_coordinates(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    fine = from_coordinates(torch.tensor([[0, 0, y, z] for y in (0, 1) for z in (0, 1)], dtype=torch.int32))
    outputs = (
        LevelOutput(coarse, torch.zeros(1), torch.zeros(1, 8), 1.8),
        LevelOutput(fine, torch.zeros(4), torch.zeros(4, 8), 0.9),
    )
    report = grown(CascadeInputs(skull, skull, torch.zeros((16, 16, 16)), complete), outputs)
    assert report["1.8 mm"] == {"voxels": 1, "candidates": 512, "recall": pytest.approx(0.25)}
    assert report["0.9 mm"] == {"voxels": 4, "candidates": 8, "recall": pytest.approx(0.25)}


def test_scores_of_other_weights_are_not_kept(tmp_path: Path) -> None:
    """Regression: measuring again into the folder of results measured nothing."""
    path = tmp_path / "levels.json"
    assert finished(path, {"cascade": "a"}) == {}
    path.write_text(json.dumps({"made_by": {"cascade": "a"}, "cases": {"official/000": {}}}))
    assert finished(path, {"cascade": "a"}) == {"official/000": {}}
    assert finished(path, {"cascade": "b"}) == {}

"""Validation figures on cases whose answer is plain."""

import pytest
import torch

from cranial_sparse.bricks import coordinates, difference, dilate, empty, from_dense
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput
from cranial_sparse.training.losses import at_voxels, share
from cranial_sparse.training.scores import case_scores, dense_implant, level_scores, true_missing
from tests.training.boxes import SIZE, box_case

CASE = box_case(0, 0)


def truth_everywhere(factor: int, reach: int = 0) -> LevelOutput:
    """The truth as logits, on every voxel of the box and ``reach`` beyond."""
    side = SIZE // factor + reach
    grid = from_dense(torch.ones((side,) * 3, dtype=torch.bool))
    assert CASE.complete is not None
    logits = at_voxels(share(CASE.complete, factor), coordinates(grid)) - 0.5
    return LevelOutput(grid, logits, None, 0.45 * factor)


def test_the_truth_scores_full_marks() -> None:
    """But for the eight corners of a plate of 7 × 7 × 3 voxels, which cleaning takes off as it does from every implant."""
    scores = case_scores([truth_everywhere(4), truth_everywhere(2), truth_everywhere(1)], CASE)
    for name in ("dsc_0.45mm", "dsc_0.9mm", "dsc_1.8mm", "coverage_0.45mm"):
        assert scores[name] == 1.0
    assert scores["dsc"] == scores["bdsc"] == pytest.approx(2 * 139 / (147 + 139))
    assert scores["hd95"] == 0.0
    assert scores["voxels_1.8mm"] == (SIZE // 4) ** 3


def test_voxels_beyond_the_box_are_left_out() -> None:
    assert dense_implant(truth_everywhere(2, reach=3), CASE).shape == (SIZE // 2,) * 3
    assert level_scores(truth_everywhere(2, reach=3), CASE)["dsc"] == 1.0


def test_a_shell_on_bone_is_no_implant() -> None:
    """Regression: figures of training were of shells more than of implants, which lose them before they are written."""
    bone = from_dense(CASE.skull > 0)
    around = difference(dilate(bone, 1.0), from_dense(true_missing(CASE, 1)))
    shell = LevelOutput(around, torch.ones(len(around)), None, 0.45)
    assert level_scores(shell, CASE)["dsc"] == 0.0
    assert not dense_implant(shell, CASE).any()


def test_half_of_the_truth() -> None:
    missing = true_missing(CASE, 1)
    voxels = coordinates(from_dense(missing))
    half = torch.zeros_like(missing)
    x, y, z = voxels[: len(voxels) // 2, 1:].long().unbind(1)
    half[x, y, z] = True
    grid = from_dense(half)
    scores = level_scores(LevelOutput(grid, torch.ones(len(grid)), None, 0.45), CASE)
    assert scores["coverage"] == pytest.approx(0.5, abs=0.01)
    assert scores["dsc"] == pytest.approx(2 * len(grid) / (len(grid) + len(voxels)))


def test_nothing_grown_scores_zero_and_the_defective_skull_never_counts() -> None:
    scores = case_scores([LevelOutput(empty(), torch.zeros(0), None, 0.45)], CASE)
    assert (scores["dsc"], scores["bdsc"], scores["coverage_0.45mm"]) == (0.0, 0.0, 0.0)
    assert scores["hd95"] > 1
    bone = from_dense(CASE.skull > 0)
    assert not dense_implant(LevelOutput(bone, torch.ones(len(bone)), None, 0.45), CASE).any()


def test_a_whole_skull_needs_no_implant() -> None:
    assert CASE.complete is not None
    whole = CascadeInputs(CASE.complete, CASE.mirrored, CASE.field, CASE.complete)
    scores = level_scores(truth_everywhere(1), whole)
    assert (scores["dsc"], scores["coverage"]) == (1.0, 1.0)


def test_no_truth_no_figures() -> None:
    with pytest.raises(ValueError, match="no complete skull"):
        case_scores([truth_everywhere(1)], CascadeInputs(CASE.skull, CASE.mirrored, CASE.field))

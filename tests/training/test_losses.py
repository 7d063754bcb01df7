"""Losses by hand: tiny volumes, sums one can do on paper."""

import math

import pytest
import torch

from cranial_sparse.bricks import from_coordinates, from_dense
from cranial_sparse.config import LossConfig
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput
from cranial_sparse.training.losses import (
    at_voxels,
    cascade_loss,
    missing_dice_loss,
    novelty,
    pooling_factor,
    share,
    weighted_bce,
)
from tests.training.boxes import SIZE, box_case


def test_pooling_factors_of_the_levels() -> None:
    assert [pooling_factor(s) for s in (1.8, 0.9, 0.45)] == [4, 2, 1]


def test_share_of_set_voxels() -> None:
    volume = torch.zeros((4, 2, 2), dtype=torch.uint8)
    volume[0] = 1  # a face of the first block: 4 of 8
    volume[2, 1, 1] = 1  # a corner of the second: 1 of 8
    assert share(volume, 2).tolist() == [[[0.5]], [[0.125]]]
    assert share(volume, 1).dtype == torch.float32


def test_values_at_voxels_are_zero_outside() -> None:
    volume = torch.arange(8.0).reshape(2, 2, 2)
    voxels = torch.tensor([[0, 0, 0, 1], [0, 1, 1, 1], [0, -1, 0, 0], [0, 0, 2, 0]], dtype=torch.int32)
    assert at_voxels(volume, voxels).tolist() == [1.0, 7.0, 0.0, 0.0]


def test_bce_by_hand() -> None:
    logits, target = torch.tensor([0.0, 0.0, math.log(3.0)]), torch.tensor([0.0, 1.0, 0.5])
    # −ln ½, −ln ½, and −½·ln ¾ − ½·ln ¼
    third = -(math.log(0.75) + math.log(0.25)) / 2
    weight = torch.tensor([1.0, 0.0, 3.0])
    assert weighted_bce(logits, target, weight).item() == pytest.approx((math.log(2) + 3 * third) / 4)


def test_bce_of_nothing_is_zero() -> None:
    nothing = torch.zeros(0, requires_grad=True)
    loss = weighted_bce(nothing, torch.zeros(0), torch.zeros(0))
    loss.backward()
    assert loss.item() == 0


def test_dice_by_hand() -> None:
    logits, target, known = torch.zeros(3), torch.tensor([1.0, 0.5, 1.0]), torch.tensor([0.0, 0.0, 1.0])
    # p = ½, ½, – and t = 1, ½, –: 2·(½ + ¼) + 1 over (¼ + ¼) + (1 + ¼) + 1
    assert missing_dice_loss(logits, target, known).item() == pytest.approx(1 - 2.5 / 2.75)


def test_dice_is_lowest_at_the_soft_target() -> None:
    target, known = torch.tensor([0.2, 0.9, 0.5]), torch.zeros(3)
    best = missing_dice_loss(torch.logit(target), target, known)
    assert best.item() == pytest.approx(0.0, abs=1e-6)
    assert missing_dice_loss(torch.logit(target) + 0.3, target, known) > best + 1e-4


def one_voxel_level(spacing: float, logit: float, children: list[float] | None) -> LevelOutput:
    grid = from_coordinates(torch.zeros((1, 4), dtype=torch.int32))
    return LevelOutput(grid, torch.tensor([logit]), None if children is None else torch.tensor([children]), spacing)


def test_cascade_loss_by_hand() -> None:
    complete = torch.zeros((2, 2, 2), dtype=torch.uint8)
    complete[0] = 1  # half of the coarse voxel; children 0 to 3
    skull = torch.zeros_like(complete)
    skull[0, 0, 0] = 1  # an eighth of it; child 0
    inputs = CascadeInputs(skull, skull, torch.zeros((1, 1, 1)), complete)
    outputs = (one_voxel_level(0.9, 0.0, [0.0] * 8), one_voxel_level(0.45, math.log(3.0), None))
    config = LossConfig(bce=2.0, dice=3.0, children=5.0, known=0.1, levels=(7.0, 11.0))
    losses = cascade_loss(outputs, inputs, config)
    ln2 = math.log(2)
    # beyond the known eighth, 3 of 8 are predicted and 3 are missing
    coarse_dice = 0.0
    # of the children, each predicted at ½, three are missing, one is known and four are air
    child_dice = 1 - (2 * 3 * 0.5 + 1) / (7 * 0.25 + 3 + 1)
    fine_bce = -math.log(0.75)  # the one fine voxel, known bone, is its own weighted mean
    assert losses["bce_0.9mm"].item() == pytest.approx(ln2)
    assert losses["children_0.9mm"].item() == pytest.approx(ln2)
    assert losses["children_dice_0.9mm"].item() == pytest.approx(child_dice, abs=1e-6)
    assert losses["dice_0.9mm"].item() == pytest.approx(coarse_dice, abs=1e-6)
    assert losses["bce_0.45mm"].item() == pytest.approx(fine_bce)
    assert losses["dice_0.45mm"].item() == pytest.approx(0.0)  # nothing missing there
    assert losses["loss"].item() == pytest.approx(7 * (2 * ln2 + 3 * child_dice + 5 * ln2) + 11 * 2 * fine_bce)


def test_known_bone_counts_little() -> None:
    complete = torch.ones((1, 1, 2), dtype=torch.uint8)
    skull = torch.tensor([[[1, 0]]], dtype=torch.uint8)
    inputs = CascadeInputs(skull, skull, torch.zeros((1, 1, 1)), complete)
    grid = from_dense(torch.ones((1, 1, 2), dtype=torch.bool))
    logits = torch.zeros(2, requires_grad=True)
    config = LossConfig(dice=0.0, known=0.1, levels=(1.0,))
    cascade_loss([LevelOutput(grid, logits, None, 0.45)], inputs, config)["loss"].backward()
    assert logits.grad is not None
    assert (logits.grad[0] / logits.grad[1]).item() == pytest.approx(0.1)


def test_intact_surface_is_neither_news_nor_missing() -> None:
    """Regression: voxels that intact bone fills in part counted as missing bone, and as much as air does."""
    target, known = torch.tensor([0.5, 0.0, 0.5, 1.0]), torch.tensor([0.5, 0.0, 0.0, 0.5])
    torch.testing.assert_close(novelty(target, known, 0.1), torch.tensor([0.1, 1.0, 1.0, 0.55]))
    only_intact = missing_dice_loss(torch.tensor([0.0]), torch.tensor([0.5]), torch.tensor([0.5]))
    assert only_intact.item() == 0.0


def test_children_are_asked_to_overlap_as_their_parents_are() -> None:
    """Regression: with cross entropy alone they learned to take back what the parents' Dice term had grown."""
    case = box_case(0, 0)
    grid = from_dense(torch.ones((SIZE // 2,) * 3, dtype=torch.bool))
    children = torch.zeros((len(grid), 8), requires_grad=True)
    config = LossConfig(bce=0.0, children=0.0)
    cascade_loss([LevelOutput(grid, torch.zeros(len(grid)), children, 0.9)], case, config)["loss"].backward()
    assert children.grad is not None
    assert children.grad.any()


def test_what_cannot_be_learned_from_is_refused() -> None:
    case = box_case(0, 0)
    output = one_voxel_level(0.45, 0.0, None)
    with pytest.raises(ValueError, match="no complete skull"):
        cascade_loss([output], CascadeInputs(case.skull, case.mirrored, case.field), LossConfig(levels=(1.0,)))
    with pytest.raises(ValueError, match=r"loss\.levels: expected 2 weights"):
        cascade_loss([output, output], case, LossConfig(levels=(1.0,)))


def test_the_first_levels_may_come_alone() -> None:
    case, output = box_case(0, 0), one_voxel_level(0.45, 0.0, None)
    alone = cascade_loss([output], case, LossConfig(levels=(1.0,)))["loss"]
    assert torch.equal(cascade_loss([output], case, LossConfig())["loss"], alone)

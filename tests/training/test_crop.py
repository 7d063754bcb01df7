import pytest
import torch

from cranial_sparse.networks.cascade import CascadeInputs
from cranial_sparse.training.crop import random_box
from cranial_sparse.training.losses import share
from tests.training.boxes import box_case


def test_the_middle_is_missing_bone_and_the_seed_decides_which() -> None:
    case = box_case(0, 0)
    assert case.complete is not None
    missing = share(case.complete, 2) - share(case.skull, 2)
    lows = []
    for seed in range(20):
        low, high = random_box(case, 6, seed)
        assert (high - low).tolist() == [6, 6, 6]
        x, y, z = (low + 3).tolist()
        assert missing[x, y, z] > 0
        lows.append(tuple(low.tolist()))
    assert len(set(lows)) > 5
    assert tuple(random_box(case, 6, 0)[0].tolist()) == lows[0]


def test_a_whole_skull_is_cropped_around_bone() -> None:
    case = box_case(0, 0)
    low, _ = random_box(CascadeInputs(case.skull, case.mirrored, case.field, case.skull), 4, 1)
    x, y, z = (low + 2).tolist()
    assert share(case.skull, 2)[x, y, z] > 0


def test_air_cannot_be_cropped() -> None:
    air = torch.zeros((32, 32, 32), dtype=torch.uint8)
    with pytest.raises(ValueError, match="no bone"):
        random_box(CascadeInputs(air, air, torch.zeros((16, 16, 16)), air), 4, 0)

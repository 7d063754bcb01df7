from itertools import pairwise

import pytest

from cranial_sparse.training.schedule import item_seed, learning_rate_factor


def test_warm_up_then_cosine() -> None:
    factors = [learning_rate_factor(step, warmup=4, total=14, end=0.1) for step in range(16)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[9] == pytest.approx(0.1 + 0.9 / 2)  # half way down
    assert factors[14:] == pytest.approx([0.1, 0.1])
    assert all(a >= b for a, b in pairwise(factors[4:]))


def test_without_warm_up() -> None:
    assert learning_rate_factor(0, warmup=0, total=10, end=0.0) == 1.0


def test_item_seeds_differ_and_stay() -> None:
    seeds = {item_seed(seed, item) for seed in range(20) for item in range(200)}
    assert len(seeds) == 4000
    assert all(0 <= s < 2**63 for s in seeds)
    assert item_seed(1, 2) == 7764949442709860949

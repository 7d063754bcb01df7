"""Intervals of means over cases that share skulls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.metrics.bootstrap import interval_by_skull


def test_two_skulls_give_their_two_means():
    """A quarter of the resamples is one skull twice, and as many the other: both ends of the interval."""
    assert interval_by_skull([0.2, 0.4, 0.9], ["a", "a", "b"]) == pytest.approx((0.3, 0.9))


def test_skulls_are_resampled_not_cases():
    """Copies of every case tell nothing new: resampling cases would halve the interval."""
    values = np.random.default_rng(0).normal(size=12)
    names = [str(n) for n in range(12)]
    once = interval_by_skull(values.tolist(), names)
    assert once == pytest.approx(interval_by_skull(np.tile(values, 4).tolist(), names * 4))


def test_width_is_that_of_the_normal_theory():
    values = np.random.default_rng(1).normal(size=400)
    low, high = interval_by_skull(values.tolist(), [str(n) for n in range(400)]) or (0.0, 0.0)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)


def test_one_skull_or_none_says_nothing():
    assert interval_by_skull([0.1, 0.9], ["a", "a"]) is None
    assert interval_by_skull([], []) is None


@settings(max_examples=15, deadline=None)
@given(values=st.lists(st.floats(0, 100), min_size=2, max_size=20), skulls=st.integers(2, 5))
def test_repeatable_and_within_the_skulls_means(values: list[float], skulls: int):
    names = [str(n % skulls) for n in range(len(values))]
    found = interval_by_skull(values, names)
    assert found is not None
    assert found == interval_by_skull(values, names)
    means = [np.mean([v for v, n in zip(values, names, strict=True) if n == name]) for name in set(names)]
    assert min(means) - 1e-9 <= found[0] <= found[1] <= max(means) + 1e-9

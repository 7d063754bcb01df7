"""The expected overlap, against draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cranial_sparse.classical.uncertainty import Overlap, expected_overlap


def test_it_is_the_mean_over_draws() -> None:
    """Slabs of 60 voxels whose two ends move: DSC of what is claimed with what is there, drawn 4,000 times."""
    rng = np.random.default_rng(0)
    places = np.arange(200) * 0.1  # mm
    low, high, spread = 7.0, 13.0, 0.6
    depth = np.minimum(places - low, high - places)
    found = expected_overlap(depth, np.full(places.shape, spread)).dsc
    claimed = depth > 0
    scores = []
    for _ in range(4000):
        one, other = rng.normal(low, spread), rng.normal(high, spread)
        there = (places > one) & (places < other)
        scores.append(2 * (there & claimed).sum() / (there.sum() + claimed.sum()))
    assert found == pytest.approx(np.mean(scores), abs=0.005)


def test_certain_surfaces_expect_to_be_right() -> None:
    depth = np.array([-2.0, -1.0, 1.0, 2.0])
    assert expected_overlap(depth, np.zeros(4)).dsc == 1.0
    assert expected_overlap(np.array([]), np.array([])).dsc == 0.0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 3)), min_size=1, max_size=20), st.floats(1.1, 4))
def test_it_lies_between_0_and_1_and_parts_add_up(voxels: list[tuple[float, float]], more: float) -> None:
    depth, spread = np.array(voxels).T
    whole = expected_overlap(depth, spread)
    assert 0 <= whole.dsc <= 1
    parts = expected_overlap(depth[:1], spread[:1]) + expected_overlap(depth[1:], spread[1:])
    assert parts.both == pytest.approx(whole.both)
    assert parts.expected == pytest.approx(whole.expected)
    # a less certain claim overlaps less
    assert expected_overlap(depth, spread * more).both <= whole.both + 1e-9


def test_nothing_is_nothing() -> None:
    assert Overlap().dsc == 0.0

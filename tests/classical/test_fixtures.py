"""What stands out from a table is left out, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.classical.fixtures import FOOT, local_median, without_fixtures
from cranial_sparse.classical.maps import PIXELS, Rays

STANDS_OUT = 2.5  # mm
ROW, COLUMN = np.indices((PIXELS, PIXELS))
EXPECTED = 80 + 0.1 * ROW - 0.05 * COLUMN  # a tilted table
NO_HOLE = np.zeros((PIXELS, PIXELS), bool)


def disc(row: int, column: int, radius: float) -> np.ndarray:
    return np.hypot(ROW - row, COLUMN - column) <= radius


def kept(outer: np.ndarray, hole: np.ndarray = NO_HOLE) -> np.ndarray:
    rays = Rays(outer, outer - 6, np.ones_like(hole))
    left = without_fixtures(rays, EXPECTED, hole, STANDS_OUT)
    np.testing.assert_array_equal(np.isfinite(left.outer), np.isfinite(left.inner))
    known = np.isfinite(left.outer)
    np.testing.assert_array_equal(left.outer[known], outer[known])
    return known


def test_a_pin_and_its_foot_are_left_out() -> None:
    pin = disc(60, 70, 2)
    left = kept(EXPECTED + 6 * pin)
    assert not left[pin].any()
    assert left[~disc(60, 70, 3 + FOOT)].all()


@pytest.mark.parametrize("height", [-6.0, STANDS_OUT - 0.1])
def test_what_is_sunk_or_low_stays(height: float) -> None:
    """Sunk bone is bone; a suture or a ridge is no fixture."""
    assert kept(EXPECTED + height * disc(60, 70, 2)).all()


def test_a_head_that_is_larger_than_expected_stays() -> None:
    assert kept(EXPECTED * 1.05 + 3).all()


def test_a_hole_is_no_neighbour() -> None:
    """Regression: debris in a hole made its own height the usual one, so that the rim stood out."""
    hole = disc(80, 80, 20)
    outer = np.where(hole, EXPECTED - 5, EXPECTED)
    assert kept(outer, hole)[~hole].all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.5), st.integers(0, 2**31))
def test_the_median_is_one_of_its_neighbours(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((40, 40)) < share, np.nan, rng.normal(size=(40, 40)))
    found = local_median(values)
    low, high = np.nanmin(values), np.nanmax(values)
    assert ((found >= low) & (found <= high) | np.isnan(found)).all()
    constant = np.where(np.isnan(values), np.nan, 3.0)
    assert set(np.unique(local_median(constant)[~np.isnan(constant)])) == {3.0}


def test_nothing_known_nothing_told() -> None:
    assert np.isnan(local_median(np.full((30, 30), np.nan))).all()

"""Displacements that lay one map onto another, against shifts and bends that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cranial_sparse.classical.alignment import (
    Ridges,
    displaced,
    displaced_map,
    inverse,
    mirrored,
    register,
    ridges,
)
from cranial_sparse.classical.maps import PIXELS

EVERYWHERE = np.ones((PIXELS, PIXELS), bool)
X, Y = np.indices((PIXELS, PIXELS)).astype(float)


def smooth(seed: int, size: float, length: float = 20.0) -> np.ndarray:
    """A displacement of at most ``size`` pixels that changes over ``length`` pixels."""
    random = gaussian_filter(np.random.default_rng(seed).standard_normal((2, PIXELS, PIXELS)), (0, length, length))
    return size * random / np.abs(random).max()


def landscape(seed: int = 0) -> np.ndarray:
    """Bumps of 2 mm, some ten pixels wide."""
    bumps = gaussian_filter(np.random.default_rng(seed).standard_normal((PIXELS, PIXELS)), 4.0)
    return 90 + 2 * bumps / bumps.std()


def seen(outer: np.ndarray) -> Ridges:
    return ridges(outer, np.full_like(outer, 6.0), EVERYWHERE, EVERYWHERE)


def test_a_shift_by_whole_pixels_is_read_there() -> None:
    image = landscape()
    u = np.zeros((2, PIXELS, PIXELS))
    u[0], u[1] = 3, -2
    np.testing.assert_allclose(displaced(image, u)[10:-10, 10:-10], image[13:-7, 8:-12])
    both = displaced(np.stack([image, 2 * image]), u)
    np.testing.assert_allclose(both[1], 2 * displaced(image, u))


def test_what_is_not_known_stays_so() -> None:
    values = landscape()
    values[40:60, 40:60] = np.nan
    moved = displaced_map(values, np.array([0.4, 0.0])[:, None, None] + np.zeros((2, PIXELS, PIXELS)))
    assert np.isnan(moved[40:60, 40:60]).all()
    assert np.isfinite(moved[:40]).all()
    assert np.isfinite(moved[60:]).all()
    beside = values[39, 45:55]  # four tenths of what is read here are hidden: its neighbour stands for them
    np.testing.assert_allclose(moved[39, 45:55], beside)
    assert np.isnan(displaced_map(np.full_like(values, np.nan), smooth(0, 2))).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), size=st.floats(0.5, 6))
def test_the_way_back(seed: int, size: float) -> None:
    u = smooth(seed, size)
    back = inverse(u)
    there_and_back = back + displaced(u, back)
    assert np.abs(there_and_back[:, 10:-10, 10:-10]).max() < 1e-3


def test_a_mirrored_head_moves_the_other_way() -> None:
    image, u = landscape(), smooth(1, 4)
    np.testing.assert_allclose(displaced(image[::-1], mirrored(u)), displaced(image, u)[::-1], atol=1e-9)
    np.testing.assert_array_equal(mirrored(mirrored(u)), u)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_bend_is_found(seed: int) -> None:
    head, bend = landscape(seed), smooth(seed + 10, 4)
    found = register(seen(head), seen(displaced(head, bend)))
    inside = slice(20, -20)
    left = np.hypot(*(found - bend))[inside, inside]
    assert left.mean() < 0.5
    assert np.hypot(*bend)[inside, inside].mean() > 1.2


def test_nothing_moves_what_lies_right() -> None:
    head = seen(landscape())
    assert np.abs(register(head, head)).max() < 1e-9


def test_what_counts_nothing_says_nothing() -> None:
    head, fixed = seen(landscape()), seen(landscape(5))
    weight = head.weight.copy()
    weight[:, 60:100, 60:100] = 0
    odd = head.height.copy()
    odd[:, 62:98, 62:98] = 3.0
    found = [register(Ridges(height, weight), fixed) for height in (head.height, odd)]
    # heights are averaged by weight before they are compared, and read between pixels after: the edge alone is in reach
    np.testing.assert_allclose(found[0][:, :40], found[1][:, :40], atol=0.05)


def test_ridges_stand_out_over_what_is_around_them() -> None:
    flat = ridges(80 + 0.1 * X, np.full_like(X, 6.0), EVERYWHERE, EVERYWHERE)
    assert np.abs(flat.height[:, 55:-55, 55:-55]).max() < 1e-4
    ridge = ridges(80 + 3 * np.exp(-(((X - 80) / 3) ** 2) / 2), np.full_like(X, 6.0), EVERYWHERE, EVERYWHERE)
    assert 1.5 < ridge.height[0, 80, 80] < 3
    assert ridge.height[0, 92, 80] < 0
    known = X < 90
    cut = ridges(np.where(known, 80.0, np.nan), np.full_like(X, 6.0), known, known & (Y > 50))
    assert not cut.height[0, 90:].any()
    assert not cut.weight[0, 90:].any()
    assert np.abs(cut.height).max() < 1e-9  # an edge is no ridge
    assert not cut.weight[1, :, :51].any()
    assert cut.weight[0, 85:90].max() < cut.weight[0, 40:80, 40:120].min() == 1
    assert not cut.weight[:, 2, 2].any()  # beyond the disc, whatever is met there

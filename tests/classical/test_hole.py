"""What counts as a hole, on the mean head's own table, where the size of a gap is known."""

import numpy as np
import pytest

from cranial_sparse.classical.hole import FRONT, ORBITS, find_hole
from cranial_sparse.classical.maps import PIXEL_MM, Rays, directions
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS

VERTEX, ORBIT, TEMPLE = (0.0, 0.0, 1.0), (0.38, -0.92, -0.1), (0.95, 0.0, 0.1)


def gap(middle: tuple[float, float, float], size: float) -> np.ndarray:
    """The pixels [P, P] of a round gap of so many mm² of what practically every skull has."""
    unit, inside = directions()
    near = (unit @ middle / np.linalg.norm(middle)) * inside * (shipped_model().presence > 0.99)
    order = np.argsort(-near, axis=None)[: round(size / PIXEL_MM**2)]
    found = np.zeros(near.shape, bool)
    found.flat[order] = True
    return found


def hole_of(missing: np.ndarray) -> np.ndarray:
    model = shipped_model()
    outer = np.where(missing, np.nan, model.outer.mean)
    return find_hole(Rays(outer, outer - 6, np.ones_like(missing)), model.outer.mean, model)


@pytest.mark.parametrize(
    ("middle", "size", "found"),
    [(VERTEX, 300, False), (VERTEX, 800, True), (TEMPLE, 800, True), (ORBIT, 800, False), (ORBIT, 1800, True)],
)
def test_orbits_reach_up_farther_than_other_gaps(middle: tuple[float, float, float], size: float, found: bool) -> None:
    """Regression: in heads ten percent lower than usual, orbits were filled."""
    missing = gap(middle, size)
    hole = hole_of(missing)
    assert hole.any() == found
    if found:
        assert (hole & missing).sum() > 0.9 * missing.sum()


def test_a_gap_that_leaves_the_orbits_is_a_hole_as_anywhere() -> None:
    unit, _ = directions()
    missing = gap((0.3, -0.9, 0.22), 800)
    assert (unit[missing][:, 2] > ORBITS).any()
    assert (unit[missing][:, 1] < FRONT).all()
    assert hole_of(missing).any()


def test_what_the_scan_does_not_show_is_no_hole() -> None:
    missing, model = gap(VERTEX, 1500), shipped_model()
    outer = np.where(missing, np.nan, model.outer.mean)
    assert not find_hole(Rays(outer, outer - 6, ~missing), model.outer.mean, model, SHIPPED_SETTINGS).any()

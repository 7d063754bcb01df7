"""DSC and bDSC against values worked out by hand and against a whole-volume oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cranial_sparse.metrics import bdsc, dsc, sdi

SHAPE = (9, 7, 8)


def box(*slices: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[slices] = True
    return mask


def masks(seed: int, density: float) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE) < density


def test_dsc_of_half_overlapping_slabs():
    assert dsc(box(slice(0, 4)), box(slice(2, 6))) == pytest.approx(0.5)
    assert sdi(box(slice(0, 4)), box(slice(2, 6))) == pytest.approx(0.5)


def test_dsc_of_contained_mask():
    assert dsc(box(slice(0, 3)), box(slice(0, 1))) == pytest.approx(2 * 1 / (3 + 1))


def test_empty_masks():
    full, empty = box(slice(0, 2)), np.zeros(SHAPE, bool)
    assert dsc(empty, full) == dsc(full, empty) == 0.0
    assert dsc(empty, empty) == 1.0
    assert bdsc(empty, full, full, (1, 1, 1)) == bdsc(full, empty, full, (1, 1, 1)) == 0.0
    assert bdsc(empty, empty, full, (1, 1, 1)) == 1.0


def test_empty_prediction_scores_zero_even_where_the_truth_is_far_from_the_skull():
    assert bdsc(np.zeros(SHAPE, bool), box(slice(8, 9)), box(slice(0, 1)), (1, 1, 1), within=2) == 0.0


def test_bdsc_counts_only_voxels_within_the_distance():
    """Skull is the plane x = 0; within 2 mm at 1 mm spacing are the planes x = 1 and x = 2."""
    skull = box(slice(0, 1))
    prediction, truth = box(slice(1, 6)), box(slice(2, 9))
    assert bdsc(prediction, truth, skull, (1, 1, 1), within=2) == pytest.approx(2 * 1 / (2 + 1))


def test_bdsc_uses_millimetres_along_each_axis():
    """At 2 mm spacing along x, only the plane x = 1 is within 3 mm of x = 0."""
    skull = box(slice(0, 1))
    assert bdsc(box(slice(1, 3)), box(slice(1, 2)), skull, (2, 0.5, 0.5), within=3) == 1.0
    assert bdsc(box(slice(1, 3)), box(slice(1, 2)), skull, (1, 1, 1), within=3) == pytest.approx(2 / 3)


def test_bdsc_includes_voxels_at_exactly_the_distance():
    assert bdsc(box(slice(3, 4)), box(slice(3, 5)), box(slice(0, 1)), (1, 1, 1), within=3) == 1.0


def test_bdsc_without_a_skull_nearby_has_nothing_to_compare():
    assert bdsc(box(slice(8, 9)), box(slice(7, 8)), np.zeros(SHAPE, bool), (1, 1, 1)) == 1.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), within=st.floats(0.5, 6), density=st.sampled_from([0.004, 0.03, 0.3]))
def test_bdsc_equals_the_uncropped_definition(seed: int, within: float, density: float):
    p, g, d = masks(seed, density), masks(seed + 1, density), masks(seed + 2, density)
    spacing = (0.4, 0.7, 1.1)
    if not (p.any() and g.any() and d.any()):
        return
    near = ndimage.distance_transform_edt(~d, sampling=spacing) <= within
    assert bdsc(p, g, d, spacing, within) == dsc(p & near, g & near)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.0, 0.02, 0.5]))
def test_symmetric_and_in_range(seed: int, density: float):
    p, g, d = masks(seed, density), masks(seed + 1, 0.1), masks(seed + 2, 0.1)
    assert 0 <= dsc(p, g) == dsc(g, p) <= 1
    assert bdsc(p, g, d, (1, 2, 1), 2) == bdsc(g, p, d, (1, 2, 1), 2)
    assert dsc(g, g) == bdsc(g, g, d, (1, 1, 1)) == 1

"""Coverage and intrusion against values worked out by hand and against a table of all distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.metrics import coverage, intrusion

SHAPE = (12, 4, 4)
ONE = (1.0, 1.0, 1.0)


def slab(start: int, stop: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[start:stop] = True
    return mask


def test_a_short_implant_leaves_a_gap():
    """Truth has 8 planes, prediction 3 of them; the next two are within 2 mm, three are not covered."""
    assert coverage(slab(0, 3), slab(0, 8), ONE) == pytest.approx(5 / 8)
    assert intrusion(slab(0, 3), slab(0, 8), ONE) == 0


def test_a_long_implant_intrudes():
    assert intrusion(slab(0, 8), slab(0, 3), ONE) == pytest.approx(3 / 8)
    assert coverage(slab(0, 8), slab(0, 3), ONE) == 1


def test_the_tolerance_is_in_millimetres_and_inclusive():
    assert coverage(slab(0, 3), slab(0, 8), (0.5, 3.0, 3.0)) == pytest.approx(7 / 8)
    assert coverage(slab(0, 3), slab(0, 8), (3.0, 0.1, 0.1)) == pytest.approx(3 / 8)


def test_empty_masks():
    some, none = slab(1, 3), slab(0, 0)
    assert (coverage(none, none, ONE), intrusion(none, none, ONE)) == (1, 0)
    assert (coverage(none, some, ONE), intrusion(none, some, ONE)) == (0, 1)
    assert (coverage(some, none, ONE), intrusion(some, none, ONE)) == (0, 1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.01, 0.1, 0.6]), within=st.floats(0.3, 4))
def test_equals_all_pairs(seed: int, density: float, within: float):
    rng = np.random.default_rng(seed)
    p, g = rng.random((6, 5, 7)) < density, rng.random((6, 5, 7)) < 0.1
    spacing = np.array([0.5, 1.25, 2.0])
    if p.any() and g.any():
        table = np.linalg.norm((np.argwhere(g)[:, None] - np.argwhere(p)[None]) * spacing, axis=-1)
        steps = (0.5, 1.25, 2.0)
        assert coverage(p, g, steps, within) == pytest.approx(np.mean(table.min(1) <= within))
        assert intrusion(p, g, steps, within) == pytest.approx(np.mean(table.min(0) > within))

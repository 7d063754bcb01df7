"""Similarities are recovered, without reflection."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.tps.procrustes import fit_similarity


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.integers(4, 40))
def test_a_similarity_is_recovered(seed: int, scale: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3) * 100
    points = rng.normal(size=(count, 3)) * 50
    found = fit_similarity(points, scale * points @ turn.T + shift)
    assert found.scale == pytest.approx(scale)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-8)
    np.testing.assert_allclose(found.shift, shift, atol=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_mirror_image_is_not_reflected_back(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(20, 3))
    found = fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_no_other_similarity_is_nearer() -> None:
    rng = np.random.default_rng(0)
    points, targets = rng.normal(size=(2, 15, 3))
    found = fit_similarity(points, targets)
    least = ((found(points) - targets) ** 2).sum()
    for _ in range(50):
        nudged = Rotation.from_rotvec(rng.normal(size=3) * 0.05).as_matrix() @ found.rotation
        other = (found.scale + rng.normal() * 0.05) * points @ nudged.T + found.shift + rng.normal(size=3) * 0.05
        assert ((other - targets) ** 2).sum() > least


def test_points_on_a_line_are_an_error() -> None:
    line = np.arange(5.0)[:, None] * [1, 2, 3]
    with pytest.raises(ValueError, match="not on a line"):
        fit_similarity(line, line)

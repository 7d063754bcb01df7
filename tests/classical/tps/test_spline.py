"""What thin-plate splines owe exactly: control points, affine maps, energies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from cranial_sparse.classical.tps.spline import bending_energy, bending_matrix, fit_spline

seeds = st.integers(0, 2**32 - 1)


def points(seed: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-90, 90, (count, 3))


def affine(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 3)), rng.normal(size=3) * 50


@settings(deadline=None)
@given(seeds, st.integers(5, 60))
def test_control_points_are_met(seed: int, count: int) -> None:
    sources, targets = points(seed, count), points(seed + 1, count)
    np.testing.assert_allclose(fit_spline(sources, targets)(sources), targets, atol=1e-6)


@settings(deadline=None)
@given(seeds)
def test_affine_maps_are_reproduced_everywhere(seed: int) -> None:
    matrix, shift = affine(seed)
    sources, elsewhere = points(seed), points(seed + 1, 50)
    spline = fit_spline(sources, sources @ matrix.T + shift)
    np.testing.assert_allclose(spline(elsewhere), elsewhere @ matrix.T + shift, atol=1e-6)


@settings(deadline=None)
@given(seeds)
def test_affine_maps_cost_no_bending_and_others_do(seed: int) -> None:
    matrix, shift = affine(seed)
    sources = points(seed)
    energy = bending_matrix(sources)
    assert abs(bending_energy(energy, sources @ matrix.T + shift)) < 1e-6
    assert bending_energy(energy, points(seed + 1)) > 1.0


@settings(deadline=None)
@given(seeds)
def test_energy_is_that_of_the_splines_own_weights(seed: int) -> None:
    """-wᵀ K w of the fitted weights, the other way to write it (Bookstein 1989)."""
    sources, targets = points(seed), points(seed + 1)
    weights = fit_spline(sources, targets).weights
    kernel = -np.linalg.norm(sources[:, None] - sources, axis=-1)
    assert bending_energy(bending_matrix(sources), targets) == pytest.approx(
        np.sum(weights * (kernel @ weights)), rel=1e-6
    )


def test_agrees_with_scipy() -> None:
    """An independent solver of the same system."""
    sources, targets, elsewhere = points(0), points(1), points(2, 40)
    for smoothing in (0.0, 7.0):
        oracle = RBFInterpolator(sources, targets, smoothing=smoothing, kernel="linear", degree=1)
        np.testing.assert_allclose(fit_spline(sources, targets, smoothing)(elsewhere), oracle(elsewhere), atol=1e-6)


def test_smoothing_bends_less() -> None:
    sources, targets = points(0), points(1)
    energy = bending_matrix(sources)
    bent = [bending_energy(energy, fit_spline(sources, targets, s)(sources)) for s in (0.0, 10.0, 1e9)]
    assert bent[0] > bent[1] > bent[2]
    assert bent[2] < 1e-3 * bent[0]


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (points(0, 3), "four points or more"),
        (points(0) * [1, 1, 0], "do not lie in a plane"),
        (np.concatenate([points(0), points(0)]), "the same one twice"),
    ],
    ids=["three", "in a plane", "twice"],
)
def test_what_cannot_be_solved_is_an_error(sources: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fit_spline(sources, sources)

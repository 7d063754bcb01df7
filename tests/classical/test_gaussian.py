"""Conditional Gaussian maps against closed forms and against what they were drawn from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from cranial_sparse.classical import gaussian
from cranial_sparse.classical.gaussian import (
    Kernel,
    MapModel,
    complete_map,
    complete_map_and_spread,
    conditional,
    conditional_mean,
    fit_map_model,
)
from cranial_sparse.classical.maps import PIXELS, directions

SURFACE = directions()[0] * 90.0
KERNEL = Kernel(length=20.0, noise=0.1, mirror=0.5)


def smooth_modes(count: int) -> np.ndarray:
    """[count, P, P] smooth symmetric patterns over the vault."""
    x, y, z = np.moveaxis(directions()[0], -1, 0)
    return np.stack([np.cos((k + 1) * y) * (1 + 0.2 * k * z) + x**2 for k in range(count)])


def hole() -> np.ndarray:
    mask = np.zeros((PIXELS, PIXELS), bool)
    mask[60:85, 90:115] = True
    return mask


def test_a_map_made_of_the_modes_is_completed_exactly() -> None:
    modes = smooth_modes(3)
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), modes, np.full((PIXELS, PIXELS), 1e-3))
    truth = model.mean + np.tensordot([1.5, -0.7, 0.4], modes, 1)
    found = complete_map(truth, ~hole(), hole(), model, SURFACE, KERNEL)
    np.testing.assert_allclose(found, truth[hole()], atol=0.02)


def test_far_from_data_the_completion_returns_to_the_mean() -> None:
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    far = np.zeros((PIXELS, PIXELS), bool)
    far[20:140, 20:140] = True
    found = complete_map(model.mean + 3.0, ~far, far, model, SURFACE, Kernel(length=5.0, noise=0.1, mirror=0.0))
    image = np.zeros((PIXELS, PIXELS))
    image[far] = found
    assert abs(image[80, 80] - 90) < 0.01
    assert image[20, 80] > 91  # by the rim the data are believed


def test_the_other_side_informs_a_hole_when_heads_are_symmetric() -> None:
    x = directions()[0][..., 0]
    bump = 2.0 * np.exp(-((np.abs(x) - 0.55) ** 2) / 0.02)  # the same on both sides
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    side = np.zeros((PIXELS, PIXELS), bool)
    side[95:150, 40:120] = True
    error = {}
    for mirror in (0.0, 0.8):
        found = complete_map(90 + bump, ~side, side, model, SURFACE, Kernel(20.0, 0.1, mirror))
        error[mirror] = np.abs(found - (90 + bump)[side]).mean()
    assert error[0.8] < 0.5 * error[0.0]


def test_nothing_known_is_an_error() -> None:
    model = MapModel(np.zeros((PIXELS, PIXELS)), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    with pytest.raises(ValueError, match="known"):
        complete_map(model.mean, np.zeros_like(hole()), hole(), model, SURFACE, KERNEL)


@pytest.mark.parametrize("kernel", [KERNEL, replace(KERNEL, length=40.0, short=12.0)])
def test_mean_and_spread_are_those_of_the_joint_gaussian(kernel: Kernel) -> None:
    """Against numpy's textbook formula on the whole covariance of 40 pixels."""
    lengths = (kernel.length, kernel.short or kernel.length)
    rng = np.random.default_rng(3)
    chosen = np.zeros((PIXELS, PIXELS), bool)
    chosen.ravel()[rng.choice(np.flatnonzero(directions()[1]), 40, replace=False)] = True
    target = chosen & (rng.random(chosen.shape) < 0.4)
    data = chosen & ~target
    modes = rng.standard_normal((2, PIXELS, PIXELS))
    model = MapModel(np.full(chosen.shape, 90.0), modes, 0.5 + rng.random(chosen.shape))
    values = 90 + rng.standard_normal(chosen.shape)

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        apart = lambda p, q: np.sqrt(3) * np.linalg.norm(p[:, None] - q, axis=-1)  # noqa: E731
        matern = lambda r: np.mean([(1 + r / one) * np.exp(-r / one) for one in lengths], 0)  # noqa: E731
        both = matern(apart(SURFACE[a], SURFACE[b]))
        both = both + kernel.mirror * matern(apart(SURFACE[a], SURFACE[b] * [-1, 1, 1]))
        return both * model.spread[a][:, None] * model.spread[b] + modes[:, a].T @ modes[:, b]

    known = covariance(data, data) + kernel.noise**2 * np.eye(data.sum())
    gain = covariance(target, data) @ np.linalg.inv(known)
    mean, spread = conditional(values, data, target, model, SURFACE, kernel)
    np.testing.assert_allclose(mean, 90 + gain @ (values[data] - 90), atol=1e-6)
    remaining = covariance(target, target) - gain @ covariance(data, target)
    np.testing.assert_allclose(spread, np.sqrt(np.diag(remaining)), atol=1e-6)
    np.testing.assert_array_equal(mean, conditional_mean(values, data, target, model, SURFACE, kernel))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), smooth_modes(2), np.ones((PIXELS, PIXELS)))
    values = 90 + smooth_modes(1)[0]
    whole = complete_map_and_spread(values, ~hole(), hole(), model, SURFACE, KERNEL)
    assert hole().sum() % 100
    monkeypatch.setattr(gaussian, "CHUNK", 100)
    for one, other in zip(whole, complete_map_and_spread(values, ~hole(), hole(), model, SURFACE, KERNEL), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_rim_is_read_at_every_pixel() -> None:
    """A ripple of two pixels beside the hole: read at every second pixel, it would look like a shift of the whole table."""
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    ripple = 90 + np.indices((PIXELS, PIXELS)).sum(0) % 2 * 1.0
    found = np.zeros(hole().shape)
    found[hole()] = complete_map(ripple, ~hole(), hole(), model, SURFACE, Kernel(40.0, 0.5, 0.0))
    np.testing.assert_allclose(found[60:85, 90], 90.5, atol=0.1)


def test_the_middle_of_a_hole_is_less_sure_than_its_rim() -> None:
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    _, found = complete_map_and_spread(model.mean, ~hole(), hole(), model, SURFACE, KERNEL)
    spread = np.zeros(hole().shape)
    spread[hole()] = found
    assert spread[72, 102] > 2 * spread[60, 102] > 0
    assert spread.max() < np.sqrt(1 + KERNEL.mirror)


def drawn(seed: int) -> tuple[MapModel, np.ndarray, np.ndarray]:
    """A model without modes, a map [P, P] drawn from it with noise of 0.1 mm where ``known``, and those pixels."""
    rng = np.random.default_rng(seed)
    model = MapModel(np.full((PIXELS, PIXELS), 90.0), np.zeros((1, PIXELS, PIXELS)), np.ones((PIXELS, PIXELS)))
    known = np.zeros((PIXELS, PIXELS), bool)
    known[50:95:3, 80:125:3] = True
    known &= ~hole()
    covariance = gaussian._covariance(np.nonzero(known), np.nonzero(known), model, SURFACE, KERNEL).numpy()
    values = model.mean.astype(float).copy()
    values[known] += np.linalg.cholesky(covariance + 0.01 * np.eye(len(covariance))) @ rng.normal(size=len(covariance))
    return model, values, known


def test_noise_of_an_outlier_makes_it_as_likely_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out by hand, each reading is within two standard deviations of the others, its noise included."""
    model, values, known = drawn(0)
    readings = np.nonzero(known)
    deviation = torch.from_numpy(values[readings] - model.mean[readings])
    deviation[[5, 40]] += torch.tensor([3.0, -2.0])
    covariance = gaussian._covariance(readings, readings, model, SURFACE, KERNEL)
    monkeypatch.setattr(gaussian, "REWEIGHTINGS", 20)  # what two of them are on the way to
    weights, noise = gaussian._weights(covariance, deviation, replace(KERNEL, outlier=2.0))
    assert (noise[[5, 40]] > 1).all()
    assert (noise < 0.011).float().mean() > 0.85
    for k in (5, 40, 7):
        others = [i for i in range(len(noise)) if i != k]
        row = covariance[k, others]
        inverse = torch.linalg.inv(covariance[others][:, others] + torch.diag(noise[others]))
        error = deviation[k] - row @ inverse @ deviation[others]
        variance = covariance[k, k] - row @ inverse @ row + noise[k]
        assert abs(error) <= 2.05 * variance.sqrt()
    assert_close(weights, torch.linalg.solve(covariance + torch.diag(noise), deviation))
    assert (gaussian._weights(covariance, deviation, KERNEL)[1] == KERNEL.noise**2).all()


def test_a_map_is_not_bent_by_a_bump() -> None:
    """Regression: one pin, six millimetres high, moved the completed table by three."""
    model, values, known = drawn(1)
    clean = conditional_mean(values, known, hole(), model, SURFACE, KERNEL)
    row, column = np.argwhere(known)[np.linalg.norm(np.argwhere(known) - [72, 86], axis=1).argmin()]
    values[row, column] += 6
    bent = conditional_mean(values, known, hole(), model, SURFACE, KERNEL)
    robust = conditional_mean(values, known, hole(), model, SURFACE, replace(KERNEL, outlier=2.0))
    assert np.abs(bent - clean).max() > 0.5
    assert np.abs(robust - clean).max() < 0.25 * np.abs(bent - clean).max()


def test_fitting_recovers_modes_although_pixels_are_missing() -> None:
    rng = np.random.default_rng(0)
    modes = smooth_modes(2)
    weights = rng.standard_normal((30, 2)) * [2.0, 1.0]
    maps = 90 + np.tensordot(weights, modes, 1)
    valid = rng.random(maps.shape) > 0.03
    model = fit_map_model(np.where(valid, maps, np.nan), valid, modes=2)
    basis = model.modes.reshape(2, -1)
    share = np.linalg.lstsq(basis.T, (maps - model.mean).reshape(30, -1).T, rcond=None)[0]
    rebuilt = (basis.T @ share).T.reshape(maps.shape)
    error = np.abs(rebuilt - (maps - model.mean))
    assert np.median(error) < 0.05  # against maps that vary by 2 mm
    assert error.max() < 1.0
    assert np.median(model.spread) < 0.1


def test_the_fit_is_symmetric() -> None:
    rng = np.random.default_rng(1)
    maps = 90 + rng.standard_normal((5, PIXELS, PIXELS))
    model = fit_map_model(maps, np.ones_like(maps, bool), modes=2)
    np.testing.assert_allclose(model.mean, model.mean[::-1], atol=1e-4)
    np.testing.assert_allclose(model.spread, model.spread[::-1], atol=1e-4)


def test_a_covariance_made_in_pieces_is_that_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _, known = drawn(2)
    readings = np.nonzero(known)
    whole = gaussian._covariance(readings, readings, model, SURFACE, KERNEL)
    for chunk in (1, 7, len(whole), 1000):
        monkeypatch.setattr(gaussian, "CHUNK", chunk)
        assert_close(gaussian._lower_covariance(readings, model, SURFACE, KERNEL).tril(), whole.tril())

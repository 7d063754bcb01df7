"""The pieces of the shape model's recipe that need no skulls."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cranial_sparse.classical.alignment import displaced, mirrored
from cranial_sparse.classical.maps import PIXELS
from cranial_sparse.classical.orbital import SHAPE
from cranial_sparse.classical.radial_model import PosedMaps, RadialModel, fit_aligned_model, fit_radial_model
from experiments.build_radial import SIZE, aligned, mean_map, rigid


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as workers:
        yield workers


def maps(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 80 + rng.normal(0, 2, (count, 1, 1)) + rng.normal(0, 0.5, (count, PIXELS, PIXELS))


def test_the_mean_map_is_symmetric_and_has_no_gaps() -> None:
    radii = maps(10)
    radii[:, :20] = np.nan  # a region that no skull shows
    radii[:8, 100:, 50] = np.nan  # and one that few show
    radii[3, 60:70, 60:70] = 300.0  # a tube in front of one skull
    mean = mean_map(radii)
    assert np.isfinite(mean).all()
    np.testing.assert_allclose(mean, mean[::-1])
    assert np.abs(mean - 80).max() < 3


def test_a_rigid_head_has_its_size_alone() -> None:
    mean = maps(1)[0]
    model = rigid(mean)
    assert model.modes.shape == (1, PIXELS, PIXELS)
    np.testing.assert_allclose(model.modes[0] / model.mean, SIZE, rtol=1e-5)
    assert not model.spread.any()


@pytest.fixture(scope="module")
def posed() -> PosedMaps:
    outer = maps(16)
    rng = np.random.default_rng(1)
    orbit = rng.normal(0, 1, (16, *SHAPE)).astype(np.float32)
    still = np.zeros((16, 2, PIXELS, PIXELS))
    return PosedMaps(outer, outer - 6, np.ones(outer.shape, bool), orbit, np.ones(orbit.shape, bool), still)


def test_the_model_of_made_up_heads_is_what_they_were_made_of(posed: PosedMaps) -> None:
    outer = posed.outer.copy()
    outer[2, 30, 40] = 200.0  # another bone: no table is 120 mm from the mean
    model = fit_radial_model(replace(posed, outer=outer), np.full(outer.shape[1:], 80.0))
    np.testing.assert_allclose(model.thickness.mean, 6, atol=1e-4)
    assert abs(model.outer.mean[30, 40] - 80) < 3
    assert model.presence[30, 40] == pytest.approx(1 - 0.5 / 16)  # averaged with its mirror image
    assert model.outer.modes[0].std() < 0.2 * np.abs(model.outer.modes[0]).mean()  # size comes first


def test_some_skulls_of_many(posed: PosedMaps) -> None:
    chosen = np.arange(16) % 2 == 0
    part = posed[chosen]
    np.testing.assert_array_equal(part.outer, posed.outer[chosen])
    assert len(part.orbit_seen) == 8


def test_heads_that_are_laid_onto_one_another_vary_less(pool: ThreadPoolExecutor) -> None:
    """One ridge, up to seven millimetres from where it is in the others."""
    x = np.arange(PIXELS)[:, None] - np.array([76, 78, 80, 82, 84])[:, None, None]
    outer = 80 + 3 * np.exp(-((x / 3) ** 2) / 2) + np.zeros((5, PIXELS, PIXELS))
    mean = np.full(outer.shape[1:], 80.0)
    u = aligned(outer, outer - 6, mean, pool)
    shown = np.ones(outer.shape, bool)
    model = fit_aligned_model(PosedMaps(outer, outer - 6, shown, shown, shown, u), mean)
    moved = np.stack([displaced(one, by) for one, by in zip(outer, u, strict=True)])
    middle = slice(60, 100), slice(40, 120)
    assert moved[:, *middle].std(0).max() < 0.35 * outer[:, *middle].std(0).max()
    assert u.mean(0) + mirrored(u.mean(0)) == pytest.approx(0, abs=1e-9)
    ridge = model.ridges.height[0, :, 80]
    np.testing.assert_allclose(ridge, ridge[::-1])
    assert ridge.argmax() in (79, 80)


def test_the_aligned_part_survives_the_file(posed: PosedMaps) -> None:
    model = fit_radial_model(posed, np.full((PIXELS, PIXELS), 80.0))
    again = RadialModel.from_bytes(model.to_bytes(), model.aligned.to_bytes()).aligned
    np.testing.assert_allclose(again.outer.modes, model.aligned.outer.modes, atol=2e-3)
    np.testing.assert_allclose(again.thickness.mean, model.aligned.thickness.mean, atol=1e-6)
    np.testing.assert_allclose(again.ridges.height, model.aligned.ridges.height, atol=2e-3)
    np.testing.assert_allclose(again.ridges.weight, model.aligned.ridges.weight, atol=1e-3)


def test_the_orbital_part_survives_the_file(posed: PosedMaps) -> None:
    model = fit_radial_model(posed, np.full((PIXELS, PIXELS), 80.0))
    again = RadialModel.from_bytes(model.to_bytes(), model.aligned.to_bytes())
    assert again.orbit.modes.shape == model.orbit.modes.shape
    np.testing.assert_allclose(again.orbit.modes, model.orbit.modes, atol=2e-3)

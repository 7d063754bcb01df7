"""The pieces of the shape model's recipe that need no skulls."""

import numpy as np
import pytest

from cranial_sparse.classical.maps import PIXELS
from cranial_sparse.classical.orbital import SHAPE
from cranial_sparse.classical.radial_model import PosedMaps, RadialModel, fit_radial_model
from experiments.build_radial import SIZE, mean_map, rigid


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
    return PosedMaps(outer, outer - 6, np.ones(outer.shape, bool), orbit, np.ones(orbit.shape, bool))


def test_the_model_of_made_up_heads_is_what_they_were_made_of(posed: PosedMaps) -> None:
    outer = posed.outer.copy()
    outer[2, 30, 40] = 200.0  # another bone: no table is 120 mm from the mean
    model = fit_radial_model(
        PosedMaps(outer, posed.inner, posed.in_view, posed.orbit, posed.orbit_seen), np.full(outer.shape[1:], 80.0)
    )
    np.testing.assert_allclose(model.thickness.mean, 6, atol=1e-4)
    assert abs(model.outer.mean[30, 40] - 80) < 3
    assert model.presence[30, 40] == pytest.approx(1 - 0.5 / 16)  # averaged with its mirror image
    assert model.outer.modes[0].std() < 0.2 * np.abs(model.outer.modes[0]).mean()  # size comes first


def test_some_skulls_of_many(posed: PosedMaps) -> None:
    chosen = np.arange(16) % 2 == 0
    part = posed[chosen]
    np.testing.assert_array_equal(part.outer, posed.outer[chosen])
    assert len(part.orbit_seen) == 8


def test_the_orbital_part_survives_the_file(posed: PosedMaps) -> None:
    model = fit_radial_model(posed, np.full((PIXELS, PIXELS), 80.0))
    again = RadialModel.from_bytes(model.to_bytes())
    assert again.orbit.modes.shape == model.orbit.modes.shape
    np.testing.assert_allclose(again.orbit.modes, model.orbit.modes, atol=2e-3)

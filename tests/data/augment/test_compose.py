"""Composition: shares, streams of their own, and a truth that stays where the head is."""

from dataclasses import fields, replace

import numpy as np
import pytest

from cranial_sparse.data.augment import AugmentConfig, Draws, draw, scanned, shaped, within
from cranial_sparse.geometry import Geometry, Volume

NAMES = [field.name for field in fields(AugmentConfig)]
NONE = AugmentConfig(**dict.fromkeys(NAMES, 0.0))
GRID = Geometry((90, 96, 104), (0.6, 0.6, 0.5), (-27.0, -28.8, -26.0))
RNG = np.random.default_rng


def head() -> tuple[Volume, Volume]:
    """A shell from 20 to 26 mm about the origin, nearly, and its cap."""
    places = GRID.to_physical(np.moveaxis(np.indices(GRID.shape), 0, -1))
    radius = np.linalg.norm(places, axis=-1)
    bone = (radius > 20) & (radius < 26)
    return Volume(bone, GRID), Volume(bone & (places[..., 2] > 12), GRID)


def only(name: str, seed: int = 0) -> Draws:
    return draw(replace(NONE, **{name: 1.0}), RNG(seed))


def test_nothing_on_leaves_everything_as_it_is() -> None:
    complete, implant = shaped(*head(), draw(NONE, RNG(0)))
    truth, defective = scanned(complete, implant, draw(NONE, RNG(0)))
    assert np.array_equal(truth.array, head()[0].array)
    assert np.array_equal(defective.array, head()[0].array & ~head()[1].array)
    assert truth.geometry == defective.geometry == GRID


@pytest.mark.parametrize("name", NAMES)
def test_each_transform_alone_changes_something_and_repeats(name: str) -> None:
    def run(seed: int) -> list[np.ndarray]:
        draws = only(name, seed)
        truth, defective = scanned(*shaped(*head(), draws), draws)
        return [truth.array, truth.geometry.matrix, defective.array, defective.geometry.matrix]

    first, again = run(3), run(3)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    plain = head()[0].array & ~head()[1].array, GRID.matrix
    assert not all(np.array_equal(a, b) for a, b in zip(first[2:], plain, strict=True))


def test_one_share_changes_no_other_transform() -> None:
    """The elastic bend of a sample is the same with and without what comes before and after it."""
    alone, among = only("bent", 5), draw(replace(NONE, bent=1.0, stretched=1.0, littered=1.0), RNG(5))
    one, other = alone.get("bent"), among.get("bent")
    assert one is not None
    assert other is not None
    assert one.random() == other.random()
    assert alone.get("littered") is None


def test_shares_are_met() -> None:
    drawn = [draw(replace(NONE, sliced=0.3), RNG(seed)).get("sliced") is not None for seed in range(400)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize("name", ["noisy", "blooming", "tilted", "sliced", "littered"])
def test_the_head_stays_where_it_is_and_the_truth_as_it_was(name: str) -> None:
    complete, implant = head()
    truth, defective = scanned(complete, implant, only(name, 1))
    assert truth is complete
    middle = lambda volume: volume.geometry.to_physical(np.argwhere(volume.array)).mean(0)  # noqa: E731
    before = Volume(complete.array & ~implant.array, GRID)
    assert middle(defective) == pytest.approx(middle(before), abs=0.8)
    litres = lambda volume: volume.array.sum() * volume.geometry.voxel_volume  # noqa: E731
    assert litres(defective) == pytest.approx(litres(before), rel=0.06)


def test_a_tilted_grid_is_tilted() -> None:
    _, defective = scanned(*head(), only("tilted", 2))
    direction = np.reshape(defective.geometry.direction, (3, 3))
    np.testing.assert_allclose(direction @ direction.T, np.eye(3), atol=1e-9)
    assert 0.9 < np.trace(direction) / 3 < 0.9999


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_scan_is_cut_off_below_and_the_truth_with_it(upside_down: bool) -> None:
    complete, implant = head()
    if upside_down:
        grid = Geometry(GRID.shape, GRID.spacing, (-27.0, -28.8, -26.0 + 0.5 * 103), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0))
        complete, implant = (Volume(volume.array[:, :, ::-1], grid) for volume in (complete, implant))
    truth, defective = scanned(complete, implant, only("cut_off", 4))
    heights = lambda volume: volume.geometry.to_physical(np.argwhere(volume.array))[:, 2]  # noqa: E731
    assert heights(defective).min() > heights(complete).min() + 1
    assert heights(truth).min() == pytest.approx(heights(defective).min())
    assert heights(truth).max() == heights(complete).max()
    assert np.array_equal(truth.array, within(truth, defective).array)


def test_debris_lies_in_and_around_the_hole_and_is_not_true() -> None:
    complete, implant = head()
    truth, defective = scanned(complete, implant, only("littered", 6))
    added = defective.array & ~(complete.array & ~implant.array)
    assert added.any()
    assert np.array_equal(truth.array, complete.array)
    near = GRID.to_physical(np.argwhere(implant.array))
    for point in GRID.to_physical(np.argwhere(added))[::20]:
        assert np.linalg.norm(near - point, axis=1).min() < 4 * 3**0.5 + 3.5

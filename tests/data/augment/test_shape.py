"""Transforms of heads: lattices that move as drawn, shells that grow and shrink by known amounts, implants that stay theirs."""

import numpy as np
import pytest

from cranial_sparse.data.augment import shape
from cranial_sparse.data.augment.shape import denser, moved, stretched, thickened
from cranial_sparse.geometry import Geometry, Volume

GRID = Geometry((56, 56, 56), (1.0, 1.0, 1.0))


def shell(inner: float = 18.0, outer: float = 24.0) -> tuple[Volume, Volume]:
    """A shell about the middle of GRID, and as its implant what lies more than 10 mm above the middle."""
    x, y, z = np.indices(GRID.shape) - 27.5
    radius = np.sqrt(x**2 + y**2 + z**2)
    bone = (radius > inner) & (radius < outer)
    return Volume(bone, GRID), Volume(bone & (z > 10), GRID)


@pytest.mark.parametrize("seed", range(6))
def test_a_move_is_a_small_turn_and_scale_perhaps_flipped(seed: int) -> None:
    before = Geometry((10, 10, 10), (0.5, 0.5, 0.7), (3.0, -4.0, 5.0))
    after = moved(before, np.random.default_rng(seed))
    change = after.matrix @ np.linalg.inv(before.matrix)
    scales = np.linalg.svd(change)[1]
    assert (scales > 0.97**2 - 1e-9).all()
    assert (scales < 1.03**2 + 1e-9).all()
    np.testing.assert_allclose(after.to_physical(np.ones(3)), change @ before.to_physical(np.ones(3)), atol=1e-9)
    upright = change @ np.diag([np.sign(np.linalg.det(change)), 1, 1])
    assert np.trace(upright) > 2.8  # no axis leaves its own direction by much


def test_both_hands_are_drawn() -> None:
    before = Geometry((4, 4, 4), (1.0, 1.0, 1.0))
    signs = {np.sign(np.linalg.det(moved(before, np.random.default_rng(seed)).matrix)) for seed in range(12)}
    assert signs == {-1.0, 1.0}


def test_stretching_keeps_angles_between_its_axes_and_turns_nothing() -> None:
    """The change of space is symmetric, with lengths off by some per cent along three axes."""
    before = Geometry((10, 10, 10), (0.5, 0.5, 0.7), (3.0, -4.0, 5.0))
    lengths = []
    for seed in range(30):
        change = stretched(before, np.random.default_rng(seed)).matrix @ np.linalg.inv(before.matrix)
        np.testing.assert_allclose(change, change.T, atol=1e-12)
        lengths += list(np.linalg.eigvalsh(change))
    assert np.std(np.log(lengths)) == pytest.approx(shape.STRETCH, rel=0.25)


@pytest.mark.parametrize("amount", [-1.0, 1.0])
def test_a_shell_grows_and_shrinks_on_both_sides(amount: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gaussian of 1 mm passes a threshold of 1 / (1 + exp(1.6)) = 0.168 at 0.96 mm from a flat surface."""
    monkeypatch.setattr(shape, "_smooth", lambda size, *_: np.full(size, amount, np.float32))
    complete, implant = shell()
    whole, missing = thickened(complete, implant, np.random.default_rng(0))
    before, after = complete.array, whole.array
    assert not ((before & ~after) if amount > 0 else (after & ~before)).any()
    profile = after[28, 28].sum() - before[28, 28].sum()
    assert profile == pytest.approx(4 * 0.96 * amount, abs=2.1)  # four surfaces along a line, in voxels of 1 mm
    thickness = lambda bone: bone.sum() / (4 * np.pi * 21**2)  # noqa: E731
    assert thickness(after) - thickness(before) == pytest.approx(2 * 0.96 * amount, abs=0.3)
    assert (missing.array <= after).all()
    z = np.argwhere(missing.array)[:, 2] - 27.5
    assert z.min() == pytest.approx(10.5, abs=1)  # the cut stays where it was


def test_thin_bone_survives_growth_and_opens_where_density_is_low(monkeypatch: pytest.MonkeyPatch) -> None:
    complete, implant = shell(22.0, 23.5)
    monkeypatch.setattr(shape, "_smooth", lambda size, *_: np.full(size, 0.1, np.float32))
    grown, _ = thickened(complete, implant, np.random.default_rng(0))
    assert (grown.array >= complete.array).all()
    monkeypatch.setattr(shape, "_smooth", lambda size, *_: np.full(size, -1.5, np.float32))
    opened, _ = denser(complete, implant, np.random.default_rng(0))
    assert opened.array.sum() < 0.8 * complete.array.sum()
    assert not (opened.array & ~complete.array).any()
    solid, _ = denser(*shell(), np.random.default_rng(0))
    assert solid.array[28, 28, 49]  # the middle of a thick table stands


@pytest.mark.parametrize("transform", [thickened, denser])
def test_a_seed_repeats_and_another_differs(transform) -> None:
    first, again, other = (transform(*shell(), np.random.default_rng(seed))[0].array for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_skull_without_bone_is_an_error() -> None:
    empty = Volume(np.zeros(GRID.shape, bool), GRID)
    with pytest.raises(ValueError, match="expected some bone"):
        thickened(empty, empty, np.random.default_rng(0))


def test_the_field_that_moves_surfaces_has_unit_variance() -> None:
    """Regression: between its knots it varied half as much, and what was to be moved by 0.8 mm moved by 0.4."""
    geometry = Geometry((60, 80, 70), (2.0, 2.0, 2.5))
    for seed in range(3):
        field = shape._smooth(geometry.shape, geometry, np.random.default_rng(seed))
        assert field.shape == geometry.shape
        assert (field.mean(), field.std()) == pytest.approx((0.0, 1.0), abs=1e-3)

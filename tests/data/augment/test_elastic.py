"""Bending a head: smooth, small, alike for everything on its grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import center_of_mass, label

from cranial_sparse.data.augment import elastic
from cranial_sparse.data.augment.elastic import bent, displacement
from cranial_sparse.geometry import IDENTITY, Geometry, Volume

SHAPE, SPACING = (60, 50, 40), (2.0, 2.0, 3.0)
GEOMETRY = Geometry(SHAPE, SPACING, (0.0, 0.0, 0.0), IDENTITY)


def shell() -> Volume:
    place = np.stack(np.indices(SHAPE), -1) * SPACING - np.array([60, 50, 60])
    radius = np.linalg.norm(place, axis=-1)
    return Volume((radius < 40) & (radius > 30), GEOMETRY)


def test_the_same_seed_bends_the_same_way_and_another_does_not() -> None:
    first, again, other = (bent([shell()], np.random.default_rng(seed))[0].array for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_shell_stays_one_shell_of_about_its_volume(seed: int) -> None:
    before = shell().array
    after = bent([shell()], np.random.default_rng(seed))[0].array
    assert label(after)[1] == 1
    assert after.sum() == pytest.approx(before.sum(), rel=0.25)
    assert 0 < (before ^ after).sum() < 0.9 * before.sum()


def test_a_part_moves_with_its_whole() -> None:
    whole = shell()
    part = Volume(whole.array & (np.indices(SHAPE)[0] > 40), GEOMETRY)
    moved_whole, moved_part = bent([whole, part], np.random.default_rng(3))
    # rounding at the part's cut aside, nothing of it leaves the whole
    assert (moved_part.array & ~moved_whole.array).sum() == 0
    assert moved_part.array.sum() == pytest.approx(part.array.sum(), rel=0.3)


def test_a_constant_displacement_is_a_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    shift = np.zeros((3, 7, 8, 9), np.float32)
    shift[0], shift[2] = 4.0, -2.0  # a voxel is read 4 to the right and 2 below
    monkeypatch.setattr(elastic, "displacement", lambda *_: shift)
    before = shell().array
    after = bent([shell()], np.random.default_rng(0))[0].array
    assert np.array_equal(after[8:-8, :, 8:-8], before[12:-4, :, 6:-10])
    assert np.allclose(np.subtract(center_of_mass(before), center_of_mass(after)), (4, 0, -2), atol=1e-6)


def test_displacements_are_millimetres_in_voxels_of_each_axis() -> None:
    fields = np.stack([displacement((200, 200, 100), (1.0, 1.0, 4.0), np.random.default_rng(s)) for s in range(8)])
    spread = fields.std(axis=(0, 2, 3, 4))
    assert spread[0] == pytest.approx(elastic.AMPLITUDE, rel=0.4)
    assert spread[2] == pytest.approx(elastic.AMPLITUDE / 4, rel=0.4)


def test_nothing_bends_to_nothing() -> None:
    empty = Volume(np.zeros(SHAPE, bool), GEOMETRY)
    assert not bent([empty], np.random.default_rng(0))[0].array.any()


def test_two_grids_are_refused() -> None:
    other = Volume(shell().array, Geometry(SHAPE, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    with pytest.raises(ValueError, match="one grid"):
        bent([shell(), other], np.random.default_rng(0))

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.bricks import (
    coordinates,
    crop,
    difference,
    empty,
    equal,
    from_coordinates,
    intersection,
    prune,
    reference,
    to_dense,
    union,
)

_voxels = st.lists(st.tuples(st.integers(0, 1), *[st.integers(-12, 12)] * 3), max_size=30)
_ORIGIN, _SHAPE = (-16, -16, -16), (2, 32, 32, 32)


def grid_of(voxels):
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32).reshape(-1, 4))


def volume_of(grid) -> np.ndarray:
    return to_dense(grid, _SHAPE, _ORIGIN).numpy()


@given(_voxels, _voxels)
@settings(max_examples=60, deadline=None)
def test_set_operations_match_numpy(a, b):
    b = b + a[::2]  # so that they meet
    p, q = grid_of(a), grid_of(b)
    u, v = volume_of(p), volume_of(q)
    assert np.array_equal(volume_of(union(p, q)), u | v)
    assert np.array_equal(volume_of(intersection(p, q)), u & v)
    assert np.array_equal(volume_of(difference(p, q)), u & ~v)
    for fast, plain in ((union, reference.union), (intersection, reference.intersection)):
        assert equal(fast(p, q), plain(p, q))
    assert equal(difference(p, q), reference.difference(p, q))


def test_no_empty_bricks_stay():
    a = grid_of([(0, 0, 0, 0), (0, 20, 0, 0)])
    assert difference(a, a).num_bricks == 0
    assert difference(a, grid_of([(0, 20, 0, 0)])).num_bricks == 1
    assert equal(union(a, empty()), a)


def test_prune(grid):
    keep = torch.rand(len(grid), generator=torch.manual_seed(0)) < 0.5
    kept = prune(grid, keep)
    assert equal(kept, reference.prune(grid, keep))
    assert torch.equal(coordinates(kept), coordinates(grid)[keep])  # features[keep] are its features


@given(_voxels, *[st.tuples(*[st.integers(-14, 14)] * 3)] * 2)
@settings(max_examples=60, deadline=None)
def test_crop(voxels, low, high):
    cropped = crop(grid_of(voxels), low, high)
    expected = {v for v in voxels if all(lo <= c < hi for lo, c, hi in zip(low, v[1:], high, strict=True))}
    assert set(map(tuple, coordinates(cropped).tolist())) == expected
    assert equal(cropped, reference.crop(grid_of(voxels), low, high))


def test_crop_with_bounds_far_away():
    grid = grid_of([(0, -30000, 0, 0), (0, 30000, 0, 0)])
    assert equal(crop(grid, (-(1 << 31),) * 3, ((1 << 31) - 1,) * 3), grid)
    assert len(crop(grid, (0, 0, 0), (0, 9, 9))) == 0


def test_prune_checks_its_mask():
    with pytest.raises(ValueError, match=r"bool \[1\]"):
        prune(grid_of([(0, 0, 0, 0)]), torch.ones(1))

import pytest
import torch

from cranial_sparse.bricks import batch, coordinates, empty, equal, from_dense, row_splits, unbatch


def single(seed):
    return from_dense(torch.rand(12, 20, 9, generator=torch.manual_seed(seed)) < 0.2, (-3, 0, 5))


def test_round_trip_with_empty_items():
    grids = [empty(), single(0), empty(), single(1), empty()]
    joined = batch(grids)
    assert all(equal(a, b) for a, b in zip(unbatch(joined, 5), grids, strict=True))
    assert row_splits(joined, 5) == [len(grid) for grid in grids]
    assert len(unbatch(joined)) == 4


def test_rows_are_those_of_the_items_in_turn():
    grids = [single(0), single(1)]
    joined = batch(grids)
    features = torch.cat([coordinates(grid)[:, 1:] for grid in grids])
    assert torch.equal(coordinates(joined)[:, 1:], features)
    assert joined.offsets[-1] == joined.num_voxels == sum(map(len, grids))


def test_limits():
    assert len(batch([])) == 0
    with pytest.raises(ValueError, match="grids: expected at most 32768, got 32769"):
        batch([single(0)] * 32769)
    assert unbatch(empty()) == []
    with pytest.raises(ValueError, match=r"grids\[0\]"):
        batch([batch([single(0), single(1)])])
    with pytest.raises(ValueError, match="at least 2"):
        unbatch(batch([single(0), single(1)]), 1)

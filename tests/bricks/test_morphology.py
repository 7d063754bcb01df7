import numpy as np
import pytest
import torch
from scipy import ndimage

from cranial_sparse.bricks import dilate, equal, erode, from_coordinates, from_dense, ops, reference, surface, to_dense

RADII = [0, 1, 2**0.5, 3**0.5, 2, 3.5]


@pytest.mark.parametrize("radius", RADII)
def test_matches_reference(grid, radius):
    assert equal(dilate(grid, radius), reference.dilate(grid, radius))
    assert equal(erode(grid, radius), reference.erode(grid, radius))


@pytest.mark.parametrize("radius", [1, 2.5, 9, 17.3, 28])
def test_ball_is_euclidean(radius):
    """Against the exact distance transform, across several bricks for the larger radii."""
    seeds = torch.rand(70, 75, 65, generator=torch.manual_seed(0)) < 2e-5
    seeds[30, 40, 33] = True
    distance = ndimage.distance_transform_edt(~np.pad(seeds.numpy(), 32))
    grown = to_dense(dilate(from_dense(seeds), radius), distance.shape, (-32, -32, -32))
    assert np.array_equal(grown.numpy(), distance <= radius)


@pytest.mark.parametrize("radius", [1, 2.5, 9])
def test_erosion_is_the_dual(radius):
    blob = to_dense(dilate(from_dense(torch.rand(40, 40, 40, generator=torch.manual_seed(1)) < 2e-4), 11), (40,) * 3)
    distance = ndimage.distance_transform_edt(np.pad(blob.numpy(), 30))[30:-30, 30:-30, 30:-30]
    assert np.array_equal(to_dense(erode(from_dense(blob), radius), (40,) * 3).numpy(), distance > radius)


def test_surface(grid):
    assert equal(surface(grid), reference.surface(grid))
    cube = from_dense(torch.ones(10, 10, 10, dtype=torch.bool), (-5, 3, 7))
    assert len(surface(cube)) == 10**3 - 8**3


@pytest.mark.parametrize("radius", [-1, 28.5, 29 - 1e-11, 29, 60, float("inf"), float("nan")])
def test_radius_is_checked(radius):
    grid = from_dense(torch.ones(1, 1, 1, dtype=torch.bool))
    for change in (dilate, erode):
        with pytest.raises(ValueError, match="0 to 28"):
            change(grid, radius)
    for op in (ops.dilate, ops.erode):
        with pytest.raises(ValueError, match="radius: expected 0 to 28"):
            op(*grid.arrays, radius)


def test_dilation_ends_where_coordinates_end():
    last = from_coordinates(torch.tensor([[0, (1 << 18) - 1, 0, -(1 << 18)]], dtype=torch.int32))
    assert len(dilate(last, 1)) == 5
    assert equal(dilate(last, 2), reference.dilate(last, 2))

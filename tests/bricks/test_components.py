import numpy as np
import pytest
import torch
from scipy import ndimage

from cranial_sparse.bricks import (
    components,
    coordinates,
    empty,
    equal,
    from_coordinates,
    from_dense,
    largest_component,
    reference,
    to_dense,
    unbatch,
)
from cranial_sparse.bricks.ops import component_roots


@pytest.mark.parametrize("connectivity", [6, 26])
def test_matches_reference(grid, connectivity):
    roots = component_roots(*grid.arrays, grid.neighbours, len(grid), connectivity)
    assert torch.equal(roots, reference.component_roots(grid, connectivity))
    for got, expected in zip(components(grid, connectivity), reference.components(grid, connectivity), strict=True):
        assert torch.equal(got, expected)
    for count in (1, 3):
        largest = largest_component(grid, connectivity, count)
        assert equal(largest, reference.largest_component(grid, connectivity, count))


@pytest.mark.parametrize(("connectivity", "rank"), [(6, 1), (26, 3)])
def test_matches_scipy(connectivity, rank):
    volume = torch.rand(40, 33, 29, generator=torch.manual_seed(0)) < (0.25 if connectivity == 6 else 0.06)
    grid = from_dense(volume, (-7, -7, -7))
    label, size = components(grid, connectivity)
    oracle, count = ndimage.label(volume.numpy(), ndimage.generate_binary_structure(3, rank))
    assert len(size) == count
    _, x, y, z = (coordinates(grid).long() + 7 * torch.tensor([0, 1, 1, 1])).unbind(1)
    pairs = np.unique(np.stack([oracle[x, y, z], label.numpy()]), axis=1)
    assert pairs.shape[1] == count  # one to one
    assert torch.equal(size, torch.bincount(label))
    assert torch.equal(size, size.sort(descending=True).values)


def test_diagonal_neighbours_touch_only_with_26():
    grid = from_coordinates(torch.tensor([[0, 7, 7, 7], [0, 8, 8, 8]], dtype=torch.int32))
    assert len(components(grid, 6)[1]) == 2
    assert len(components(grid, 26)[1]) == 1


def test_largest_of_each_batch_item():
    volume = torch.zeros(2, 20, 20, 20, dtype=torch.bool)
    volume[0, :3, :3, :3] = True
    volume[0, 10:12, 10:12, 10:12] = True
    volume[1, 5, 5, 5:9] = True
    volume[1, 15, 15, 15] = True
    grid = from_dense(volume)
    first, second = unbatch(largest_component(grid))
    assert (len(first), len(second)) == (27, 4)
    assert len(largest_component(grid, count=2)) == len(grid)
    assert to_dense(first, (3, 3, 3)).all()


def test_nothing_to_label():
    label, size = components(empty())
    assert len(label) == len(size) == len(largest_component(empty())) == 0
    with pytest.raises(ValueError, match="6 or 26"):
        components(empty(), 18)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.bricks import (
    BrickGrid,
    coordinates,
    empty,
    equal,
    from_coordinates,
    from_dense,
    lookup,
    reference,
    to_dense,
)

_axis = st.integers(-(1 << 15), (1 << 15) - 1)
_near = st.integers(-20, 20)
voxel_lists = st.lists(st.tuples(st.integers(0, 2), *[st.one_of(_near, _axis)] * 3), max_size=40)


def tensor_of(voxels: list) -> torch.Tensor:
    return torch.tensor(voxels, dtype=torch.int32).reshape(-1, 4)


@given(voxel_lists)
@settings(max_examples=60, deadline=None)
def test_coordinates_round_trip(voxels):
    grid = from_coordinates(tensor_of(voxels))
    found = coordinates(grid)
    assert sorted(map(tuple, found.tolist())) == sorted(set(voxels))
    assert equal(grid, reference.from_coordinates(tensor_of(voxels)))
    assert torch.equal(lookup(grid, found), torch.arange(len(grid)))


def test_rows_run_by_brick_then_x_y_z():
    voxels = [(0, -1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 7), (0, 0, 7, 0), (0, 7, 0, 0), (0, 0, 0, 8), (1, -9, 0, 0)]
    shuffled = tensor_of(voxels)[torch.tensor([3, 6, 0, 5, 2, 4, 1])]
    assert coordinates(from_coordinates(shuffled)).tolist() == [list(voxel) for voxel in voxels]


def test_grid_of_one_voxel_by_hand():
    grid = from_coordinates(tensor_of([(2, -1, 9, 18)]))
    assert grid.coords.tolist() == [[2, -1, 1, 2]]
    assert grid.masks.tolist() == [[0] * 7 + [1 << (1 * 8 + 2)]]
    assert grid.offsets.tolist() == [0, 1]
    assert (grid.num_voxels, grid.num_bricks, grid.batch_size) == (1, 1, 3)


def test_matches_reference(grid: BrickGrid):
    assert torch.equal(coordinates(grid), reference.coordinates(grid))
    assert torch.equal(grid.neighbours, reference.neighbour_bricks(grid.coords))
    assert equal(from_coordinates(coordinates(grid)), grid)
    probes = coordinates(grid).repeat(7, 1)
    probes[:, 1:] += torch.randint(-2, 3, (len(probes), 3), dtype=torch.int32, generator=torch.manual_seed(0))
    assert torch.equal(lookup(grid, probes), reference.lookup(grid, probes))


@pytest.mark.parametrize("origin", [(0, 0, 0), (-13, 5, -100), (8, -8, 16), (3, 3, 3)])
@pytest.mark.parametrize("shape", [(2, 21, 30, 19), (1, 8, 8, 8), (1, 1, 1, 1), (3, 0, 4, 4)])
def test_dense_round_trip(shape, origin):
    volume = torch.rand(shape, generator=torch.manual_seed(0)) < 0.3
    grid = from_dense(volume, origin)
    assert equal(grid, reference.from_dense(volume, origin))
    assert torch.equal(to_dense(grid, shape, origin), volume)
    assert torch.equal(to_dense(grid, shape, origin), reference.to_dense(grid, shape, origin))


def test_to_dense_leaves_out_what_lies_outside():
    grid = from_coordinates(tensor_of([(0, 5, 5, 5), (0, 20, 5, 5), (1, 5, 5, 5)]))
    volume = to_dense(grid, (4, 4, 4), (3, 3, 3))
    assert volume.nonzero().tolist() == [[2, 2, 2]]


def test_non_contiguous_volume():
    volume = (torch.rand(11, 12, 13, generator=torch.manual_seed(0)) < 0.3).permute(2, 0, 1)
    assert torch.equal(to_dense(from_dense(volume), volume.shape), volume)


def test_scattered_bricks_need_no_table():
    # Eight corners of a box of 2^48 voxels: a dense table would hold 2^39 bricks.
    far = 1 << 15
    voxels = tensor_of([(0, x, y, z) for x in (-far, far - 1) for y in (-far, far - 1) for z in (-far, far - 1)])
    grid = from_coordinates(voxels)
    assert lookup(grid, voxels).tolist() == list(range(8))
    assert (lookup(grid, voxels // 2) == -1).all()


def test_lookup_outside_the_coordinate_range():
    grid = from_coordinates(tensor_of([(0, 0, 0, 0)]))
    queries = tensor_of([(0, 1 << 30, 0, 0), (-1, 0, 0, 0), (0, 0, -(1 << 31), 0), (0, 0, 0, 0)])
    assert lookup(grid, queries).tolist() == [-1, -1, -1, 0]


def test_threads_agree():
    volume = torch.rand(2, 60, 70, 80, generator=torch.manual_seed(0)) < 0.1
    grids = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        grids += [from_dense(volume), from_coordinates(coordinates(from_dense(volume)).flip(0))]
    torch.set_num_threads(before)
    assert all(equal(grids[0], grid) for grid in grids)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="int32"):
        from_coordinates(torch.zeros(3, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="coordinates in"):
        from_coordinates(tensor_of([(0, 1 << 20, 0, 0)]))
    with pytest.raises(ValueError, match="batch in"):
        from_coordinates(tensor_of([(-1, 0, 0, 0)]))
    with pytest.raises(ValueError, match="bool"):
        from_dense(torch.zeros(4, 4, 4))
    with pytest.raises(ValueError, match=r"BrickGrid\.masks"):
        BrickGrid(empty().coords, torch.zeros(1, 8, dtype=torch.int64), empty().offsets)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from cranial_sparse.bricks import (
    BrickGrid,
    coarsen,
    coordinates,
    dilate,
    empty,
    equal,
    erode,
    from_coordinates,
    from_dense,
    lookup,
    parents,
    reference,
    to_dense,
    upsample,
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


def test_lookup_outside_the_coordinate_range():
    grid = from_coordinates(tensor_of([(0, 0, 0, 0)]))
    queries = tensor_of([(0, 1 << 30, 0, 0), (-1, 0, 0, 0), (0, 0, -(1 << 31), 0), (0, 0, 0, 0)])
    assert lookup(grid, queries).tolist() == [-1, -1, -1, 0]


def test_thread_counts_give_identical_results():
    volume = torch.rand(2, 60, 70, 80, generator=torch.manual_seed(0)) < 0.1
    grid = from_dense(volume)
    coarse, voxels = coarsen(grid), coordinates(grid).flip(0)
    logits = torch.randn(len(grid), 8, generator=torch.manual_seed(1))
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        made = [from_dense(volume), from_coordinates(voxels), upsample(grid, logits), dilate(grid, 2), erode(grid, 1)]
        found = [to_dense(grid, volume.shape), coordinates(grid), lookup(grid, voxels), *parents(grid, coarse)]
        results.append([array for each in made for array in each.arrays] + found)
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="int32"):
        from_coordinates(torch.zeros(3, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="coordinates in"):
        from_coordinates(tensor_of([(0, 1 << 20, 0, 0)]))
    with pytest.raises(ValueError, match="batch in"):
        from_coordinates(tensor_of([(-1, 0, 0, 0)]))
    with pytest.raises(ValueError, match="bool"):
        from_dense(torch.zeros(4, 4, 4))
    with pytest.raises(ValueError, match="origin: expected three"):
        from_dense(torch.zeros(4, 4, 4, dtype=torch.bool), (0, 0))
    with pytest.raises(ValueError, match=r"BrickGrid\.masks"):
        BrickGrid(empty().coords, torch.zeros(1, 8, dtype=torch.int64), empty().offsets)


@pytest.mark.parametrize("shape", [(3, 3), (5,), (2, 4, 1)])
def test_lookup_checks_its_voxels(shape):
    grid = from_coordinates(tensor_of([(0, 0, 0, 0)]))
    with pytest.raises(ValueError, match=r"voxels: expected int32 \[M, 4\]"):
        lookup(grid, torch.zeros(shape, dtype=torch.int32))


def test_the_reference_tells_batch_items_apart():
    voxels = tensor_of([(item, 0, 0, 0) for item in (0, 8, 16, (1 << 15) - 1)])
    grid = reference.from_coordinates(voxels)
    assert torch.equal(reference.coordinates(grid), voxels)
    assert reference.lookup(grid, voxels).tolist() == [0, 1, 2, 3]
    assert reference.lookup(grid, tensor_of([(24, 0, 0, 0), (32, 0, 0, 0)])).tolist() == [-1, -1]
    assert reference.neighbour_bricks(grid.coords)[:, 13].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "origin", [(1 << 18, 0, 0), (0, (1 << 18) - 1, 0), (0, 0, -(1 << 18) - 1), ((1 << 31) - 1, 0, 0)]
)
@pytest.mark.parametrize("make", [from_dense, reference.from_dense])
def test_volumes_beyond_the_coordinates_are_refused(make, origin):
    with pytest.raises(ValueError, match="volume: expected batch in"):
        make(torch.ones(2, 2, 2, dtype=torch.bool), origin)


def test_volumes_reach_to_the_last_coordinates():
    for origin in ((-(1 << 18),) * 3, ((1 << 18) - 2,) * 3):
        grid = from_dense(torch.ones(2, 2, 2, dtype=torch.bool), origin)
        assert coordinates(grid)[0].tolist() == [0, *origin]
    assert len(from_dense(torch.ones(2, 0, 2, dtype=torch.bool), (1 << 20, 0, 0))) == 0


def test_any_byte_but_zero_is_a_set_voxel():
    volume = torch.arange(256, dtype=torch.uint8).view(torch.bool).reshape(4, 8, 8)
    grid = from_dense(volume)
    assert len(grid) == 255
    assert equal(grid, reference.from_dense(volume))


def test_arrays_of_any_layout_make_the_same_grid():
    grid = from_dense(torch.rand(40, 40, 40, generator=torch.manual_seed(0)) < 0.3)
    strided = BrickGrid(
        grid.coords.T.contiguous().T, grid.masks.T.contiguous().T, grid.offsets.repeat_interleave(2)[::2]
    )
    assert all(array.is_contiguous() for array in strided.arrays)
    assert torch.equal(coordinates(strided), coordinates(grid))
    assert equal(coarsen(strided), coarsen(grid))


def test_neighbours_found_by_an_evaluation_serve_a_training():
    grid = from_coordinates(tensor_of([(0, 0, 0, 0), (0, 8, 0, 0)]))
    with torch.inference_mode():
        grid.neighbours  # noqa: B018
    assert not grid.neighbours.is_inference()


def test_neighbours_of_a_tracer_are_not_kept():
    grid = from_coordinates(tensor_of([(0, 0, 0, 0)]))
    with FakeTensorMode(allow_non_fake_inputs=True):
        grid.neighbours  # noqa: B018
    assert type(grid.neighbours) is torch.Tensor
    assert grid.neighbours is grid.neighbours

"""The CUDA grid kernels against the CPU's and the reference."""

from itertools import pairwise
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cranial_sparse.bricks import (
    BrickGrid,
    coarsen,
    empty,
    equal,
    from_coordinates,
    from_dense,
    ops,
    reference,
    subdivide,
)
from cranial_sparse.bricks.cuda import launch

FAR = 1 << 18


def random_grid(seed: int = 0, density: float = 0.2, shape=(2, 21, 30, 19)) -> BrickGrid:
    return from_dense(torch.rand(shape, generator=torch.manual_seed(seed)) < density, (-13, 5, -100))


def far_grid() -> BrickGrid:
    """Voxels on both sides of brick borders, at both ends of what grids hold, in the first and the last batch item."""
    ends = (-FAR, -1, 0, 7, 8, FAR - 1)
    voxels = [
        (item, x, y, z) for item in (0, 7, (1 << 15) - 1) for x in ends for y in (-8, -1, FAR - 1) for z in (-FAR, 7)
    ]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


def shell_grid() -> BrickGrid:
    axis = torch.arange(64) - 31.5
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    return from_dense((radius > 24) & (radius < 28), (-32, -32, -40))


@pytest.fixture(params=["random", "sparse", "shell", "far", "one", "empty"])
def grid(request: pytest.FixtureRequest) -> BrickGrid:
    return {
        "random": random_grid,
        "sparse": lambda: random_grid(1, 0.001, (3, 40, 60, 80)),
        "shell": shell_grid,
        "far": far_grid,
        "one": lambda: from_coordinates(torch.tensor([[3, -1, 8, 1000]], dtype=torch.int32)),
        "empty": empty,
    }[request.param]()


def same(arrays, expected: BrickGrid) -> bool:
    return equal(got := BrickGrid(*arrays), expected) and torch.equal(got.offsets, expected.offsets)


def test_coordinates_and_back(gpu, grid):
    voxels = gpu.coordinates(*grid.arrays, len(grid))
    assert torch.equal(voxels, reference.coordinates(grid))
    shuffled = voxels[torch.randperm(len(voxels), generator=torch.manual_seed(0))]
    assert same(gpu.from_coordinates(torch.cat([shuffled, shuffled[:7]])), grid)


@pytest.mark.parametrize("voxel", [(-1, 0, 0, 0), (1 << 15, 0, 0, 0), (0, FAR, 0, 0), (0, 0, -FAR - 1, 0)])
def test_coordinates_beyond_a_grid_are_refused(gpu, voxel):
    with pytest.raises(ValueError, match="voxels: expected batch in"):
        gpu.from_coordinates(torch.tensor([[0, 1, 2, 3], voxel], dtype=torch.int32))


def test_the_last_brick_of_all_is_one_like_others(gpu):
    """Its key once stood for none: the voxel was written beyond the end of the masks."""
    voxels = torch.tensor([[0, 1, 2, 3], [(1 << 15) - 1, FAR - 1, FAR - 1, FAR - 1]], dtype=torch.int32)
    grid = BrickGrid(*gpu.from_coordinates(voxels))
    assert same(grid.arrays, reference.from_coordinates(voxels))
    assert same(gpu.combine(*grid.arrays, *grid.arrays, "union"), grid)
    assert same(gpu.dilate(*grid.arrays, 1.0), BrickGrid(*ops.dilate(*grid.arrays, 1.0)))


@pytest.mark.parametrize("shape", [(2, 21, 30, 19), (1, 8, 8, 8), (1, 3, 17, 40), (1, 1, 1, 1), (0, 4, 4, 4)])
@pytest.mark.parametrize("origin", [(0, 0, 0), (-13, 5, -100)])
def test_dense_and_back(gpu, shape, origin):
    volume = torch.rand(shape, generator=torch.manual_seed(0)) < 0.3
    arrays = gpu.from_dense(volume, origin)
    assert same(arrays, reference.from_dense(volume, origin))
    assert torch.equal(gpu.to_dense(*arrays, shape, origin), volume)
    window = (*shape[:1], 9, 11, 13)
    assert torch.equal(
        gpu.to_dense(*arrays, window, (-10, 7, -95)), reference.to_dense(BrickGrid(*arrays), window, (-10, 7, -95))
    )


def test_dense_bytes_that_are_not_one(gpu):
    volume = torch.randint(0, 256, (1, 9, 9, 24), generator=torch.manual_seed(0)).to(torch.uint8).view(torch.bool)
    assert same(gpu.from_dense(volume, (0, 0, 0)), ops_grid(ops.from_dense(volume, [0, 0, 0])))


def ops_grid(arrays) -> BrickGrid:
    return BrickGrid(*arrays)


def test_lookup(gpu, grid):
    voxels = torch.cat([reference.coordinates(grid), torch.randint(-50, 50, (300, 4), dtype=torch.int32)])
    voxels = torch.cat(
        [voxels, torch.tensor([[-1, 0, 0, 0], [0, 1 << 30, 0, 0], [1 << 20, 0, 0, 0]], dtype=torch.int32)]
    )
    assert torch.equal(gpu.lookup(*grid.arrays, voxels), ops.lookup(*grid.arrays, voxels))


def test_links(gpu, grid):
    assert torch.equal(gpu.neighbour_bricks(grid.coords), ops.neighbour_bricks(grid.coords))
    coarse = coarsen(grid)
    assert torch.equal(gpu.child_bricks(coarse.coords, grid.coords), ops.child_bricks(coarse.coords, grid.coords))


def test_coarsen(gpu, grid):
    assert same(gpu.coarsen(*grid.arrays), coarsen(grid))


def test_parents(gpu, grid):
    thinned = gpu.prune(*coarsen(grid).arrays, torch.rand(len(coarsen(grid)), generator=torch.manual_seed(3)) < 0.7)
    for coarse in (coarsen(grid), BrickGrid(*thinned), empty()):
        got = gpu.parents(*grid.arrays, *coarse.arrays, len(grid))
        for found, expected in zip(got, reference.parents(grid, coarse), strict=True):
            assert torch.equal(found, expected)


def halved(grid: BrickGrid) -> BrickGrid:
    """A grid whose children all lie within what grids hold."""
    return coarsen(grid)


def test_refine(gpu, grid):
    coarse = halved(grid)
    children = torch.randint(0, 256, (len(coarse),), generator=torch.manual_seed(1)).to(torch.uint8)
    children[torch.rand(len(coarse), generator=torch.manual_seed(2)) < 0.5] = 0
    for kept in (children, torch.zeros_like(children), torch.full_like(children, 255)):
        assert same(gpu.refine(*coarse.arrays, kept), BrickGrid(*ops.refine(*coarse.arrays, kept)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_upsample(gpu, grid, dtype):
    coarse = halved(grid)
    logits = torch.randn(len(coarse), 8, generator=torch.manual_seed(1)).to(dtype)
    logits[::5, 3] = float("nan")
    logits[1::5, 4] = float("inf")
    logits[2::5, 5] = 0.25
    expected = reference.refine(coarse, reference.threshold_children(logits.double(), 0.25))
    assert same(gpu.upsample(*coarse.arrays, logits, 0.25), expected)
    *arrays, voxels = gpu.upsample_listed(*coarse.arrays, logits, 0.25)
    assert same(arrays, expected)
    assert torch.equal(voxels, reference.coordinates(expected))


@pytest.mark.parametrize("threshold", [-1e9, 2.0, 1e9])
def test_children_kept_are_listed_whether_many_few_or_none(gpu, threshold):
    """Where few are, what is returned does not hold on to the room for all."""
    grid = random_grid()
    logits = torch.randn(len(grid), 8, generator=torch.manual_seed(1))
    *arrays, voxels = gpu.upsample_listed(*grid.arrays, logits, threshold)
    expected = reference.upsample(grid, logits, threshold)
    assert same(arrays, expected)
    assert torch.equal(voxels, reference.coordinates(expected))
    if 2 * len(expected) < logits.numel():
        assert voxels.untyped_storage().nbytes() == 16 * len(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_threshold_is_rounded_as_torch_does(gpu, dtype):
    grid = from_coordinates(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    logits = torch.full((1, 8), 0.3).to(dtype)
    assert len(gpu.upsample(*grid.arrays, logits, 0.3)[0]) == int((logits > 0.3).any())


def test_logits_and_features_may_begin_anywhere_in_memory(gpu):
    grid = random_grid()
    buffer = torch.randn(8 * len(grid) + 1, generator=torch.manual_seed(0))
    logits = buffer[1:].view(-1, 8)
    assert same(gpu.upsample(*grid.arrays, logits, 0.0), BrickGrid(*ops.upsample(*grid.arrays, logits, 0.0)))
    coarse = coarsen(grid)
    features = buffer[1 : 1 + 4 * len(coarse)].view(-1, 4)
    assert torch.equal(
        gpu.inherit(features, *grid.arrays, *coarse.arrays, len(grid)),
        ops.inherit(features, *grid.arrays, *coarse.arrays, len(grid)),
    )


def test_operands_that_are_none_are_refused(gpu):
    grid = random_grid()
    with pytest.raises(ValueError, match="logits: expected floating point"):
        gpu.upsample(*grid.arrays, torch.zeros(len(grid), 8, dtype=torch.int32), 0.0)
    with pytest.raises(ValueError, match="children: expected uint8"):
        gpu.refine(*grid.arrays, torch.zeros(len(grid)))


def test_children_beyond_a_grid_are_refused(gpu):
    grid = from_coordinates(torch.tensor([[0, FAR - 1, 0, 0], [0, 1, 0, 0]], dtype=torch.int32))
    with pytest.raises(ValueError, match="coordinates in"):
        gpu.refine(*grid.arrays, torch.full((2,), 255, dtype=torch.uint8))
    kept = torch.tensor([1, 0], dtype=torch.uint8)  # by rows: the voxel at 1 comes first
    assert BrickGrid(*gpu.refine(*grid.arrays, kept)).num_voxels == 1
    for upsample in (gpu.upsample, gpu.upsample_listed):
        with pytest.raises(ValueError, match="coordinates in"):
            upsample(*grid.arrays, torch.ones(2, 8), 0.0)


def test_the_last_slab_and_line_of_all_end_with_the_grid(gpu):
    """Their upper border once overflowed, and their children went to places of others."""
    last = FAR - 1
    voxels = [[0, 1, 0, 0], [(1 << 15) - 1, 5, 0, 0], [(1 << 15) - 1, last, 0, 0], [(1 << 15) - 1, last, last, last]]
    grid = from_coordinates(torch.tensor(voxels, dtype=torch.int32))
    for kept in ([1, 2, 0, 0], [0, 128, 0, 0]):
        children = torch.tensor(kept, dtype=torch.uint8)
        assert same(gpu.refine(*grid.arrays, children), BrickGrid(*ops.refine(*grid.arrays, children)))


def test_sizes_are_waited_for_on_the_card_that_they_are_of(monkeypatch):
    """And before their memory is used again, where somebody failed in between."""
    waits = []
    monkeypatch.setattr(launch, "_bind", lambda device: None)
    monkeypatch.setattr(launch, "_stream", lambda handle: SimpleNamespace(sync=lambda: waits.append(in_use[-1])))
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", lambda device: 0, raising=False)
    in_use = [0]

    class Used:
        def __init__(self, device: int) -> None:
            self.device = device

        def __enter__(self) -> None:
            in_use.append(self.device)

        def __exit__(self, *_: object) -> None:
            in_use.pop()

    monkeypatch.setattr(torch.cuda, "device", Used)
    there = SimpleNamespace(is_cuda=True, get_device=lambda: 1)
    address = launch.landing(there)
    assert launch.landing(there) == address
    assert waits == [1]
    assert launch.landed(there) == [0, 0, 0]
    assert waits == [1, 1]
    launch.landing(there)
    assert waits == [1, 1]
    launch.landed(there)


def test_every_thread_has_words_of_its_own():
    addresses = []
    both = Barrier(2)

    def ask() -> None:
        both.wait()
        addresses.append(launch.landing(torch.zeros(1)))
        assert launch.landed(torch.zeros(1)) == [0, 0, 0]
        both.wait()

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(addresses)) == 2


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, torch.uint8), (3, torch.float16), (5, torch.float32), (16, torch.float16)]
)
def test_inherit_is_the_parents_feature(gpu, grid, channels, dtype):
    coarse = coarsen(grid)
    thinned = BrickGrid(*gpu.prune(*coarse.arrays, torch.rand(len(coarse), generator=torch.manual_seed(3)) < 0.7))
    features = torch.randint(0, 100, (len(thinned), channels), generator=torch.manual_seed(4)).to(dtype)
    rows, _ = reference.parents(grid, thinned)
    expected = torch.cat([features, features.new_zeros(1, channels)])[rows]
    assert torch.equal(gpu.inherit(features, *grid.arrays, *thinned.arrays, len(grid)), expected)


@pytest.mark.parametrize("operation", ["union", "intersection", "difference"])
def test_sets(gpu, operation, grid):
    for other in (random_grid(5, 0.1), grid, empty(), subdivide(random_grid(6, 0.02))):
        for a, b in ((grid, other), (other, grid)):
            expected = BrickGrid(*ops.combine(*a.arrays, *b.arrays, operation))
            assert same(gpu.combine(*a.arrays, *b.arrays, operation), expected)


def test_prune_and_crop(gpu, grid):
    keep = torch.rand(len(grid), generator=torch.manual_seed(0)) < 0.3
    assert same(gpu.prune(*grid.arrays, keep), reference.prune(grid, keep))
    assert gpu.prune(*grid.arrays, torch.zeros_like(keep))[0].shape == (0, 4)
    for low, high in (((-20, 0, -110), (3, 21, -90)), ((0, 0, 0), (0, 0, 0)), ((-FAR,) * 3, (FAR,) * 3)):
        assert same(gpu.crop(*grid.arrays, low, high), reference.crop(grid, low, high))


@pytest.mark.parametrize("radius", [0, 1, 2**0.5, 3**0.5, 2.5, 6.0, 9.3])
def test_dilate_and_erode(gpu, grid, radius):
    assert same(gpu.dilate(*grid.arrays, radius), BrickGrid(*ops.dilate(*grid.arrays, radius)))
    assert same(gpu.erode(*grid.arrays, radius), BrickGrid(*ops.erode(*grid.arrays, radius)))


def test_the_largest_ball(gpu):
    grid = from_coordinates(torch.tensor([[0, 3, -5, 7], [0, 40, 2, 9]], dtype=torch.int32))
    grown = BrickGrid(*gpu.dilate(*grid.arrays, 28.0))
    assert same(grown.arrays, BrickGrid(*ops.dilate(*grid.arrays, 28.0)))
    assert same(gpu.erode(*grown.arrays, 27.5), BrickGrid(*ops.erode(*grown.arrays, 27.5)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 2), *[st.integers(-40, 40)] * 3), min_size=1, max_size=60), st.integers(0, 2**32)
)
def test_children_are_sorted_without_a_sort(gpu, voxels, seed):
    grid = from_coordinates(torch.tensor(voxels, dtype=torch.int32))
    children = torch.randint(0, 256, (len(grid),), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
    fine = gpu.refine(*grid.arrays, children)
    assert same(fine, reference.refine(grid, children))
    bricks = [tuple(brick) for brick in fine[0].tolist()]
    assert all(a < b for a, b in pairwise(bricks))

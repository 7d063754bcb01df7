"""What only a card can show: races at full size, how often the host waits, the whole network on both devices."""

from collections.abc import Callable
from threading import Thread

import pytest
import torch

from cranial_sparse.bricks import (
    BrickGrid,
    coarsen,
    coordinates,
    dilate,
    equal,
    erode,
    from_coordinates,
    from_dense,
    intersection,
    lookup,
    parents,
    subdivide,
    union,
    upsample,
    upsample_with_coordinates,
)
from cranial_sparse.bricks.cuda import launch
from cranial_sparse.networks.cascade import Cascade, CascadeInputs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def shell(size: int, thickness: float = 9.0) -> BrickGrid:
    """Between two spheres in a box of ``size``³; 3.3 million voxels at 512."""
    axis = torch.arange(size) - (size - 1) / 2
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    outer = 0.34 * size
    return from_dense((radius < outer) & (radius > outer - thickness))


@pytest.fixture(scope="module")
def skull() -> BrickGrid:
    return shell(512)


def on_card(result):
    return result.to("cpu") if isinstance(result, BrickGrid) else result.cpu()


@pytest.mark.parametrize(
    "run",
    [
        coarsen,
        lambda grid: dilate(grid, 2.5),
        lambda grid: erode(grid, 2.0),
        lambda grid: from_coordinates(coordinates(grid)),
        lambda grid: union(grid, dilate(coarsen(grid), 3.0)),
        lambda grid: intersection(grid, dilate(coarsen(grid), 9.0)),
        coordinates,
        lambda grid: grid.neighbours,
        lambda grid: lookup(grid, coordinates(grid).flip(0)),
        lambda grid: parents(grid, coarsen(grid))[0],
    ],
)
def test_full_size_gives_the_same_ten_times(skull: BrickGrid, run: Callable):
    expected = run(skull)
    card = skull.to("cuda")
    for _ in range(10):
        got = on_card(run(card))
        if isinstance(expected, BrickGrid):
            assert equal(got, expected)
            assert torch.equal(got.offsets, expected.offsets)
        else:
            assert torch.equal(got, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_upsampling_at_full_size_gives_the_same_twenty_times(skull: BrickGrid, dtype: torch.dtype):
    coarse = coarsen(skull)
    logits = torch.randn(len(coarse), 8, generator=torch.manual_seed(0)).to(dtype)
    expected = upsample(coarse, logits.float(), 0.125)
    card, values = coarse.to("cuda"), logits.cuda()
    voxels = coordinates(expected)
    for _ in range(20):
        assert equal(upsample(card, values, 0.125).to("cpu"), expected)
        grid, listed = upsample_with_coordinates(card, values, 0.125)
        assert equal(grid.to("cpu"), expected)
        assert torch.equal(listed.cpu(), voxels)


def test_a_new_thread_has_a_context(skull: BrickGrid):
    card = coarsen(skull).to("cuda")
    coordinates(card)  # its memory is now in torch's cache, so that the thread's first call is the launch
    found: list[torch.Tensor] = []
    thread = Thread(target=lambda: found.append(torch.ops.cranial_sparse.coordinates(*card.arrays, len(card))))
    thread.start()
    thread.join()
    assert torch.equal(found[0], coordinates(card))


def test_threads_do_not_read_one_anothers_sizes(skull: BrickGrid):
    """What the host waits for lands in memory of its thread."""
    grids = [coarsen(skull).to("cuda"), coarsen(coarsen(skull)).to("cuda")]
    expected = [len(subdivide(grid)) for grid in grids]

    def run(grid: BrickGrid, size: int, found: list[bool]) -> None:
        with torch.cuda.stream(torch.cuda.Stream()):
            logits = torch.ones(len(grid), 8, device="cuda")
            found.extend(len(upsample_with_coordinates(grid, logits)[1]) == size for _ in range(100))

    torch.cuda.synchronize()
    found: list[bool] = []
    threads = [Thread(target=run, args=(grid, size, found)) for grid, size in zip(grids, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200


def test_tensors_of_several_devices_are_refused(skull: BrickGrid):
    card = coarsen(skull).to("cuda")
    with pytest.raises(ValueError, match="expected contiguous tensors on cuda"):
        torch.ops.cranial_sparse.upsample(*card.arrays, torch.zeros(len(card), 8), 0.0)


def test_the_host_waits_only_for_sizes(skull: BrickGrid, monkeypatch: pytest.MonkeyPatch):
    card = coarsen(skull).to("cuda")
    rows, logits = card.num_voxels, torch.randn(len(card), 8, device="cuda")
    coordinates(card)  # compiled by now
    waits, landed = [], launch.landed
    monkeypatch.setattr(launch, "landed", lambda like: waits.append(1) or landed(like))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        voxels = torch.ops.cranial_sparse.coordinates(*card.arrays, rows)
        torch.ops.cranial_sparse.lookup(*card.arrays, voxels)
        torch.ops.cranial_sparse.neighbour_bricks(card.coords)
        assert not waits
        torch.ops.cranial_sparse.upsample(*card.arrays, logits, 0.0)
        assert len(waits) == 1
        torch.ops.cranial_sparse.upsample_listed(*card.arrays, logits, 0.0)
        assert len(waits) == 2
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_cascade_agrees_with_the_cpu():
    axis = torch.arange(96) - 47.5
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    bone = ((radius > 34) & (radius < 44) & (axis[:, None, None] > -8)).to(torch.uint8)
    field = torch.nn.functional.avg_pool3d(torch.minimum(44 - radius, radius - 34)[None], 2)[0]
    torch.manual_seed(0)
    network = Cascade().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    inputs = CascadeInputs(bone, bone.flip(0), field)
    moved = CascadeInputs(bone.cuda(), bone.flip(0).cuda(), field.cuda())
    with torch.no_grad():
        expected = network(inputs)
        found = network.cuda()(moved)
    for got, want in zip(found, expected, strict=True):
        grid = got.grid.to("cpu")
        common = intersection(grid, want.grid)  # a logit within rounding of the threshold may fall on either side
        assert len(common) > 0.999 * max(len(grid), len(want.grid))
        voxels = coordinates(common)
        a, b = got.logits.cpu()[lookup(grid, voxels)], want.logits[lookup(want.grid, voxels)]
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)

"""The grid kernels on a real card give what the CPU's give; small, so that compute-sanitizer can watch."""

import pytest
import torch

from cranial_sparse import bricks
from cranial_sparse.bricks import BrickGrid, equal

pytest.importorskip("cuda.core", reason="cuda-core is not installed: pip install 'cranial-sparse[cuda]'")
if not torch.cuda.is_available():
    pytest.skip("torch finds no card", allow_module_level=True)


@pytest.fixture(params=["random", "shell", "empty"])
def grid(request: pytest.FixtureRequest) -> BrickGrid:
    axis = torch.arange(40) - 19.5
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    noise = torch.rand((2, 21, 30, 19), generator=torch.Generator().manual_seed(0))
    volumes = {"random": noise < 0.2, "shell": (radius > 14) & (radius < 17), "empty": noise > 1}
    return bricks.from_dense(volumes[request.param], (-13, 5, -100))


def same(on_card: BrickGrid, expected: BrickGrid) -> bool:
    return equal(on_card.to("cpu"), expected) and torch.equal(on_card.offsets.cpu(), expected.offsets)


def test_dense_and_coordinates(grid):
    card = grid.to("cuda")
    voxels = bricks.coordinates(card)
    assert torch.equal(voxels.cpu(), bricks.coordinates(grid))
    assert same(bricks.from_coordinates(voxels.flip(0)), grid)
    shape = (2, 40, 40, 40)
    volume = bricks.to_dense(card, shape, (-13, 5, -100))
    assert torch.equal(volume.cpu(), bricks.to_dense(grid, shape, (-13, 5, -100)))
    assert same(bricks.from_dense(volume, (-13, 5, -100)), grid)


def test_links(grid):
    card = grid.to("cuda")
    asked = bricks.coordinates(grid) + torch.tensor([0, 1, -1, 0], dtype=torch.int32)
    assert torch.equal(bricks.lookup(card, asked.cuda()).cpu(), bricks.lookup(grid, asked))
    assert torch.equal(card.neighbours.cpu(), grid.neighbours)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_upsampling(grid, dtype):
    logits = torch.randn(len(grid), 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    fine = bricks.upsample(grid, logits.float(), 0.25)
    on_card = bricks.upsample(grid.to("cuda"), logits.cuda(), 0.25)
    assert same(on_card, fine)


def test_pyramid(grid):
    coarse, card = bricks.coarsen(grid), grid.to("cuda")
    above = bricks.coarsen(card)
    assert same(above, coarse)
    assert same(bricks.subdivide(card), bricks.subdivide(grid))
    for got, expected in zip(bricks.parents(card, above), bricks.parents(grid, coarse), strict=True):
        assert torch.equal(got.cpu(), expected)
    features = torch.randn(len(coarse), 6)
    assert torch.equal(bricks.inherit(features.cuda(), card, above).cpu(), bricks.inherit(features, grid, coarse))


def test_sets_and_morphology(grid):
    card, other = grid.to("cuda"), bricks.erode(grid, 1)
    assert same(bricks.erode(card, 1), other)
    assert same(bricks.dilate(card, 2.3), bricks.dilate(grid, 2.3))
    for operation in (bricks.union, bricks.intersection, bricks.difference):
        assert same(operation(card, other.to("cuda")), operation(grid, other))
    keep = torch.arange(len(grid)) % 3 == 0
    assert same(bricks.prune(card, keep.cuda()), bricks.prune(grid, keep))
    assert same(bricks.crop(card, (-5, 10, -95), (10, 20, -85)), bricks.crop(grid, (-5, 10, -95), (10, 20, -85)))

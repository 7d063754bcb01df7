from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid, empty, from_coordinates, from_dense
from cranial_sparse.bricks.kernels import native

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}


def corner_grid() -> BrickGrid:
    far = 1 << 15
    voxels = [(0, x, y, z) for x in (-far, -1, 0, 7, 8, far - 1) for y in (-8, -1, 0, far - 1) for z in (-far, 7, 8)]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


def item_grid() -> BrickGrid:
    """Voxels in batch items up to the last there can be."""
    voxels = [(item, x, 5, -9) for item in (0, 7, 8, 16, 32, (1 << 15) - 1) for x in (-1, 0, 4)]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


@pytest.fixture(params=["random", "full", "corners", "items", "one", "empty"])
def grid(request: pytest.FixtureRequest) -> BrickGrid:
    return {
        "random": lambda: from_dense(torch.rand(2, 13, 17, 11, generator=torch.manual_seed(0)) < 0.25, (-5, 3, -20)),
        "full": lambda: from_dense(torch.ones(9, 10, 8, dtype=torch.bool), (-1, 0, 3)),
        "corners": corner_grid,
        "items": item_grid,
        "one": lambda: from_coordinates(torch.tensor([[3, -1, 8, 1000]], dtype=torch.int32)),
        "empty": empty,
    }[request.param]()


@pytest.fixture(params=["portable", "avx2", "avx512"])
def instruction_set(request: pytest.FixtureRequest):
    before = native.instruction_set()
    if not native.set_instruction_set(request.param):
        pytest.skip(f"this machine or build has no {request.param}")
    yield request.param
    native.set_instruction_set(before)


def compare(fast: Callable[..., Tensor], plain: Callable[..., Tensor], *shapes: tuple, dtype=torch.float32) -> None:
    """Both functions of random operands of the given shapes: outputs and gradients agree relative to the largest."""
    generator = torch.manual_seed(0)
    operands = [torch.randn(shape, dtype=dtype, generator=generator, requires_grad=True) for shape in shapes]
    results = []
    for function in (fast, plain):
        out = function(*operands)
        gradient = torch.randn(out.shape, dtype=dtype, generator=torch.manual_seed(1))
        results.append([out, *torch.autograd.grad(out, operands, gradient)])
    for got, expected in zip(*results, strict=True):
        assert got.shape == expected.shape
        scale = expected.abs().max().item() if expected.numel() else 1.0
        assert (got - expected).abs().le(TOLERANCE[dtype] * max(scale, 1.0)).all()


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """assert_same(fast, plain, *shapes, dtype): see compare."""
    return compare

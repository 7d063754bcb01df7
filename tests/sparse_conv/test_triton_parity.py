"""The convolutions in Triton beside their oracles: on a GPU where there is one, else in Triton's interpreter, where
test_triton_interpreter.py runs this file. The interpreter is slow, so the grids are small.
"""

import gc
import os
from functools import partial

import pytest
import torch

from cranial_sparse.bricks import BrickGrid, coarsen, empty, from_coordinates, from_dense
from cranial_sparse.bricks.ops import child_bricks
from cranial_sparse.sparse_conv import fallback, native, reference

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("no GPU: test_triton_interpreter.py runs these tests", allow_module_level=True)

fast = pytest.importorskip("cranial_sparse.sparse_conv.triton", reason="triton is not installed")
NAMES = [name for name in fast.__all__ if name != "DTYPES"]
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}  # of the largest; two roundings at most
CHANNELS = [(1, 5), (24, 3), (33, 16)]


@pytest.fixture(autouse=True, scope="module")
def interpreted_ops() -> None:
    """In the interpreter the ops of CPU tensors are those of GPUs."""
    if INTERPRETED:
        from tests.sparse_conv.interpreter_bfloat16 import teach_bfloat16

        teach_bfloat16()
        global library  # its kernels live as long as it does
        library = torch.library.Library("cranial_sparse", "IMPL")
        for name in NAMES:
            library.impl(name, getattr(fast, name), "CPU", allow_override=True)


def random_grid(seed: int = 0, density: float = 0.25) -> BrickGrid:
    """Bricks on both sides of zero, two batch items, two tiles of rows."""
    return from_dense(torch.rand(2, 7, 9, 6, generator=torch.manual_seed(seed)) < density, (-3, 5, -2))


def corner_grid() -> BrickGrid:
    far = 1 << 15
    voxels = [(0, x, y, z) for x in (-far, -1, 0, far - 1) for y in (-8, -1, 0) for z in (-far, 7, 8)]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


GRIDS = {"random": random_grid, "corners": corner_grid, "empty": empty}


def arguments_of(name: str, channels=(5, 17), steps: int = 27, transposed: bool = False, dtype=torch.float32):
    """Random operands of an op on a grid and its coarser one, and the rest of its arguments."""
    fine = random_grid(density=0.25 if steps == 27 else 0.1)
    coarse = coarsen(fine).to(DEVICE)
    fine = fine.to(DEVICE)
    cin, cout = channels
    near = fine.masks, fine.offsets, fine.neighbours
    pair = child_bricks(coarse.coords, fine.coords), fine.masks, fine.offsets, coarse.masks, coarse.offsets
    generator = torch.manual_seed(0)

    def rand(*shape):
        return torch.randn(shape, generator=generator).to(DEVICE, dtype)

    n, m = len(fine), len(coarse)
    weight, strided = (rand(s, *((cout, cin) if transposed else channels)) for s in (steps, 8))
    return {
        "submanifold_conv": lambda: (rand(n, cin), weight, *near, transposed),
        "submanifold_conv_weight": lambda: (rand(n, cin), rand(n, cout), *near, steps),
        "depthwise_conv": lambda: (rand(n, cin), rand(steps, cin), *near, transposed),
        "depthwise_conv_weight": lambda: (rand(n, cin), rand(n, cin), *near, steps),
        "down_conv": lambda: (rand(n, cin), strided, *pair, m, transposed),
        "up_conv": lambda: (rand(m, cin), strided, *pair, n, transposed),
        "strided_conv_weight": lambda: (*((rand(m, cin), rand(n, cout)) if transposed else (rand(n, cin), rand(m, cout))),
                                        *pair, transposed),
    }[name]()  # fmt: skip


def assert_near(got: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    assert got.shape == expected.shape
    assert got.dtype == dtype
    scale = max(expected.abs().max().item(), 1.0) if expected.numel() else 1.0
    assert (got.double() - expected.double()).abs().le(TOLERANCE[dtype] * scale).all()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_plain_pytorch(name, transposed):
    arguments = arguments_of(name, transposed=transposed)
    assert_near(getattr(fast, name)(*arguments), getattr(fallback, name)(*arguments), torch.float32)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_sums_in_float32(name, dtype):
    half = arguments_of(name, channels=(33, 17), dtype=dtype)  # 33: two blocks, the second nearly empty
    exact = [x.double() if torch.is_tensor(x) and x.is_floating_point() else x for x in half]
    assert_near(getattr(fast, name)(*half), getattr(fallback, name)(*exact), dtype)


@pytest.mark.parametrize("name", [name for name in NAMES if "submanifold" in name or "depthwise" in name])
@pytest.mark.parametrize("steps", [1, 125])
def test_kernels_larger_than_a_table(name, steps):
    arguments = arguments_of(name, channels=(3, 2), steps=steps, dtype=torch.float16)
    exact = [x.double() if torch.is_tensor(x) and x.is_floating_point() else x for x in arguments]
    assert_near(getattr(fast, name)(*arguments), getattr(fallback, name)(*exact), torch.float16)


def gradients(backend, name, grid, channels):
    """Output and gradients of a function of the backend, by autograd."""
    coarse = coarsen(grid.to("cpu")).to(grid.device)
    onto = {"down_conv": (grid, coarse), "up_conv": (coarse, grid)}.get(name, (grid,))
    weight = {"depthwise_conv": (27, channels[0]), "submanifold_conv": (27, *channels)}.get(name, (8, *channels))
    generator = torch.manual_seed(0)
    operands = [
        torch.randn(shape, generator=generator).to(grid.device).requires_grad_()
        for shape in ((len(onto[0]), channels[0]), weight)
    ]
    out = getattr(backend, name)(*operands, *onto)
    gradient = torch.randn(out.shape, generator=generator).to(grid.device)
    return [out, *torch.autograd.grad(out, operands, gradient)]


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", ["submanifold_conv", "depthwise_conv", "down_conv", "up_conv"])
def test_gradients_agree_with_the_reference(name, channels):
    grid = random_grid(1).to(DEVICE)
    for got, expected in zip(
        gradients(native, name, grid, channels), gradients(reference, name, grid, channels), strict=True
    ):
        assert_near(got, expected, torch.float32)


@pytest.mark.parametrize("kind", ["corners", "empty"])
@pytest.mark.parametrize("name", ["submanifold_conv", "depthwise_conv", "down_conv", "up_conv"])
def test_any_grid(name, kind):
    grid = GRIDS[kind]().to(DEVICE)
    results = [gradients(backend, name, grid, (3, 4)) for backend in (native, reference)]
    for got, expected in zip(*results, strict=True):
        assert_near(got, expected, torch.float32)


def test_no_channels():
    grid = random_grid().to(DEVICE)
    near = grid.masks, grid.offsets, grid.neighbours
    out = fast.submanifold_conv(
        torch.ones(len(grid), 0, device=DEVICE), torch.ones(27, 0, 3, device=DEVICE), *near, False
    )
    assert out.shape == (len(grid), 3)
    assert not out.any()


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_give_the_same_bits_whatever_the_strides(name):
    arguments = list(arguments_of(name, channels=(3, 2)))
    expected = getattr(fast, name)(*arguments)
    assert torch.equal(expected, getattr(fast, name)(*arguments))
    for position in (0, 1):
        arguments[position] = arguments[position].mT.contiguous().mT
    assert torch.equal(expected, getattr(fast, name)(*arguments))


def test_fine_voxels_without_a_parent_are_zero():
    far, fine = from_coordinates(torch.tensor([[0, 500, 0, 0]], dtype=torch.int32)), random_grid()
    pair = [x.to(DEVICE) for x in (child_bricks(far.coords, fine.coords), *fine.arrays[1:], *far.arrays[1:])]
    ones = partial(torch.ones, device=DEVICE)
    assert not fast.up_conv(ones(1, 2), ones(8, 2, 3), *pair, len(fine), False).any()
    assert not fast.down_conv(ones(len(fine), 2), ones(8, 2, 3), *pair, 1, False).any()


def test_types_that_are_not_served_are_refused():
    for x, y in ((torch.float64, torch.float64), (torch.float16, torch.float32)):
        features, weight, *rest = arguments_of("submanifold_conv")
        with pytest.raises(TypeError, match="expected all float16"):
            fast.submanifold_conv(features.to(x), weight.to(y), *rest)


def test_features_of_another_grid_are_refused():
    features, *rest = arguments_of("submanifold_conv")
    for rows in (features[:-1], torch.cat([features, features])):
        with pytest.raises(ValueError, match="features: expected a row for each"):
            fast.submanifold_conv(rows, *rest)


def test_a_table_lives_as_long_as_its_grid():
    from cranial_sparse.sparse_conv.triton.index import _tables

    gc.collect()
    before, grid = len(_tables), random_grid(2).to(DEVICE)
    for _ in range(2):
        gradients(native, "submanifold_conv", grid, (1, 1))
        assert len(_tables) == before + 1
    del grid
    gc.collect()
    assert len(_tables) == before

"""On a card: what the ops choose there, and parity at real sizes."""

import importlib.util

import pytest
import torch

from cranial_sparse.bricks import coarsen, from_dense, subdivide
from cranial_sparse.sparse_conv import down_conv, fallback, ops, submanifold_conv, up_conv

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed"),
]


def shell(size: int):
    """A spherical shell four voxels thick, in a cube of this side."""
    axis = torch.arange(size) - (size - 1) / 2
    radius = (axis[:, None, None].square() + axis[:, None].square() + axis.square()).sqrt()
    return from_dense((radius - 0.4 * size).abs() < 2)


@pytest.fixture(scope="module")
def levels():
    coarse = shell(256)
    fine = subdivide(coarse)
    assert len(fine) > 3_000_000
    return fine.to("cuda"), coarsen(fine).to("cuda")


def near(got, expected, tolerance):
    assert (got.double() - expected.double()).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2), (torch.float32, 1e-5)])
def test_submanifold_at_512(levels, dtype, tolerance):
    grid = levels[0]
    arrays = grid.masks, grid.offsets, grid.neighbours
    generator = torch.Generator("cuda").manual_seed(0)
    x, y = (torch.randn(len(grid), 32, device="cuda", generator=generator).to(dtype) for _ in range(2))
    weight = torch.randn(27, 32, 32, device="cuda", generator=generator).to(dtype) / 30
    for transposed in (False, True):
        got = ops.submanifold_conv(x, weight, *arrays, transposed)
        near(got, fallback.submanifold_conv(x.float(), weight.float(), *arrays, transposed), tolerance)
        assert torch.equal(got, ops.submanifold_conv(x, weight, *arrays, transposed))
    got = ops.submanifold_conv_weight(x, y, *arrays, 27)
    near(got, fallback.submanifold_conv_weight(x.double(), y.double(), *arrays, 27), 10 * tolerance)
    assert torch.equal(got, ops.submanifold_conv_weight(x, y, *arrays, 27))


def test_down_and_up_at_512(levels):
    fine, coarse = levels
    x, weight = torch.randn(len(fine), 32, device="cuda"), torch.randn(8, 32, 24, device="cuda") / 16
    double = down_conv(x.double(), weight.double(), fine, coarse)
    near(down_conv(x, weight, fine, coarse), double, 1e-5)
    near(up_conv(double.float(), weight.mT.contiguous(), coarse, fine),
         up_conv(double, weight.mT.double().contiguous(), coarse, fine), 1e-5)  # fmt: skip


def test_functions_take_triton_where_it_serves_the_type(levels, monkeypatch):
    from cranial_sparse.sparse_conv import triton

    called, plain = [], triton.submanifold_conv
    monkeypatch.setattr(triton, "submanifold_conv", lambda *arguments: called.append(1) or plain(*arguments))
    grid = levels[1]
    for dtype, times in ((torch.float16, 1), (torch.float32, 2), (torch.float64, 2)):
        submanifold_conv(*(torch.ones(s, 4, 4, device="cuda", dtype=dtype) if s == 27 else
                           torch.ones(s, 4, device="cuda", dtype=dtype) for s in (len(grid), 27)), grid)  # fmt: skip
        assert len(called) == times


def test_compiled_networks_call_the_ops(levels):
    grid = levels[1]
    x, weight = torch.randn(len(grid), 8, device="cuda"), torch.randn(27, 8, 8, device="cuda", requires_grad=True)

    def loss(weight):
        return submanifold_conv(x, weight, grid).relu().square().mean()

    (plain,) = torch.autograd.grad(loss(weight), weight)
    (compiled,) = torch.autograd.grad(torch.compile(loss)(weight), weight)
    near(compiled, plain, 1e-4)


def test_rows_times_channels_beyond_two_to_the_31():
    """The last rows of an array of more than 2^31 numbers are read and written where they are."""
    if torch.cuda.mem_get_info()[0] < 24 << 30:
        pytest.skip("needs 24 GiB of the card's memory")
    grid = from_dense(torch.ones(160, 160, 160, dtype=torch.bool)).to("cuda")  # 4.1 M voxels × 528 channels
    x = torch.ones(len(grid), 528, device="cuda", dtype=torch.float16)
    out = ops.depthwise_conv(x, torch.ones(27, 528, device="cuda", dtype=torch.float16), grid.masks, grid.offsets,
                             grid.neighbours, False)  # fmt: skip
    assert out[-1].eq(8).all()
    assert out[0].eq(8).all()
    weight = torch.eye(528, device="cuda", dtype=torch.float16)[None]
    assert ops.submanifold_conv(x, weight, grid.masks, grid.offsets, grid.neighbours, False).eq(1).all()

"""What every convolution op owes PyTorch and its users: opcheck, gradcheck, any number of threads."""

import pytest
import torch

from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.bricks.ops import child_bricks
from cranial_sparse.sparse_conv import ops


def sample_arguments(dtype=torch.float64, grad: bool = True) -> dict[str, tuple]:
    fine = from_dense(torch.rand(2, 7, 9, 10, generator=torch.manual_seed(0)) < 0.15, (-3, 5, 3))
    coarse = coarsen(fine)
    near = fine.masks, fine.offsets, fine.neighbours
    pair = (child_bricks(coarse.coords, fine.coords), fine.masks, fine.offsets, coarse.masks, coarse.offsets)

    def rand(*shape):
        return torch.randn(shape, dtype=dtype, generator=torch.manual_seed(1), requires_grad=grad)

    n, m = len(fine), len(coarse)
    return {
        "submanifold_conv": (rand(n, 2), rand(27, 2, 3), *near, False),
        "submanifold_conv_transposed": (rand(n, 3), rand(27, 2, 3), *near, True),
        "depthwise_conv": (rand(n, 3), rand(27, 3), *near, False),
        "depthwise_conv_transposed": (rand(n, 3), rand(27, 3), *near, True),
        "down_conv": (rand(n, 2), rand(8, 2, 3), *pair, m, False),
        "down_conv_transposed": (rand(n, 3), rand(8, 2, 3), *pair, m, True),
        "up_conv": (rand(m, 2), rand(8, 2, 3), *pair, n, False),
        "up_conv_transposed": (rand(m, 3), rand(8, 2, 3), *pair, n, True),
    }


def weight_arguments(dtype=torch.float32) -> dict[str, tuple]:
    samples = sample_arguments(dtype, grad=False)
    near, pair = samples["submanifold_conv"][2:5], samples["down_conv"][2:7]
    n, m = samples["submanifold_conv"][0].shape[0], samples["up_conv"][0].shape[0]
    fine, wide, coarse = torch.randn(n, 2, dtype=dtype), torch.randn(n, 3, dtype=dtype), torch.randn(m, 3, dtype=dtype)
    return {
        "submanifold_conv_weight": (fine, wide, *near, 27),
        "depthwise_conv_weight": (wide, wide, *near, 27),
        "strided_conv_weight": (fine, coarse, *pair, False),
    }


@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_gradcheck(name):
    op = getattr(ops, name.removesuffix("_transposed"))
    arguments = sample_arguments()[name]
    assert torch.autograd.gradcheck(lambda x, w: op(x, w, *arguments[2:]), arguments[:2], fast_mode=True)


@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_opcheck(name):
    torch.library.opcheck(getattr(ops, name.removesuffix("_transposed")), sample_arguments(torch.float32)[name])


@pytest.mark.parametrize("name", sorted(weight_arguments()))
def test_opcheck_of_weight_gradients(name):
    torch.library.opcheck(getattr(ops, name), weight_arguments()[name])


def test_thread_counts_give_identical_results():
    fine = from_dense(torch.rand(1, 70, 60, 50, generator=torch.manual_seed(0)) < 0.1)
    coarse = coarsen(fine)
    near = fine.masks, fine.offsets, fine.neighbours
    pair = (child_bricks(coarse.coords, fine.coords), fine.masks, fine.offsets, coarse.masks, coarse.offsets)
    x, y, c = torch.randn(len(fine), 9), torch.randn(len(fine), 17), torch.randn(len(coarse), 17)
    results, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(
            [
                ops.submanifold_conv(x, torch.ones(27, 9, 17), *near, False),
                ops.submanifold_conv_weight(x, y, *near, 27),
                ops.depthwise_conv_weight(x, x, *near, 27),
                ops.strided_conv_weight(x, c, *pair, False),
                ops.down_conv(x, torch.ones(8, 9, 17), *pair, len(coarse), False),
                ops.up_conv(c, torch.ones(8, 17, 9), *pair, len(fine), False),
            ]
        )
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))

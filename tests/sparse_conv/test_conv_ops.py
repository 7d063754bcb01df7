"""What every convolution op owes PyTorch and its users: opcheck, gradcheck, any number of threads."""

import pytest
import torch
from torch._subclasses import FakeTensorMode

from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.bricks.ops import child_bricks
from cranial_sparse.sparse_conv import fallback, ops


def sample_arguments(dtype=torch.float64, grad: bool = True, density: float = 0.15) -> dict[str, tuple]:
    fine = from_dense(torch.rand(2, 7, 9, 10, generator=torch.manual_seed(0)) < density, (-3, 5, 3))
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


def weight_arguments(dtype=torch.float32, density: float = 0.15) -> dict[str, tuple]:
    samples = sample_arguments(dtype, grad=False, density=density)
    near, pair = samples["submanifold_conv"][2:5], samples["down_conv"][2:7]
    n, m = samples["submanifold_conv"][0].shape[0], samples["up_conv"][0].shape[0]
    fine, wide, coarse = torch.randn(n, 2, dtype=dtype), torch.randn(n, 3, dtype=dtype), torch.randn(m, 3, dtype=dtype)
    return {
        "submanifold_conv_weight": (fine, wide, *near, 27),
        "depthwise_conv_weight": (wide, wide, *near, 27),
        "strided_conv_weight": (fine, coarse, *pair, False),
        "strided_conv_weight_transposed": (coarse, fine, *pair, True),
    }


def op_of(name: str):
    return getattr(ops, name.removesuffix("_transposed"))


@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_gradcheck(name):
    arguments = sample_arguments()[name]
    assert torch.autograd.gradcheck(lambda x, w: op_of(name)(x, w, *arguments[2:]), arguments[:2], fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_opcheck(name, dtype):
    torch.library.opcheck(op_of(name), sample_arguments(dtype)[name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(weight_arguments()))
def test_opcheck_of_weight_gradients(name, dtype):
    torch.library.opcheck(op_of(name), weight_arguments(dtype)[name])


@pytest.mark.parametrize("name", sorted({**sample_arguments(), **weight_arguments()}))
def test_opcheck_without_voxels(name):
    torch.library.opcheck(op_of(name), {**sample_arguments(density=0), **weight_arguments(density=0)}[name])


@pytest.mark.parametrize("name", sorted({**sample_arguments(), **weight_arguments()}))
@pytest.mark.parametrize("density", [0.15, 0])
def test_devices_without_kernels_compute_the_same(name, density):
    double = torch.float64
    arguments = {**sample_arguments(density=density, grad=False), **weight_arguments(double, density)}[name]
    plain = getattr(fallback, name.removesuffix("_transposed"))
    torch.testing.assert_close(plain(*arguments), op_of(name)(*arguments))
    for key in ("CPU", "CUDA", "Meta"):
        assert torch._C._dispatch_has_kernel_for_dispatch_key(f"cranial_sparse::{op_of(name)._opname}", key)


def test_thread_counts_give_identical_results():
    fine = from_dense(torch.rand(1, 70, 60, 50, generator=torch.manual_seed(0)) < 0.1)
    coarse = coarsen(fine)
    near = fine.masks, fine.offsets, fine.neighbours
    pair = (child_bricks(coarse.coords, fine.coords), fine.masks, fine.offsets, coarse.masks, coarse.offsets)
    x, y, c = torch.randn(len(fine), 9), torch.randn(len(fine), 17), torch.randn(len(coarse), 17)
    weight, each, strided, back = (
        torch.randn(27, 9, 17),
        torch.randn(27, 9),
        torch.randn(8, 9, 17),
        torch.randn(8, 17, 9),
    )
    results, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(
            [
                ops.submanifold_conv(x, weight, *near, False),
                ops.submanifold_conv(y, weight, *near, True),
                ops.submanifold_conv_weight(x, y, *near, 27),
                ops.depthwise_conv(x, each, *near, False),
                ops.depthwise_conv(x, each, *near, True),
                ops.depthwise_conv_weight(x, x, *near, 27),
                ops.down_conv(x, strided, *pair, len(coarse), False),
                ops.down_conv(x, back, *pair, len(coarse), True),
                ops.up_conv(c, back, *pair, len(fine), False),
                ops.up_conv(c, strided, *pair, len(fine), True),
                ops.strided_conv_weight(x, c, *pair, False),
                ops.strided_conv_weight(c, x, *pair, True),
            ]
        )
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_arrays_that_do_not_go_together_are_refused():
    """A kernel sees addresses only: what it would read or write beyond the end of an array is refused before."""
    samples, short = {**sample_arguments(grad=False), **weight_arguments()}, torch.zeros(1, dtype=torch.int64)
    for name, position, value, named in (
        ("submanifold_conv", 0, torch.zeros(1, 2), "features"),
        ("submanifold_conv", 1, torch.zeros(27, 2), "weight"),
        ("submanifold_conv", 1, torch.zeros(8, 2, 3), "weight"),
        ("submanifold_conv", 2, torch.zeros(9, 7, dtype=torch.int64), "masks"),
        ("submanifold_conv", 3, short, "offsets"),
        ("submanifold_conv", 4, torch.zeros(1, 27, dtype=torch.int32), "neighbours"),
        ("submanifold_conv_weight", 1, torch.zeros(1, 3), "gradient"),
        ("submanifold_conv_weight", 5, 26, "weight"),
        ("depthwise_conv", 0, torch.zeros(1, 3), "features"),
        ("depthwise_conv", 1, torch.zeros(8, 3), "weight"),
        ("depthwise_conv_weight", 1, torch.zeros(1, 2), "gradient"),
        ("down_conv", 0, torch.zeros(1, 2), "features"),
        ("down_conv", 1, torch.zeros(1, 2, 3), "weight"),
        ("down_conv", 2, torch.zeros(1, 8, dtype=torch.int32), "children"),
        ("down_conv", 4, short, "fine_offsets"),
        ("down_conv", 7, 1, "rows"),
        ("up_conv", 0, torch.zeros(1, 2), "features"),
        ("up_conv", 1, torch.zeros(27, 2, 3), "weight"),
        ("up_conv", 7, 1, "rows"),
        ("strided_conv_weight", 0, torch.zeros(1, 2), "features"),
        ("strided_conv_weight", 1, torch.zeros(1, 3), "gradient"),
    ):
        arguments = list(samples[name])
        arguments[position] = value
        with pytest.raises(ValueError, match=f"^{named}: expected"):
            op_of(name)(*arguments)


def test_tracers_refuse_what_kernels_refuse():
    for name, position, shape in (
        ("submanifold_conv", 0, (5, 7)),
        ("submanifold_conv", 1, (8, 2, 3)),
        ("depthwise_conv", 1, (8, 3)),
        ("down_conv", 1, (7, 2, 3)),
        ("up_conv", 0, (5, 7)),
    ):
        arguments = list(sample_arguments(grad=False)[name])
        arguments[position] = torch.zeros(shape, dtype=torch.float64)
        with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(ValueError, match="expected"):
            op_of(name)(*arguments)

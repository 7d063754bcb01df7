"""spconv's CPU path, repaired for the comparison, computes what ours does. Each repair has the fault it mends beside it."""

import pytest
import torch

from benchmarks.common.scenes import ellipsoid_shell
from cranial_sparse.bricks import coordinates, from_coordinates
from cranial_sparse.sparse_conv import submanifold_conv

pytest.importorskip("spconv", reason="spconv is not installed: pip install cranial-sparse[spconv]")


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    voxels = coordinates(from_coordinates(ellipsoid_shell(48, 2.5)))
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(len(voxels), 8, generator=generator)
    return voxels, features, torch.randn(27, 8, 8, generator=generator) / 8


@pytest.mark.usefixtures("two_threads")
def test_forward_is_ours_every_time_with_two_threads() -> None:
    """Regression: `scatter_add_cpu` loses updates when two threads add to one row."""
    from benchmarks.spconv_cpu import SpconvCpu

    voxels, features, weight = case()
    expected = submanifold_conv(features, weight, from_coordinates(voxels))
    layer = SpconvCpu(weight, (48, 48, 48))
    for _ in range(10):
        torch.testing.assert_close(layer(features, voxels)[0].detach(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("two_threads")
def test_backward_needs_no_cuda_and_is_ours() -> None:
    """Regression: the backward asked torch for a CUDA stream."""
    from benchmarks.spconv_cpu import SpconvCpu

    voxels, features, weight = case()
    gradient = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    layer = SpconvCpu(weight, (48, 48, 48))
    theirs = features.clone().requires_grad_()
    layer(theirs, voxels)[0].backward(gradient)
    own, own_weight = features.clone().requires_grad_(), weight.clone().requires_grad_()
    submanifold_conv(own, own_weight, from_coordinates(voxels)).backward(gradient)
    torch.testing.assert_close(theirs.grad, own.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.weight_gradient(), own_weight.grad, rtol=1e-3, atol=1e-3)


def test_the_threads_are_given_back() -> None:
    from benchmarks.spconv_cpu import SpconvCpu

    voxels, features, weight = case()
    before = torch.get_num_threads()
    SpconvCpu(weight, (48, 48, 48))(features, voxels)
    assert torch.get_num_threads() == before

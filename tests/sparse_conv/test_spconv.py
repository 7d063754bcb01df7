"""The faults of spconv's CPU path that its backend repairs."""

import pytest
import torch

from benchmarks.common.scenes import ellipsoid_shell
from cranial_sparse.bricks import BrickGrid, from_coordinates
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv import submanifold_conv
from cranial_sparse.sparse_conv.backends import load_backend

pytest.importorskip("spconv", reason="spconv is not installed: pip install 'cranial-sparse[spconv]'")


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def case() -> tuple[BrickGrid, torch.Tensor, torch.Tensor]:
    grid = from_coordinates(ellipsoid_shell(48, 2.5))
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(len(grid), 8, generator=generator, requires_grad=True)
    return grid, features, (torch.randn(27, 8, 8, generator=generator) / 8).requires_grad_()


@pytest.mark.usefixtures("two_threads")
def test_forward_is_ours_every_time_with_two_threads() -> None:
    """Regression: `scatter_add_cpu` loses updates when two threads add to one row."""
    grid, features, weight = case()
    expected, backend = submanifold_conv(features, weight, grid), load_backend("spconv")
    for _ in range(10):
        torch.testing.assert_close(backend.submanifold_conv(features, weight, grid), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("two_threads")
def test_backward_needs_no_cuda_and_is_ours() -> None:
    """Regression: the backward asked torch for a CUDA stream."""
    grid, features, weight = case()
    gradient = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = (
        torch.autograd.grad(submanifold_conv(features, weight, grid, backend=backend), (features, weight), gradient)
        for backend in (None, load_backend("spconv"))
    )
    torch.testing.assert_close(theirs[0], ours[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(theirs[1], ours[1], rtol=1e-3, atol=1e-3)


def test_the_threads_are_given_back() -> None:
    grid, features, weight = case()
    before = torch.get_num_threads()
    load_backend("spconv").submanifold_conv(features, weight, grid)
    assert torch.get_num_threads() == before


def test_a_box_beyond_its_integers_is_refused() -> None:
    grid = from_coordinates(torch.tensor([[0, 0, 0, 0], [0, 1 << 11, 1 << 10, 1 << 10]], dtype=torch.int32))
    with pytest.raises(
        InputError, match=r"backend spconv: expected voxels in a box of at most 2,147,483,647 cells, got"
    ):
        load_backend("spconv").submanifold_conv(torch.ones(2, 1), torch.ones(27, 1, 1), grid)

"""What is kept of a grid is built once and goes with it."""

import gc
import weakref

import torch

from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.sparse_conv.indexing import no_sums, once_per_grid, once_per_pair


class Kept:
    pass


def ball():
    return from_dense(torch.ones(3, 3, 3, dtype=torch.bool))


def test_it_is_built_once_for_each_grid_and_size() -> None:
    built = once_per_grid(lambda grid, side: Kept())
    grid, equal = ball(), ball()
    assert built(grid, 3) is built(grid, 3)
    assert len({built(grid, 3), built(grid, 5), built(equal, 3)}) == 3


def test_it_goes_with_its_grid() -> None:
    built, grid = once_per_grid(lambda grid: Kept()), ball()
    kept = weakref.ref(built(grid))
    assert kept() is not None
    del grid
    gc.collect()
    assert kept() is None


def test_what_two_grids_share_goes_with_either() -> None:
    built = once_per_pair(lambda fine, coarse: Kept())
    for gone in (0, 1):
        grids = [ball(), coarsen(ball())]
        kept = weakref.ref(built(*grids))
        assert built(*grids) is kept()
        del grids[gone]
        gc.collect()
        assert kept() is None


def test_it_serves_a_training_when_found_by_an_evaluation() -> None:
    built, grid = once_per_grid(lambda grid: torch.ones(3)), ball()
    with torch.inference_mode():
        assert not built(grid).is_inference()


def test_no_sums_are_zeros_with_gradients() -> None:
    features, weight = torch.ones(4, 2, requires_grad=True), torch.ones(8, 2, 3, requires_grad=True)
    out = no_sums(features, weight, 5)
    assert out.tolist() == [[0.0] * 3] * 5
    out.sum().backward()
    assert features.grad is not None
    assert weight.grad is not None
    assert not features.grad.any()
    assert not weight.grad.any()

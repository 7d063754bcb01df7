from functools import partial

import pytest
import torch

from cranial_sparse.bricks import from_dense
from cranial_sparse.sparse_conv import depthwise_conv, native, reference, submanifold_conv


@pytest.mark.parametrize("channels", [16, 1, 5, 70])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_channels(channels, dtype, instruction_set, assert_same):
    grid = from_dense(torch.rand(2, 13, 17, 11, generator=torch.manual_seed(0)) < 0.25, (-5, 3, -20))
    assert_same(partial(native.depthwise_conv, grid=grid), partial(reference.depthwise_conv, grid=grid),
                (len(grid), channels), (27, channels), dtype=dtype)  # fmt: skip


def test_any_grid(grid, assert_same):
    assert_same(partial(native.depthwise_conv, grid=grid), partial(reference.depthwise_conv, grid=grid),
                (len(grid), 3), (125, 3), dtype=torch.float64)  # fmt: skip


def test_is_a_diagonal_submanifold_convolution(grid):
    features, weight = torch.randn(len(grid), 6), torch.randn(27, 6)
    full = submanifold_conv(features, torch.diag_embed(weight), grid)
    torch.testing.assert_close(depthwise_conv(features, weight, grid), full)

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from cranial_sparse.bricks import coordinates, from_dense
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


def test_matches_grouped_conv3d(assert_same):
    shape = (13, 17, 11)
    grid = from_dense(torch.rand(shape, generator=torch.manual_seed(0)) < 0.25)
    _, x, y, z = coordinates(grid).long().unbind(1)

    def dense(features, weight):
        field = features.new_zeros(*shape, 4).index_put((x, y, z), features).permute(3, 0, 1, 2)[None]
        return F.conv3d(field, weight.T.reshape(4, 1, 3, 3, 3), padding=1, groups=4)[0, :, x, y, z].T

    assert_same(lambda f, w: depthwise_conv(f, w, grid), dense, (len(grid), 4), (27, 4), dtype=torch.float64)

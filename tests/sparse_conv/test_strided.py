from functools import partial

import pytest
import torch
import torch.nn.functional as F

from cranial_sparse.bricks import coarsen, coordinates, from_coordinates, from_dense, subdivide
from cranial_sparse.sparse_conv import down_conv, native, reference, up_conv


def field_of(features, grid, shape):
    """Features [N, C] as a dense [1, C, X, Y, Z]."""
    _, x, y, z = coordinates(grid).long().unbind(1)
    return features.new_zeros(*shape, features.shape[1]).index_put((x, y, z), features).permute(3, 0, 1, 2)[None]


def rows_of(field, grid):
    """A dense [1, C, X, Y, Z] at the voxels of a grid, [N, C]."""
    _, x, y, z = coordinates(grid).long().unbind(1)
    return field[0][:, x, y, z].T


def test_down_matches_conv3d(assert_same):
    volume = torch.ones(1, 8, 16, 24, dtype=torch.bool)
    fine = from_dense(volume)
    coarse = coarsen(fine)

    def dense(features, weight):
        kernel = weight.reshape(2, 2, 2, 3, 5).permute(4, 3, 0, 1, 2)
        return rows_of(F.conv3d(field_of(features, fine, (8, 16, 24)), kernel, stride=2), coarse)

    assert_same(lambda f, w: down_conv(f, w, fine, coarse), dense, (len(fine), 3), (8, 3, 5), dtype=torch.float64)


def test_up_matches_conv_transpose3d(assert_same):
    coarse = from_dense(torch.ones(1, 4, 8, 12, dtype=torch.bool))
    fine = subdivide(coarse)

    def dense(features, weight):
        kernel = weight.reshape(2, 2, 2, 3, 5).permute(3, 4, 0, 1, 2)
        return rows_of(F.conv_transpose3d(field_of(features, coarse, (4, 8, 12)), kernel, stride=2), fine)

    assert_same(lambda f, w: up_conv(f, w, coarse, fine), dense, (len(coarse), 3), (8, 3, 5), dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 7, 27])
@pytest.mark.parametrize("backend", [native, reference])
def test_a_child_without_a_weight_is_refused(steps, backend):
    fine = from_dense(torch.ones(4, 4, 4, dtype=torch.bool))
    coarse, weight = coarsen(fine), torch.ones(steps, 2, 3)
    with pytest.raises(ValueError, match=f"weight: expected 8 offsets, one for each child, got {steps}"):
        down_conv(torch.ones(len(fine), 2), weight, fine, coarse, backend=backend)
    with pytest.raises(ValueError, match=f"weight: expected 8 offsets, one for each child, got {steps}"):
        up_conv(torch.ones(len(coarse), 2), weight, coarse, fine, backend=backend)


@pytest.mark.parametrize("channels", [(16, 32), (1, 8), (33, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_channels(channels, dtype, instruction_set, assert_same):
    fine = from_dense(torch.rand(2, 13, 17, 11, generator=torch.manual_seed(0)) < 0.25, (-5, 3, -20))
    coarse = coarsen(fine)
    down, up = {"fine": fine, "coarse": coarse}, {"coarse": coarse, "fine": fine}
    shapes = (8, *channels)
    assert_same(partial(native.down_conv, **down), partial(reference.down_conv, **down),
                (len(fine), channels[0]), shapes, dtype=dtype)  # fmt: skip
    assert_same(partial(native.up_conv, **up), partial(reference.up_conv, **up),
                (len(coarse), channels[0]), shapes, dtype=dtype)  # fmt: skip


def test_any_grid(grid, assert_same):
    coarse = coarsen(grid)
    down, up = {"fine": grid, "coarse": coarse}, {"coarse": coarse, "fine": grid}
    assert_same(partial(native.down_conv, **down), partial(reference.down_conv, **down),
                (len(grid), 3), (8, 3, 4), dtype=torch.float64)  # fmt: skip
    assert_same(partial(native.up_conv, **up), partial(reference.up_conv, **up),
                (len(coarse), 3), (8, 3, 4), dtype=torch.float64)  # fmt: skip


def test_fine_voxels_without_a_parent(assert_same):
    fine = from_dense(torch.rand(1, 20, 20, 20, generator=torch.manual_seed(0)) < 0.3)
    coarse = from_dense(torch.rand(1, 10, 10, 10, generator=torch.manual_seed(1)) < 0.3)
    far = from_coordinates(torch.tensor([[0, 500, 0, 0]], dtype=torch.int32))
    for other in (coarse, far):
        down, up = {"fine": fine, "coarse": other}, {"coarse": other, "fine": fine}
        assert_same(partial(native.down_conv, **down), partial(reference.down_conv, **down), (len(fine), 3), (8, 3, 4))
        assert_same(partial(native.up_conv, **up), partial(reference.up_conv, **up), (len(other), 3), (8, 3, 4))
    assert up_conv(torch.ones(1, 2), torch.ones(8, 2, 3), far, fine).abs().max() == 0


def test_children_by_hand():
    coarse = from_coordinates(torch.tensor([[0, -1, 0, 2]], dtype=torch.int32))
    fine = from_coordinates(torch.tensor([[0, -2, 0, 5], [0, -1, 1, 4]], dtype=torch.int32))
    weight = torch.arange(8.0).reshape(8, 1, 1)
    assert up_conv(torch.ones(1, 1), weight, coarse, fine).squeeze(1).tolist() == [1.0, 6.0]
    assert down_conv(torch.tensor([[1.0], [10.0]]), weight, fine, coarse).tolist() == [[61.0]]

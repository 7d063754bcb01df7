from functools import partial

import pytest
import torch
import torch.nn.functional as F

from cranial_sparse.bricks import coarsen, coordinates, from_coordinates, from_dense
from cranial_sparse.bricks import ops as bricks_ops
from cranial_sparse.sparse_conv import native, reference, submanifold_conv


def dense_conv(features, weight, grid, low, shape):
    """The same by torch's conv3d on a dense volume, read at the grid's voxels."""
    b, x, y, z = (coordinates(grid).long() - torch.tensor([0, *low])).unbind(1)
    volume = features.new_zeros(grid.batch_size, *shape, features.shape[1]).index_put((b, x, y, z), features)
    size = round(weight.shape[0] ** (1 / 3))
    kernel = weight.reshape(size, size, size, *weight.shape[1:]).permute(4, 3, 0, 1, 2)
    out = F.conv3d(volume.permute(0, 4, 1, 2, 3), kernel, padding=size // 2)
    return out[b, :, x, y, z]


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matches_conv3d(size, dtype, assert_same):
    low, shape = (-5, 3, -20), (13, 17, 11)
    grid = from_dense(torch.rand(2, *shape, generator=torch.manual_seed(0)) < 0.25, low)
    assert_same(
        lambda f, w: submanifold_conv(f, w, grid),
        lambda f, w: dense_conv(f, w, grid, low, shape),
        (len(grid), 4), (size**3, 4, 7), dtype=dtype,
    )  # fmt: skip


def test_order_of_offsets_by_hand():
    grid = from_coordinates(torch.tensor([[0, 7, 7, 7], [0, 7, 7, 8], [0, 8, 7, 7]], dtype=torch.int32))
    weight = torch.arange(27.0).reshape(27, 1, 1)
    out = submanifold_conv(torch.tensor([[1.0], [10.0], [100.0]]), weight, grid)
    # Offset (dx, dy, dz) has the weight 13 + 9 dx + 3 dy + dz.
    assert out.squeeze(1).tolist() == [13 + 140 + 2200, 12 + 130 + 2100, 4 + 50 + 1300]


@pytest.mark.parametrize("channels", [(16, 16), (1, 8), (3, 5), (33, 20), (64, 1), (7, 49)])
def test_any_channels_on_any_instruction_set(channels, instruction_set, assert_same):
    grid = from_dense(torch.rand(2, 13, 17, 11, generator=torch.manual_seed(0)) < 0.25, (-5, 3, -20))
    operands = (len(grid), channels[0]), (27, *channels)
    for dtype in (torch.float32, torch.float64):
        assert_same(
            partial(native.submanifold_conv, grid=grid), partial(reference.submanifold_conv, grid=grid), *operands,
            dtype=dtype,
        )  # fmt: skip


@pytest.mark.parametrize("size", [3, 7])
def test_any_grid(grid, size, assert_same):
    assert_same(
        partial(native.submanifold_conv, grid=grid), partial(reference.submanifold_conv, grid=grid),
        (len(grid), 3), (size**3, 3, 4), dtype=torch.float64,
    )  # fmt: skip


def test_bias_and_checks():
    grid = from_coordinates(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    weight, bias = torch.zeros(27, 2, 3), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = submanifold_conv(torch.ones(1, 2), weight, grid, bias)
    assert out.tolist() == [[1.0, 2.0, 3.0]]
    out.sum().backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == [1.0] * 3
    with pytest.raises(ValueError, match="1 voxels, got 2"):
        submanifold_conv(torch.ones(2, 2), weight, grid)
    for backend in (native, reference):
        with pytest.raises(ValueError, match=r"\[N, 2\]"):
            submanifold_conv(torch.ones(1, 4), weight, grid, backend=backend)
        with pytest.raises(ValueError, match="odd k"):
            submanifold_conv(torch.ones(1, 2), torch.zeros(8, 2, 3), grid, backend=backend)
    for wrong in (torch.ones(1), torch.ones(1, 3), torch.ones(3, dtype=torch.float64)):
        with pytest.raises(ValueError, match=r"bias: expected float32 \[3\]"):
            submanifold_conv(torch.ones(1, 2), weight, grid, wrong)
    with pytest.raises(TypeError, match="float32"):
        submanifold_conv(torch.ones(1, 2).half(), weight.half(), grid)


def test_an_evaluation_does_not_spoil_a_training_on_the_same_grid():
    grid = from_dense(torch.ones(3, 3, 3, dtype=torch.bool))
    features, weight = torch.ones(27, 2), torch.ones(27, 2, 3, requires_grad=True)
    with torch.inference_mode():
        submanifold_conv(features, weight, grid)
    submanifold_conv(features, weight, grid).sum().backward()
    assert weight.grad is not None


def test_the_oracle_calls_no_kernel(monkeypatch):
    fine = from_dense(torch.ones(3, 3, 3, dtype=torch.bool))
    coarse = coarsen(fine)
    monkeypatch.setattr(bricks_ops, "native", None)
    assert len(reference.submanifold_conv(torch.ones(27, 1), torch.ones(27, 1, 1), fine)) == 27
    assert len(reference.depthwise_conv(torch.ones(27, 1), torch.ones(27, 1), fine)) == 27
    assert len(reference.down_conv(torch.ones(27, 1), torch.ones(8, 1, 1), fine, coarse)) == 8
    assert len(reference.up_conv(torch.ones(8, 1), torch.ones(8, 1, 1), coarse, fine)) == 27

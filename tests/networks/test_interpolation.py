"""Children inherit what lies around their parent, not their parent alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from cranial_sparse.bricks import coordinates, from_dense
from cranial_sparse.networks.interpolation import to_children


def dense_children(values: torch.Tensor) -> torch.Tensor:
    """PyTorch's trilinear interpolation of a full box [X, Y, Z]: [2X, 2Y, 2Z]."""
    return interpolate(values[None, None], scale_factor=2, mode="trilinear", align_corners=False)[0, 0]


def child_values(fine: torch.Tensor, voxels: torch.Tensor) -> torch.Tensor:
    """[N, 8] of a box [2X, 2Y, 2Z] at the children of ``voxels`` [N, 4]."""
    step = torch.cartesian_prod(*[torch.arange(2)] * 3)
    x, y, z = (voxels[:, None, 1:].long() * 2 + step).unbind(-1)
    return fine[x, y, z]


def test_the_inside_of_a_box_is_interpolated_as_pytorch_does() -> None:
    torch.manual_seed(0)
    values = torch.randn(9, 10, 11, dtype=torch.float64)
    grid = from_dense(torch.ones(values.shape, dtype=torch.bool))
    voxels = coordinates(grid)
    _, x, y, z = voxels.long().unbind(1)
    found, expected = to_children(values[x, y, z], grid), child_values(dense_children(values), voxels)
    last = torch.tensor(values.shape) - 1
    inside = ((voxels[:, 1:] > 0) & (voxels[:, 1:] < last)).all(1)
    torch.testing.assert_close(found[inside], expected[inside])


def test_a_voxel_alone_passes_its_value_on() -> None:
    lonely = torch.zeros(12, 12, 12, dtype=torch.bool)
    lonely[2, 3, 4] = lonely[9, 9, 9] = True
    torch.testing.assert_close(to_children(torch.tensor([1.5, -2.0]), from_dense(lonely)).var(1), torch.zeros(2))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.9))
def test_values_stay_between_the_least_and_the_greatest_around(seed: int, fill: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    grid = from_dense(torch.rand(10, 9, 8, generator=generator) < fill)
    if grid.num_voxels == 0:
        return
    values = torch.randn(grid.num_voxels, generator=generator)
    found = to_children(values, grid)
    assert found.shape == (grid.num_voxels, 8)
    assert found.min() >= values.min() - 1e-6
    assert found.max() <= values.max() + 1e-6
    torch.testing.assert_close(to_children(torch.ones_like(values), grid), torch.ones(grid.num_voxels, 8))


def test_gradients_are_exact() -> None:
    torch.manual_seed(1)
    grid = from_dense(torch.rand(5, 5, 5) < 0.5)
    values = torch.randn(grid.num_voxels, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: to_children(v, grid), values)


def test_no_voxels_have_no_children() -> None:
    assert to_children(torch.zeros(0), from_dense(torch.zeros(8, 8, 8, dtype=torch.bool))).shape == (0, 8)

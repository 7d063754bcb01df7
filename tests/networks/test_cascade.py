"""The cascade: an untrained one returns the proposal, a grown grid is what the logits say, gradients reach everything."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool3d, interpolate

from cranial_sparse.bricks import coordinates, from_coordinates, lookup
from cranial_sparse.networks.blocks import ResidualBlock, SparseUNet
from cranial_sparse.networks.cascade import (
    FIELD_LIMIT,
    Cascade,
    CascadeConfig,
    CascadeInputs,
    children_of,
    seed_grid,
    share_at,
    with_bone,
)

SMALL = CascadeConfig(widths=((8, 12), (8, 12), (4,)))


def plate_case(size: int = 48) -> CascadeInputs:
    """A flat vault 6 mm thick with a square hole; the proposal knows the plate exactly."""
    z = (torch.arange(size) + 0.5) * 0.45
    depth = torch.minimum(z - 8.0, 14.0 - z)  # mm inside the plate
    complete = (depth > 0).to(torch.uint8).expand(size, size, size).contiguous()
    skull = complete.clone()
    skull[12:36, 12:36] = 0
    middle = (torch.arange(size // 2) + 0.5) * 0.9
    field = (torch.minimum(middle - 8.0, 14.0 - middle) * 2).expand(size // 2, size // 2, size // 2).contiguous()
    return CascadeInputs(skull, skull.flip(0), field, complete)


@pytest.fixture
def network() -> Cascade:
    torch.manual_seed(0)
    return Cascade(SMALL)


def test_an_untrained_cascade_returns_the_proposal_at_every_level(network: Cascade) -> None:
    inputs = plate_case()
    field = inputs.field.clamp(-FIELD_LIMIT, FIELD_LIMIT)[None, None]
    fine = interpolate(field, scale_factor=2, mode="trilinear", align_corners=False)
    for output, expected in zip(network(inputs), (avg_pool3d(field, 2), field, fine), strict=True):
        _, x, y, z = coordinates(output.grid).long().unbind(1)
        known = share_at(inputs.skull[None], coordinates(output.grid), output.spacing)[:, 0]
        torch.testing.assert_close(output.logits, with_bone(expected[0, 0, x, y, z], known), atol=1e-5, rtol=0)


def test_levels_are_finer_by_two_and_grown_from_parents_alone(network: Cascade) -> None:
    outputs = network(plate_case())
    assert [output.spacing for output in outputs] == [1.8, 0.9, 0.45]
    for parent, child in itertools.pairwise(outputs):
        above = coordinates(child.grid) // torch.tensor([1, 2, 2, 2], dtype=torch.int32)
        assert (lookup(parent.grid, above) >= 0).all()


def test_children_over_the_threshold_are_kept_and_no_others(network: Cascade) -> None:
    parent, child, _ = network(plate_case())
    assert parent.children is not None
    kept = parent.children > SMALL.keep
    assert child.grid.num_voxels == int(kept.sum())
    assert 0 < kept.float().mean() < 1


def test_every_true_implant_voxel_is_reached(network: Cascade) -> None:
    inputs = plate_case()
    assert inputs.complete is not None
    missing = torch.nonzero((inputs.complete > 0) & (inputs.skull == 0))
    voxels = torch.nn.functional.pad(missing, (1, 0)).to(torch.int32)
    assert (lookup(network(inputs)[-1].grid, voxels) >= 0).all()


def test_gradients_reach_every_parameter_once_the_heads_are_not_zero(network: Cascade) -> None:
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    outputs = network(plate_case())
    sum(output.logits.square().mean() for output in outputs).backward()
    silent = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_the_finest_level_can_be_restricted_to_a_box(network: Cascade) -> None:
    inputs = plate_case()
    low, high = torch.tensor([4, 4, 4]), torch.tensor([12, 12, 20])
    whole, part = network(inputs)[-1], network(inputs, (low, high))[-1]
    voxels = coordinates(part.grid)[:, 1:]
    assert (voxels >= 2 * low).all()
    assert (voxels < 2 * high).all()
    _, x, y, z = coordinates(whole.grid).unbind(1)
    inside = ((x >= 8) & (x < 24) & (y >= 8) & (y < 24) & (z >= 8) & (z < 40)).sum()
    assert part.grid.num_voxels == int(inside)


def test_nothing_proposed_is_an_empty_grid_at_every_level(network: Cascade) -> None:
    inputs = plate_case()
    nothing = CascadeInputs(inputs.skull, inputs.mirrored, torch.full_like(inputs.field, -FIELD_LIMIT), inputs.complete)
    assert [output.grid.num_voxels for output in network(nothing)] == [0, 0, 0]


def test_shares_are_means_over_blocks_and_zero_outside() -> None:
    volume = (torch.rand(8, 12, 16) > 0.5).to(torch.uint8)
    voxels = torch.tensor([[0, 1, 2, 3], [0, 0, 0, 0], [0, -1, 0, 0], [0, 2, 0, 0]], dtype=torch.int32)
    pooled = avg_pool3d(volume.float()[None], 4)[0]
    expected = torch.tensor([pooled[1, 2, 3], pooled[0, 0, 0], 0, 0])
    torch.testing.assert_close(share_at(volume[None], voxels, 1.8)[:, 0], expected)
    torch.testing.assert_close(share_at(volume[None], voxels[:2], 0.45)[:, 0], volume[[1, 0], [2, 0], [3, 0]].float())


def test_children_are_ordered_x_slowest() -> None:
    children = children_of(torch.tensor([[0, 1, 0, 3]], dtype=torch.int32))
    assert children[:, 1:].tolist() == [[2 + (c >> 2), c >> 1 & 1, 6 + (c & 1)] for c in range(8)]


def test_the_seed_grid_is_the_proposal_and_the_bone_around_it() -> None:
    field, skull = torch.full((60, 16, 16), -8.0), torch.zeros((120, 32, 32), dtype=torch.uint8)
    field[8:10, 8:10, 8:10], field[8:10, 8:10, 10:12] = 3.0, -5.0
    skull[33, 17, 18], skull[101, 17, 18] = 1, 1
    voxels = coordinates(seed_grid(field, skull, -6.0))[:, 1:].tolist()
    bone = [8, 4, 4]
    assert bone in voxels
    assert [25, 4, 4] not in voxels
    assert {(4, 4, 4), (4, 4, 5), (2, 4, 4), (6, 4, 4)} <= {tuple(v) for v in voxels}
    assert all(np.linalg.norm(np.subtract(v, (4, 4, 4))) <= 2.5 for v in voxels if v != bone)


def test_a_fresh_residual_block_changes_nothing_but_its_bias() -> None:
    grid = from_coordinates(
        torch.randint(0, 12, (200, 4), dtype=torch.int32) * torch.tensor([0, 1, 1, 1], dtype=torch.int32)
    )
    block = ResidualBlock(4)
    features = torch.randn(grid.num_voxels, 4)
    bias = block.convolutions[1].bias
    torch.testing.assert_close(block(features, grid), features + bias)


def test_a_unet_keeps_rows_and_width() -> None:
    points = np.random.default_rng(0).integers(0, 20, (300, 3))
    grid = from_coordinates(torch.nn.functional.pad(torch.from_numpy(points), (1, 0)).to(torch.int32))
    out = SparseUNet((4, 6, 8))(torch.randn(grid.num_voxels, 4), grid)
    assert out.shape == (grid.num_voxels, 4)

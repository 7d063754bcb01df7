import pytest
import torch
import torch.nn.functional as F

from cranial_sparse.bricks import (
    coarsen,
    coordinates,
    equal,
    from_coordinates,
    from_dense,
    inherit,
    parents,
    reference,
    refine,
    subdivide,
    to_dense,
    upsample,
    upsample_with_coordinates,
)
from cranial_sparse.bricks.ops import child_bricks


def children_for(grid):
    return torch.randint(0, 256, (len(grid),), generator=torch.manual_seed(1)).to(torch.uint8)


def test_matches_reference(grid):
    coarse = coarsen(grid)
    assert equal(coarse, reference.coarsen(grid))
    assert torch.equal(child_bricks(coarse.coords, grid.coords), reference.child_bricks(coarse.coords, grid.coords))
    assert equal(refine(grid, children_for(grid)), reference.refine(grid, children_for(grid)))
    for got, expected in zip(parents(grid, coarse), reference.parents(grid, coarse), strict=True):
        assert torch.equal(got, expected)


def test_coarsen_is_max_pooling():
    volume = torch.rand(2, 24, 16, 40, generator=torch.manual_seed(0)) < 0.05
    pooled = F.max_pool3d(volume.float(), 2).bool()
    assert torch.equal(to_dense(coarsen(from_dense(volume)), pooled.shape), pooled)


def test_child_bits_by_hand():
    grid = from_coordinates(torch.tensor([[0, -1, 3, 4]], dtype=torch.int32))
    fine = refine(grid, torch.tensor([1 << 0 | 1 << 3 | 1 << 4], dtype=torch.uint8))
    assert sorted(coordinates(fine)[:, 1:].tolist()) == [[-2, 6, 8], [-2, 7, 9], [-1, 6, 8]]


def test_subdivide_and_coarsen_are_inverse(grid):
    fine = subdivide(grid)
    assert len(fine) == 8 * len(grid)
    assert equal(coarsen(fine), grid)


def test_parents_tell_where_each_child_came_from(grid):
    children = children_for(grid)
    fine = refine(grid, children)
    rows, slots = parents(fine, grid)
    rebuilt = torch.zeros(len(grid), dtype=torch.int64).index_add_(0, rows, 1 << slots.long())
    assert torch.equal(rebuilt, children.long())


def test_voxels_without_parent():
    fine = from_coordinates(torch.tensor([[0, 0, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0]], dtype=torch.int32))
    coarse = from_coordinates(torch.tensor([[0, 1, 0, 0]], dtype=torch.int32))
    assert parents(fine, coarse)[0].tolist() == [-1, 0, -1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_upsample_keeps_children_above_the_threshold(grid, dtype):
    logits = torch.randn(len(grid), 8, dtype=dtype, generator=torch.manual_seed(2), requires_grad=True)
    fine = upsample(grid, logits, 0.25)
    assert equal(fine, reference.upsample(grid, logits, 0.25))
    assert len(fine) == int((logits > 0.25).sum())
    again, voxels = upsample_with_coordinates(grid, logits, 0.25)
    assert equal(again, fine)
    assert torch.equal(voxels, coordinates(fine))


def test_upsample_drops_nan_and_equality():
    grid = from_coordinates(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    logits = torch.tensor([[0.0, float("nan"), 1.0, -1.0, 0.0, 0.0, 0.0, 0.0]])
    assert coordinates(upsample(grid, logits)).tolist() == [[0, 0, 1, 0]]


def test_shapes_are_checked():
    grid = from_coordinates(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    with pytest.raises(ValueError, match=r"uint8 \[1\]"):
        refine(grid, torch.zeros(2, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"\[1, 8\]"):
        upsample(grid, torch.zeros(1, 4))
    with pytest.raises(ValueError, match=r"logits: expected \[1, 8\]"):
        upsample_with_coordinates(grid, torch.zeros(2, 8))
    with pytest.raises(ValueError, match="logits: expected float32 or float64"):
        upsample(grid, torch.zeros(1, 8).half())


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("at", [1 << 17, -(1 << 17) - 1])
def test_children_beyond_the_coordinates_are_refused(axis, at):
    voxel = torch.zeros(1, 4, dtype=torch.int32)
    voxel[0, axis] = at
    grid, children = from_coordinates(voxel), torch.tensor([255], dtype=torch.uint8)
    with pytest.raises(ValueError, match="children: expected all kept ones to have coordinates in"):
        refine(grid, children)
    with pytest.raises(ValueError, match="coordinates in"):
        reference.refine(grid, children)
    assert len(refine(grid, torch.zeros(1, dtype=torch.uint8))) == 0  # none is kept


def test_children_reach_to_the_last_coordinates():
    grid = from_coordinates(torch.tensor([[0, (1 << 17) - 1, 0, -(1 << 17)]], dtype=torch.int32))
    assert coordinates(subdivide(grid))[-1].tolist() == [0, (1 << 18) - 1, 1, -(1 << 18) + 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
def test_inherit_is_the_feature_of_the_parent(grid, dtype):
    coarse = coarsen(grid)
    coarse = reference.prune(coarse, torch.rand(len(coarse), generator=torch.manual_seed(0)) < 0.7)
    features = torch.randint(0, 100, (len(coarse), 5), generator=torch.manual_seed(1)).to(dtype)
    assert torch.equal(inherit(features, grid, coarse), reference.inherit(features, grid, coarse))


def test_inherit_sums_gradients_over_children():
    fine = from_dense(torch.rand(9, 6, 7, generator=torch.manual_seed(0)) < 0.6)
    coarse = coarsen(fine)
    coarse = reference.prune(coarse, torch.arange(len(coarse)) % 3 > 0)
    features = torch.randn(len(coarse), 2, dtype=torch.float64, generator=torch.manual_seed(1), requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: inherit(f, fine, coarse), features)
    with pytest.raises(ValueError, match="features: expected a row"):
        inherit(features[1:], fine, coarse)


def test_refine_refuses_children_beyond_a_grid():
    grid = from_coordinates(torch.tensor([[0, (1 << 18) - 1, 0, 0], [0, 1, 0, 0]], dtype=torch.int32))
    assert len(refine(grid, torch.tensor([1, 0], dtype=torch.uint8))) == 1  # rows in order: the voxel at 1 comes first
    with pytest.raises(ValueError, match="children: expected all kept ones"):
        refine(grid, torch.tensor([0, 1], dtype=torch.uint8))

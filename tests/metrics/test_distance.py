"""Surface distances against values worked out by hand and against an all-pairs oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cranial_sparse.metrics import asd, hd, hd95, nsd, pooled_surface_distances, surface_voxels

SHAPE = (7, 8, 6)
SPACING = (0.5, 1.25, 2.0)


def blob(seed: int, density: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE) < density


def oracle(p: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Both directed sets, by erosion and a table of all distances."""
    cross = ndimage.generate_binary_structure(3, 1)
    a, b = (np.argwhere(m & ~ndimage.binary_erosion(m, cross)) * SPACING for m in (p, g))
    table = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return np.concatenate([table.min(1), table.min(0)])


def voxel(*index: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[index] = True
    return mask


def test_two_voxels():
    p, g = voxel(1, 1, 1), voxel(4, 5, 1)  # 1.5 mm and 5 mm apart along x and y
    expected = np.hypot(1.5, 5)
    assert hd95(p, g, SPACING) == hd(p, g, SPACING) == asd(p, g, SPACING) == pytest.approx(expected)


def test_pooled_percentile_and_mean_by_hand():
    """Truth is one voxel; prediction that voxel and one 2 mm beside it: the pool is {0, 2, 0}."""
    truth = voxel(1, 1, 1)
    prediction = truth | voxel(1, 1, 2)
    assert sorted(pooled_surface_distances(prediction, truth, SPACING)) == [0, 0, 2]
    assert hd(prediction, truth, SPACING) == 2
    assert asd(prediction, truth, SPACING) == pytest.approx(2 / 3)
    assert hd95(prediction, truth, SPACING) == pytest.approx(1.8)  # rank 1.9 of [0, 0, 2]


def test_surface_leaves_out_the_inside_only():
    mask = np.zeros((7, 7, 7), bool)
    mask[1:6, 1:6, 1:6] = True
    assert len(surface_voxels(mask)) == 5**3 - 3**3
    assert [3, 3, 3] not in surface_voxels(mask).tolist()
    assert len(surface_voxels(np.ones((3, 3, 3), bool))) == 26  # the array's border is a surface
    assert surface_voxels(np.zeros((3, 3, 3), bool)).shape == (0, 3)


def test_empty_prediction_is_the_diagonal_of_the_joint_box():
    truth = np.zeros(SHAPE, bool)
    truth[1:3, 2:6, 1:4] = True  # 1 x 5 x 6 mm
    empty = np.zeros(SHAPE, bool)
    expected = np.sqrt(1**2 + 5**2 + 6**2)
    for metric in (hd95, hd, asd):
        assert metric(empty, truth, SPACING) == pytest.approx(expected)
        assert metric(truth, empty, SPACING) == pytest.approx(expected)
        assert metric(empty, empty, SPACING) == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.01, 0.2, 0.8]))
def test_pool_equals_all_pairs(seed: int, density: float):
    p, g = blob(seed, density), blob(seed + 1)
    if p.any() and g.any():
        expected = oracle(p, g)
        np.testing.assert_allclose(np.sort(pooled_surface_distances(p, g, SPACING)), np.sort(expected), atol=1e-12)
        assert hd95(p, g, SPACING) == pytest.approx(np.percentile(expected, 95))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.0, 0.05, 0.6]))
def test_symmetric_ordered_and_zero_on_itself(seed: int, density: float):
    p, g = blob(seed, density), blob(seed + 1)
    for metric in (hd95, hd, asd):
        assert metric(p, g, SPACING) == pytest.approx(metric(g, p, SPACING))
        assert metric(g, g, SPACING) == 0
    assert asd(p, g, SPACING) <= hd(p, g, SPACING) + 1e-12
    assert hd95(p, g, SPACING) <= hd(p, g, SPACING) + 1e-12


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.tuples(*[st.integers(0, 9)] * 3))
def test_room_around_the_masks_does_not_matter(seed: int, shift: tuple[int, int, int]):
    p, g = blob(seed), blob(seed + 1)
    pad = [(s, 9 - s) for s in shift]
    near, far = (metric_pair(np.pad(p, w), np.pad(g, w)) for w in ([(0, 0)] * 3, pad))
    assert near == pytest.approx(far)


def metric_pair(p: np.ndarray, g: np.ndarray) -> tuple[float, float]:
    return hd95(p, g, SPACING), asd(p, g, SPACING)


def test_nsd_by_hand():
    """The pool of a voxel against itself and one 2 mm beside it is {0, 2, 0}."""
    truth = voxel(1, 1, 1)
    prediction = truth | voxel(1, 1, 2)
    assert nsd(prediction, truth, SPACING) == pytest.approx(2 / 3)
    assert nsd(prediction, truth, SPACING, within=2.0) == 1  # inclusive
    assert nsd(voxel(1, 1, 1), voxel(3, 1, 1), SPACING) == 1  # 1 mm apart along x
    assert nsd(voxel(1, 1, 1), voxel(4, 1, 1), SPACING) == 0


def test_nsd_of_empty_masks_is_no_matter_of_size():
    """A speck whose diagonal is below a millimetre would pass for close."""
    speck, empty = voxel(1, 1, 1), np.zeros(SHAPE, bool)
    assert nsd(empty, speck, (0.1, 0.1, 0.1)) == nsd(speck, empty, (0.1, 0.1, 0.1)) == 0
    assert nsd(empty, empty, SPACING) == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), within=st.floats(0, 5).filter(lambda d: d % 0.25))
def test_nsd_equals_all_pairs(seed: int, within: float):
    p, g = blob(seed, 0.05), blob(seed + 1)
    if p.any() and g.any():
        assert nsd(p, g, SPACING, within) == pytest.approx(np.mean(oracle(p, g) <= within))

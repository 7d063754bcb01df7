"""From one lattice to another, against scipy's interpolation of every voxel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, map_coordinates
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.resampling import resample, resample_field, resample_near, to_lattice
from cranial_sparse.geometry import Volume

affines = st.tuples(
    st.tuples(*[st.floats(-np.pi, np.pi)] * 3), st.floats(0.3, 2.5), st.tuples(*[st.floats(-25, 35)] * 3)
)


@settings(max_examples=25, deadline=None)
@given(affines, st.integers(0, 2**31), st.sampled_from([0.0005, 0.02, 0.6]))
def test_passing_over_air_changes_nothing(affine, seed, share):
    angles, scale, offset = affine
    rng = np.random.default_rng(seed)
    mask = rng.random((25, 33, 18)) < share
    matrix = Rotation.from_euler("xyz", angles).as_matrix() * scale
    whole = affine_transform(mask.astype(np.float32), matrix, offset, (37, 20, 41), order=1, mode="grid-constant")
    clear = np.abs(whole - 0.5) > 1e-5  # ties may fall either way
    found = resample(mask, matrix, np.array(offset), (37, 20, 41))
    np.testing.assert_array_equal(found[clear], whole[clear] > 0.5)
    less = mask & (rng.random(mask.shape) < 0.98)
    np.testing.assert_array_equal(
        resample_near(less, mask & ~less, matrix, np.array(offset), found.copy()),
        resample(less, matrix, np.array(offset), (37, 20, 41)),
    )


@pytest.mark.parametrize("side", [1.0, -1.0], ids=["as it is", "mirrored"])
def test_a_posed_head_at_the_voxels_of_the_lattice(head: Volume, side: float) -> None:
    pose = Pose(Rotation.from_euler("xyz", [0.1, -0.05, 0.2]).as_matrix(), np.array([3.0, -8.0, 5.0]))
    part = canonical_lattice(2)
    places = part.to_physical(np.moveaxis(np.indices(part.shape), 0, -1)) * [side, 1.0, 1.0]
    index = np.moveaxis(head.geometry.to_index(pose.to_patient(places)), -1, 0)
    value = map_coordinates(head.array.astype(np.float32), index, order=1, mode="grid-constant")
    found = to_lattice(head, pose, part, mirrored=side < 0)
    clear = np.abs(value - 0.5) > 1e-4  # ties may fall either way
    assert found.sum() > 10_000
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[clear] > 0, value[clear] > 0.5)


@settings(max_examples=40, deadline=None)
@given(affines, st.integers(0, 2**31), st.floats(-20, 20, width=32))
def test_a_field_is_what_scipy_reads(affine, seed, outside):
    angles, scale, offset = affine
    field = np.random.default_rng(seed).normal(size=(19, 27, 16)).astype(np.float32)
    matrix = Rotation.from_euler("xyz", angles).as_matrix() * scale
    read = {"order": 1, "mode": "grid-constant", "cval": outside, "prefilter": False}
    whole = affine_transform(field, matrix, offset, (23, 17, 29), np.float32, **read)
    found = resample_field(field, matrix, np.array(offset), (23, 17, 29), outside)
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_places_by_hand():
    """On a voxel, half way between two, half a voxel and a whole one beyond the last."""
    field = np.array([[[1.0, 3.0]]], np.float32)
    found = resample_field(field, np.diag([1.0, 1.0, 0.5]), np.array([0.0, 0.0, -1.0]), (1, 1, 7), -5.0)
    np.testing.assert_array_equal(found[0, 0], [-5.0, -2.0, 1.0, 2.0, 3.0, -1.0, -5.0])


def test_far_away_or_no_number_is_outside():
    field = np.ones((3, 3, 3), np.float32)
    for offset in ([1e300, 0.0, 0.0], [0.0, -np.inf, 0.0], [np.nan, 0.0, 0.0]):
        assert (resample_field(field, np.eye(3), np.array(offset), (2, 2, 2), 7.0) == 7.0).all()


def test_no_voxels_on_either_side():
    assert resample_field(np.ones((3, 3, 3), np.float32), np.eye(3), np.zeros(3), (0, 2, 2), 0.0).shape == (0, 2, 2)
    assert (resample_field(np.ones((0, 3, 3), np.float32), np.eye(3), np.zeros(3), (2, 2, 2), 4.0) == 4.0).all()


def test_a_target_that_is_not_contiguous_is_refused_untouched():
    mask, out = np.ones((4, 4, 4), bool), np.zeros((4, 4, 4), bool, order="F")
    with pytest.raises(ValueError, match=r"volume: expected C-contiguous bool_? \[X, Y, Z\], got bool"):
        resample_near(mask, mask, np.eye(3), np.zeros(3), out)
    assert not out.any()

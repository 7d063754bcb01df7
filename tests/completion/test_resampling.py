"""Masks from one lattice to another, against scipy's interpolation of every voxel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, map_coordinates
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.resampling import resample, resample_near, to_lattice
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


def test_a_target_that_is_not_contiguous_is_refused_untouched():
    mask, out = np.ones((4, 4, 4), bool), np.zeros((4, 4, 4), bool, order="F")
    with pytest.raises(ValueError, match=r"volume: expected C-contiguous bool_? \[X, Y, Z\], got bool"):
        resample_near(mask, mask, np.eye(3), np.zeros(3), out)
    assert not out.any()


def test_half_way_is_air_wherever_the_volume_lies():
    """Ten voxels of 0.9 mm are nine of 1 mm: every tenth lies half way between two, give or take the last bit."""
    mask = np.zeros((3, 3, 40), bool)
    mask[..., ::2] = True
    for last_bits in (-3e-14, -1e-15, 0.0, 1e-15, 3e-14):
        found = resample(mask, np.diag([1.0, 1.0, 0.9]), np.array([0.0, 0.0, 0.5 + last_bits]), (3, 3, 40))
        assert not found[..., ::10].any()

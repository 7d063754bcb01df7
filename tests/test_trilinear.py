"""The trilinear kernel against scipy's, and by hand."""

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from cranial_sparse import trilinear
from cranial_sparse.trilinear import resample_field

affines = st.tuples(
    st.tuples(*[st.floats(-np.pi, np.pi)] * 3), st.floats(0.3, 2.5), st.tuples(*[st.floats(-25, 35)] * 3)
)


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


def test_a_copy_lives_as_long_as_the_kernel_reads_it(monkeypatch):
    """Of a field in another order or precision: its memory was free for others before the kernel ran."""
    field = np.random.default_rng(0).normal(size=(20, 30, 40))
    plain = field.astype(np.float32)
    kernels, others = trilinear._native(), []

    def later() -> object:
        others.extend(np.full_like(plain, np.nan) for _ in range(20))  # takes what is free
        return kernels

    monkeypatch.setattr(trilinear, "_native", later)
    for other in (field, np.asfortranarray(plain), np.stack([plain, plain], -1)[..., 0]):
        found = resample_field(other, np.eye(3), np.zeros(3), plain.shape, 0.0)
        np.testing.assert_array_equal(found, plain)


def test_torch_is_not_needed():
    """It takes more than a second to import, which a command that designs an implant would wait for."""
    program = """
import sys
import numpy as np
from cranial_sparse.cli import solid
from cranial_sparse.trilinear import resample_field
assert resample_field(np.ones((2, 2, 2), np.float32), np.eye(3), np.zeros(3), (1, 1, 1), 0.0) == 1
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

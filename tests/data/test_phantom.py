"""Phantoms: the same seed the same bits, other seeds other heads, and always one plausible skull."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.data.phantom import Variation, keep_largest, phantom, random_field, upsample_sign
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

DIGEST = """
import hashlib
from cranial_sparse.data.phantom import phantom
print(hashlib.sha256(phantom(7).array).hexdigest())
"""


@cache
def example(seed: int) -> Volume:
    return phantom(seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_phantom_is_a_skull_clear_of_the_border(seed: int) -> None:
    volume = example(seed)
    assert volume.array.dtype == bool
    assert volume.geometry == canonical_lattice()
    assert 300 < volume.array.sum() * volume.geometry.voxel_volume / 1000 < 900  # ml
    for axis in range(3):
        for end in (0, -1):
            assert not np.take(volume.array, end, axis).any()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_phantom_is_one_component(seed: int) -> None:
    bone = example(seed).array
    hits = (np.flatnonzero(bone.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    assert label(bone[tuple(slice(hit[0], hit[-1] + 1) for hit in hits)])[1] == 1


def test_seeds_differ_by_millimetres() -> None:
    a, b = example(0).array, example(1).array
    assert (a & b).sum() / (a | b).sum() < 0.8


def test_the_same_bits_for_any_number_of_threads() -> None:
    digests = set()
    for threads in ("1", "2"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        run = subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_without_variation_left_mirrors_right() -> None:
    still = Variation(bend=0, skew=0, scale=0, thickness=0, wave=0, grain=0)
    bone = phantom(0, variation=still).array
    # The coarse lattice lies half a fine voxel off the middle, so sides may differ by a voxel at the surface.
    assert not (bone & ~binary_dilation(bone[::-1], np.ones((3, 3, 3)))).any()
    assert abs(int(bone[:256].sum()) - int(bone[256:].sum())) < 1e-3 * bone.sum()


def test_raising_the_floor_takes_bone_off_below_only() -> None:
    whole, raised = example(0).array, phantom(0, raised=40).array
    heights = np.flatnonzero(whole.any(axis=(0, 1))), np.flatnonzero(raised.any(axis=(0, 1)))
    assert heights[1][0] - heights[0][0] > 40 / 0.45 * 0.7
    assert not (raised & ~whole).any()
    np.testing.assert_array_equal(raised[:, :, 340:], whole[:, :, 340:])


def test_nothing_left_and_bad_seeds_are_told() -> None:
    with pytest.raises(InputError, match="choose less"):
        phantom(0, raised=500)
    with pytest.raises(InputError, match="seed"):
        phantom(-1)


def test_random_fields_are_as_rough_as_asked() -> None:
    field = random_field(np.random.default_rng(0), (60, 60, 60), 4.0)
    assert field.std() == pytest.approx(1, abs=1e-3)
    assert (field[4:] * field[:-4]).mean() == pytest.approx(np.exp(-0.5), abs=0.08)


def test_upsampling_follows_a_plane_between_voxels() -> None:
    x, y, z = np.indices((6, 7, 8))
    slope = np.array([0.4, 0.3, 0.6])
    coarse = (slope[0] * x + slope[1] * y + slope[2] * z - 4).astype(np.float32)
    fine = (np.indices((18, 21, 24)) - 1) / 3
    expected = np.tensordot(slope, fine, 1) - 4
    inner = np.zeros(expected.shape, bool)
    inner[6:-6, 6:-6, 6:-6] = True  # cubic convolution is exact on planes away from the border
    inner &= np.abs(expected) > 1e-4  # the sign of zero is anyone's guess
    np.testing.assert_array_equal(upsample_sign(coarse)[inner], (expected < 0)[inner])


def test_keeping_the_largest_piece() -> None:
    bone = np.zeros((8, 8, 8), bool)
    bone[1:4, 1:4, 1:4] = True
    bone[6, 6, 6] = True
    keep_largest(bone)
    assert bone.sum() == 27

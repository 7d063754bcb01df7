"""Volumetric error, volume ratio and parts, by hand."""

import numpy as np
import pytest

from cranial_sparse.metrics import component_count, volume_ratio, volumetric_error


def slab(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((10, 4, 3), bool)
    mask[start:stop] = True
    return mask


def test_a_slab_shifted_by_one_of_four():
    assert volumetric_error(slab(3, 7), slab(2, 6)) == pytest.approx(2 / 4)
    assert volume_ratio(slab(3, 7), slab(2, 6)) == 1


def test_too_much_and_too_little():
    assert volumetric_error(slab(0, 6), slab(0, 4)) == volumetric_error(slab(0, 2), slab(0, 4)) == pytest.approx(0.5)
    assert volume_ratio(slab(0, 6), slab(0, 4)) == pytest.approx(1.5)
    assert volumetric_error(slab(5, 9), slab(0, 4)) == 2  # all of it elsewhere


def test_empty_masks():
    some, none = slab(1, 3), slab(0, 0)
    assert (volumetric_error(none, some), volume_ratio(none, some)) == (1, 0)
    assert (volumetric_error(some, none), volume_ratio(some, none)) == (1, 0)
    assert (volumetric_error(none, none), volume_ratio(none, none)) == (0, 1)


def test_parts_hang_together_by_faces_only():
    mask = np.zeros((4, 4, 4), bool)
    assert component_count(mask) == 0
    mask[0, 0, 0] = mask[1, 1, 0] = True  # an edge between them
    assert component_count(mask) == 2
    mask[1, 0, 0] = True
    assert component_count(mask) == 1
    mask[3, 3, 3] = True
    assert component_count(mask) == 2

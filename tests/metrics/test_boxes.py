"""Boxes of masks."""

import numpy as np
import pytest

from cranial_sparse.metrics.boxes import bounding_box, diagonal, grow, joint_box, reached, whole


def test_bounding_box_is_tight():
    mask = np.zeros((5, 6, 7), bool)
    assert bounding_box(mask) is None
    mask[1, 2, 3] = mask[3, 2, 5] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 3), slice(3, 6))


def test_joint_box_holds_both_and_ignores_an_empty_one():
    a, b, empty = (np.zeros((9, 9, 9), bool) for _ in range(3))
    a[1, 1, 1], b[4, 0, 8] = True, True
    assert joint_box(a, b) == (slice(1, 5), slice(0, 2), slice(1, 9))
    assert joint_box(a, empty) == bounding_box(a)
    assert joint_box(empty, empty) is None


def test_grow_stops_at_the_array():
    box = (slice(1, 4), slice(2, 3), slice(3, 6))
    assert grow(box, (2, 1, 9), (5, 6, 7)) == (slice(0, 5), slice(1, 4), slice(0, 7))


def test_interpolation_reaches_the_next_voxels():
    corners = reached((slice(1, 4), slice(2, 3), slice(0, 6)))
    assert len({tuple(corner) for corner in corners}) == 8
    assert corners.min(0).tolist() == [0, 1, -1]
    assert corners.max(0).tolist() == [4, 3, 6]


def test_diagonal_counts_whole_voxels():
    assert diagonal((slice(0, 1), slice(2, 4), slice(0, 1)), (3.0, 2.0, 0.0)) == pytest.approx(5.0)
    assert whole(np.zeros((2, 3, 4), bool)) == (slice(0, 2), slice(0, 3), slice(0, 4))

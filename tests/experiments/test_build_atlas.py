"""The atlas builder's steps on shapes with known answers."""

import numpy as np
import pytest

pytest.importorskip("SimpleITK")

from cranial_sparse.data.registration import COMMON
from experiments.build_atlas import Mean, fit_floor, refine_distance, undo


def test_distances_are_refined_between_voxels() -> None:
    x, y, z = np.indices((30, 30, 30)) - 14.3
    exact = np.sqrt(x**2 + y**2 + z**2) - 9.37
    near = np.abs(exact) < 1
    assert np.abs(refine_distance(exact.astype(np.float32), 1.0) - exact)[near].max() < 0.2


def test_undoing_a_displacement() -> None:
    points = COMMON.points()
    u = np.stack([2 * np.sin(points[1] / 30), 1.5 * np.cos(points[2] / 25), np.sin(points[0] / 20)]).astype(np.float32)
    v = undo(u, COMMON)
    there = points + v
    again = there + np.stack([COMMON.sample(a, there) for a in u])
    inner = (slice(None), *(slice(3, -3),) * 3)
    assert np.abs(again - points)[inner].max() < 0.05


def test_the_floor_is_the_plane_below_which_scans_end() -> None:
    _, y, z = COMMON.points()
    seen = np.where(z > -60 + 0.2 * y, 0.8, 0.1).astype(np.float32)
    height, slope = fit_floor(Mean(z, seen, bone=z))
    assert slope == pytest.approx(0.2, abs=0.02)
    assert height == pytest.approx(-60, abs=4)

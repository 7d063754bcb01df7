"""The way in: walls that stand in it, and holes whose axis is known."""

from collections.abc import Callable

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.direction import (
    block_mean,
    blocked_share,
    coarse_points,
    cone,
    find_direction,
    frame,
    head_middle,
    mean_normal,
)

UP = np.array([0, 0, 1.0])
PLATE = np.array([[x, y, 0.0] for x in range(10) for y in range(10)]) + 0.5  # 10 × 10 points, 1 mm apart


def test_a_wall_above_blocks_what_is_under_it():
    wall = PLATE[PLATE[:, 0] < 3] + np.array([0, 0, 5.0])
    assert blocked_share(wall, PLATE, UP, 1.0) == pytest.approx(0.3)
    assert blocked_share(wall, PLATE, -UP, 1.0) == 0  # moved down, it stands behind
    assert blocked_share(PLATE + 100.0, PLATE, UP, 1.0) == 0  # beside
    assert blocked_share(np.zeros((0, 3)), PLATE, UP, 1.0) == 0


def test_bone_at_the_same_height_does_not_block():
    assert blocked_share(PLATE + np.array([0, 0, 0.4]), PLATE, UP, 1.0) == 0
    assert blocked_share(PLATE + np.array([0, 0, 0.6]), PLATE, UP, 1.0) == 1


@pytest.mark.parametrize("axis", [(0, 0, 1.0), (1.0, 0, 0), (0.48, -0.6, 0.64), (-0.48, -0.6, -0.64)])
def test_frames_are_right_handed(axis: tuple[float, float, float]):
    u, v = frame(np.array(axis))
    np.testing.assert_allclose(np.cross(u, v), axis, atol=1e-12)
    assert np.linalg.norm(u) == pytest.approx(1)
    assert abs(u @ np.array(axis)) < 1e-12


def test_a_cone_is_spread_evenly_around_its_axis():
    axis = np.array([0.48, -0.6, 0.64])
    rays = cone(axis, np.radians(60), 150)
    np.testing.assert_allclose(rays[0], axis, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
    angle = np.degrees(np.arccos(np.clip(rays @ axis, -1, 1)))
    assert angle.max() == pytest.approx(60)
    assert (angle < 41.4).mean() == pytest.approx(0.5, abs=0.02)  # cos 41.4° = ¾ halves the cap's area
    mean = rays.mean(axis=0)
    assert mean @ axis == pytest.approx(np.linalg.norm(mean), abs=0.005)


@pytest.mark.parametrize("tilt", [0, 20, 40])
def test_a_slot_is_left_along_its_own_axis(tilt: float):
    """A plate 20 mm deep in bone, its walls tilted: only along them nothing is lost."""
    angle = np.radians(tilt)
    along = np.array([np.sin(angle), 0, np.cos(angle)])
    x, y, z = np.mgrid[-30:30:1.0, -30:30:1.0, -20:0:1.0].reshape(3, -1)
    points = np.column_stack([x, y, z])
    offset = points - np.outer(z / along[2], along)
    hole = (np.abs(offset[:, :2]) < 10).all(axis=1)
    found = find_direction(points[~hole], points[hole], UP, 60.0)
    assert np.degrees(np.arccos(np.clip(np.dot(found.outward, along), -1, 1))) < 8
    assert found.lost < 0.1  # what the steps of its walls hide
    assert blocked_share(points[~hole], points[hole], np.array([0.0, -0.7, 0.714])) > 0.3


def test_a_narrow_cone_keeps_to_the_normal():
    found = find_direction(np.zeros((0, 3)), PLATE, 3 * UP, 0.0)
    np.testing.assert_allclose(found.outward, UP, atol=1e-9)
    assert found.lost == 0


def test_the_middle_of_a_ball_is_found_from_a_part_of_it():
    random = np.random.default_rng(0)
    rays = random.normal(size=(4000, 3))
    points = 70 * rays / np.linalg.norm(rays, axis=1, keepdims=True) + np.array([5.0, -8, 30])
    cap = points[:, 2] > 90
    near = (points[:, 2] > 60) & ~cap
    np.testing.assert_allclose(head_middle(points[near], points[cap]), [5, -8, 30], atol=0.01)
    normal = mean_normal(points[cap], np.array([5.0, -8, 30]))
    np.testing.assert_allclose(normal, UP, atol=0.05)


def test_coarse_points_are_middles_of_full_blocks():
    mask = np.zeros((8, 6, 5), bool)
    mask[2:4, 2:4, 2:4] = True
    mask[7, 5, 4] = True  # an eighth of its block
    volume = Volume(mask, Geometry(mask.shape, (0.8, 0.8, 0.8), (10.0, 20.0, 30.0)))
    np.testing.assert_allclose(coarse_points(volume), [[12.0, 22.0, 32.0]])  # voxels 2 and 3: index 2.5
    mask[2:4, 2:4, 2:4] = False
    np.testing.assert_allclose(coarse_points(volume), [[15.2, 23.6, 33.6]])  # all there is
    mask[:] = False
    assert coarse_points(volume).shape == (0, 3)


def test_block_means_count_a_cut_off_block_as_air_beyond():
    mask = np.ones((3, 2, 2), bool)
    np.testing.assert_allclose(block_mean(mask, (2, 2, 2)).ravel(), [1.0, 0.5])


def test_the_hole_of_a_ball_is_seen_from_outside(holed: tuple[Volume, Volume], make_shell: Callable):
    skull, missing = map(coarse_points, holed)
    normal = mean_normal(missing, head_middle(skull, missing))
    axis = np.array([0.25, 0.1, 1.0]) / np.linalg.norm([0.25, 0.1, 1.0])
    assert np.degrees(np.arccos(normal @ axis)) < 2
    assert find_direction(skull, missing, normal, 60.0).lost < 0.05
    assert blocked_share(skull, missing, np.array([0.9, 0, 0.436])) > 0.06

"""Reflections laid onto heads whose symmetry is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.maps import cast_vault, directions, look_up, to_pixel
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.symmetry import (
    REFLECTION,
    Motion,
    lay_onto,
    mirrored_points,
    other_side,
    reflected,
    symmetric_pose,
)
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

SPREAD = np.repeat([0.1, 5.0], 3)


def surface() -> np.ndarray:
    return np.where(directions()[1], shipped_model().outer.mean.astype(float), np.nan)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=3), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_a_moved_surface_is_laid_back(turn: list[float], shift: list[float]) -> None:
    unit, inside = directions()
    outer = surface()
    points = (unit * outer[..., None])[inside][::7]
    moved = Motion(Rotation.from_rotvec(turn).as_matrix(), np.array(shift))
    found, left = lay_onto(moved(points), outer, SPREAD)
    assert left < 0.2
    assert np.median(np.linalg.norm(found(moved(points)) - points, axis=1)) < 0.6


def test_a_hole_and_a_bump_do_not_pull() -> None:
    outer = surface()
    damaged = outer.copy()
    damaged[90:130, 60:110] = np.nan
    damaged[30:50, 80:100] += 8.0
    motion, left = lay_onto(mirrored_points(damaged), damaged, SPREAD)
    assert np.rad2deg(Rotation.from_matrix(motion.rotation).magnitude()) < 0.3
    assert np.abs(motion.shift).max() < 0.3
    assert left < 0.1


def test_what_has_no_spread_is_held_back() -> None:
    outer = surface()
    shifted = mirrored_points(outer) + np.array([2.0, 1.0, 0.0])
    motion, _ = lay_onto(shifted, outer, np.array([0, 0.1, 0.1, 5.0, 0, 0]))
    assert motion.shift[0] == pytest.approx(-2.0, abs=0.3)
    assert abs(Rotation.from_matrix(motion.rotation).as_rotvec()[0]) < 1e-3


def test_nothing_to_meet_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"no side to mirror: .* choose another --system"):
        lay_onto(mirrored_points(surface()), np.full_like(surface(), np.nan), SPREAD)


@pytest.mark.parametrize(("turn", "shift"), [((0, 0.05, -0.04), (3.0, 0, 0)), ((0, -0.03, 0.0), (-4.0, 0, 0))])
def test_the_plane_of_a_symmetric_head_is_found(head: Volume, turn: tuple, shift: tuple) -> None:
    wrong = Pose(Rotation.from_rotvec(turn).as_matrix(), np.array(shift, float))
    pose, asymmetry = symmetric_pose(head, wrong)
    half_a_voxel = head.geometry.spacing[0] / 2
    assert np.arccos(abs(pose.rotation[0, 0])) < half_a_voxel / 85  # at the side of the head
    assert abs(pose.centre @ pose.rotation[:, 0]) < 0.3  # the plane goes through x = 0 of the head
    assert asymmetry < 0.3


def test_a_reflected_pose_shows_the_other_side() -> None:
    rng = np.random.default_rng(3)
    pose = Pose(Rotation.from_rotvec(rng.normal(0, 0.3, 3)).as_matrix(), rng.normal(0, 50, 3))
    motion = Motion(Rotation.from_rotvec(rng.normal(0, 0.1, 3)).as_matrix(), rng.normal(0, 3, 3))
    bone = rng.normal(0, 80, (20, 3))
    there = motion(bone * REFLECTION)  # where reflected bone lies in the frame
    np.testing.assert_allclose(reflected(pose, motion).to_patient(there), pose.to_patient(bone), atol=1e-9)
    assert np.linalg.det(reflected(pose, motion).rotation) == pytest.approx(-1.0)


@pytest.mark.parametrize("off", [0.0, 4.0])
def test_the_other_side_of_a_symmetric_head_fits_the_hole(head: Volume, off: float) -> None:
    """Whatever plane the pose took to be the middle: the bone around the hole says where the other side belongs."""
    pose = Pose(np.eye(3), np.array([off, 0.0, 0.0]))
    outer = cast_vault(head, pose, shipped_model().outer.mean.astype(float)).outer
    unit, inside = directions()
    hole = (unit @ np.array([0.8, 0.1, np.sqrt(0.35)]) > np.cos(0.35)) & inside
    side, left = other_side(pose, outer, hole)
    bone = (unit * outer[..., None])[hole]

    def missed(there: Pose) -> float:
        points = pose.to_canonical(there.to_patient(bone))  # where the other side has what is missing here
        radius = np.linalg.norm(points, axis=-1)
        return float(np.abs(radius - look_up(outer, to_pixel(points / radius[:, None]))).mean())

    assert left < 0.3
    assert missed(side) < 0.4
    if off:
        assert missed(reflected(pose, Motion(np.eye(3), np.zeros(3)))) > 3


def test_a_hole_without_a_neighbourhood_has_no_other_side() -> None:
    outer = surface()
    with pytest.raises(InputError, match="no side to mirror"):
        other_side(Pose(np.eye(3), np.zeros(3)), outer, directions()[1])

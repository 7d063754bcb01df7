"""The orbital region's field: distances one can compute, and a model small enough to know the answer."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.maps import PIXELS, directions
from cranial_sparse.classical.orbital import (
    BOX,
    CLIP,
    FADE,
    SHAPE,
    complete_distance,
    distance_at,
    ends_above_orbits,
    orbital_share,
    signed_distance,
)
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume

STRAIGHT = Pose(np.eye(3), np.zeros(3))
POINTS = BOX.to_physical(np.stack(np.indices(SHAPE), -1))


def shell(outer: float = 85.0, inner: float = 75.0, lowest: float = -70.0) -> Volume:
    """A spherical shell in 1 mm voxels whose scan begins at z = ``lowest``."""
    geometry = Geometry((190, 190, int(95 - lowest)), (1.0, 1.0, 1.0), (-95.0, -125.0, lowest))
    radius = np.linalg.norm(geometry.to_physical(np.stack(np.indices(geometry.shape), -1)), axis=-1)
    return Volume((radius < outer) & (radius > inner), geometry)


def true_distance() -> np.ndarray:
    radius = np.linalg.norm(POINTS, axis=-1)
    return np.clip(np.minimum(85 - radius, radius - 75), -CLIP, CLIP)


def test_the_box_is_symmetric_about_the_midline() -> None:
    np.testing.assert_allclose(POINTS[::-1, :, :, 0], -POINTS[..., 0])


def test_distances_of_a_shell() -> None:
    found, seen = signed_distance(shell(), STRAIGHT)
    assert seen.all()
    error = np.abs(found - true_distance())
    assert error.mean() < 0.2
    assert error.max() < 1.1


def test_distances_follow_the_pose() -> None:
    skull, centre = shell(), np.array([5.0, -300.0, 40.0])
    moved = Volume(
        skull.array, Geometry(skull.array.shape, (1.0,) * 3, tuple(np.asarray(skull.geometry.origin) + centre))
    )
    straight, there = signed_distance(skull, STRAIGHT)[0], signed_distance(moved, Pose(np.eye(3), centre))[0]
    np.testing.assert_allclose(straight, there, atol=1e-5)


def test_what_the_scan_does_not_show_is_said() -> None:
    _, seen = signed_distance(shell(lowest=-30.0), STRAIGHT)
    np.testing.assert_array_equal(seen, POINTS[..., 2] >= -30.0)


def test_no_bone_is_far_outside_everywhere() -> None:
    empty = shell()
    found, _ = signed_distance(Volume(empty.array & False, empty.geometry), STRAIGHT)
    assert (found == -CLIP).all()


@pytest.fixture(scope="module")
def hole() -> np.ndarray:
    """Directions within 12 degrees of one that points into the box."""
    towards = np.array([20.0, -75.0, -5.0])
    return (directions()[0] @ (towards / np.linalg.norm(towards)) > np.cos(np.deg2rad(12))) & directions()[1]


def test_a_hole_in_the_shell_is_filled_and_the_rest_is_what_was_scanned(hole: np.ndarray) -> None:
    whole, towards = shell(), np.array([20.0, -75.0, -5.0])
    points = whole.geometry.to_physical(np.stack(np.indices(whole.array.shape), -1))
    radius = np.maximum(np.linalg.norm(points, axis=-1), 1e-6)
    gone = points @ (towards / np.linalg.norm(towards)) / radius > np.cos(np.deg2rad(12))
    defective = Volume(whole.array & ~gone, whole.geometry)
    truth = true_distance()
    # skulls that differ by nothing but noise: the mean is the answer
    model = MapModel(truth.astype(np.float32), np.zeros((1, *SHAPE), np.float32), np.full(SHAPE, 0.5, np.float32))
    found, spread = complete_distance(defective, STRAIGHT, hole, model)
    scanned, _ = signed_distance(defective, STRAIGHT)
    angle = POINTS @ (towards / np.linalg.norm(towards)) / np.linalg.norm(POINTS, axis=-1)
    cone = (angle > np.cos(np.deg2rad(10))) & (np.abs(truth) < 4)
    assert np.abs(scanned - truth)[cone].mean() > 3
    assert np.abs(found - truth)[cone].mean() < 0.3
    away = angle < np.cos(np.deg2rad(40))
    np.testing.assert_allclose(found[away], scanned[away])
    assert not spread[away].any()  # what was scanned is certain
    assert (
        0.1 < spread[cone].mean() < np.sqrt(1.5) * 0.5 + 1e-6
    )  # no more than skulls differ by, the mirrored half included


def test_the_share_is_for_the_orbits_alone() -> None:
    share = orbital_share(shipped_model().presence)
    assert share.shape == (PIXELS, PIXELS)
    assert ((share >= 0) & (share <= 1)).all()
    assert share.max() > 0.99
    assert not share[:, PIXELS // 2 + 5 :].any()  # the back
    assert not share[60:100, 40:80].any()  # the forehead and the vertex
    # bands along the brows, not half the head; the corners outside the disc are no directions of the vault
    assert distance_transform_edt((share > 0.5) & directions()[1]).max() < 10


def test_reading_between_voxels_and_fading_out() -> None:
    ramp = POINTS[..., 1].copy()
    middle = BOX.to_physical(np.array(SHAPE) / 2 - 0.3)
    edge = BOX.to_physical(np.array([SHAPE[0] / 2, SHAPE[1] / 2, 0.0]))
    places = np.stack([middle, edge, edge + np.array([0, 0, FADE / 2]), edge - np.array([0, 0, 30])])
    value, weight = distance_at(ramp, places)
    assert value[0] == pytest.approx(middle[1])
    np.testing.assert_allclose(weight, [1, 0, 0.5, 0], atol=1e-9)


@pytest.mark.parametrize(("lowest", "cut"), [(-90.0, False), (-30.0, False), (0.0, True), (40.0, True)])
def test_a_scan_without_orbits_is_recognised_by_its_box_alone(lowest: float, cut: bool) -> None:
    model = shipped_model()
    scan = Geometry((190, 230, int(110 - lowest)), (1.0, 1.0, 1.0), (-95.0, -125.0, lowest))
    assert ends_above_orbits(scan, STRAIGHT, model.presence, model.surface) == cut

"""The orbital region's field: distances one can compute, and a model small enough to know the answer."""

from dataclasses import replace

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
    SHIPPED_ORBIT,
    complete_distance,
    complete_orbit,
    distance_at,
    ends_above_orbits,
    orbital_share,
    signed_distance,
)
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
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


def cone(towards: tuple[float, float, float], degrees: float, points: np.ndarray) -> np.ndarray:
    """Which of the ``points`` [..., 3] lie within ``degrees`` of a direction."""
    axis = np.array(towards) / np.linalg.norm(towards)
    return points @ axis > np.cos(np.deg2rad(degrees)) * np.maximum(np.linalg.norm(points, axis=-1), 1e-6)


FEW = replace(SHIPPED_ORBIT, conditioning=500)  # the cost grows with their cube
RIGHT, LEFT = (20.0, -75.0, -5.0), (-20.0, -75.0, -5.0)  # directions into the box


@pytest.fixture(scope="module")
def hole() -> np.ndarray:
    return cone(RIGHT, 12, directions()[0]) & directions()[1]


def without(skull: Volume, *cones: np.ndarray) -> Volume:
    return Volume(skull.array & ~np.logical_or.reduce(cones), skull.geometry)


def points_of(skull: Volume) -> np.ndarray:
    return skull.geometry.to_physical(np.stack(np.indices(skull.array.shape), -1))


def like_shells() -> MapModel:
    """Of skulls that differ from the shell by nothing but noise: their mean is the answer."""
    return MapModel(
        true_distance().astype(np.float32), np.zeros((1, *SHAPE), np.float32), np.full(SHAPE, 0.5, np.float32)
    )


def test_a_hole_in_the_shell_is_filled_and_the_rest_is_what_was_scanned(hole: np.ndarray) -> None:
    whole, truth = shell(), true_distance()
    defective = without(whole, cone(RIGHT, 12, points_of(whole)))
    found, spread = complete_distance(defective, STRAIGHT, hole, like_shells(), FEW)
    scanned, _ = signed_distance(defective, STRAIGHT)
    lost = cone(RIGHT, 10, POINTS) & (np.abs(truth) < 4)
    assert np.abs(scanned - truth)[lost].mean() > 3
    assert np.abs(found - truth)[lost].mean() < 0.3
    away = ~cone(RIGHT, 40, POINTS) & ~cone(LEFT, 40, POINTS)
    np.testing.assert_allclose(found[away], scanned[away])
    assert not spread[away].any()  # what was scanned is certain
    # no more than skulls differ by, the mirrored half included
    assert 0.1 < spread[lost].mean() < np.sqrt(1 + SHIPPED_ORBIT.kernel.mirror) * 0.5 + 1e-6


def test_where_skulls_are_alike_the_mean_is_taken(hole: np.ndarray) -> None:
    whole, model = shell(), like_shells()
    defective = without(whole, cone(RIGHT, 12, points_of(whole)))
    spread = model.spread.copy()
    spread[:, :, : SHAPE[2] // 2] = 0.1
    found, _ = complete_distance(defective, STRAIGHT, hole, replace(model, spread=spread), FEW)
    lost = cone(RIGHT, 10, POINTS)
    np.testing.assert_array_equal(found[lost & (spread < 0.3)], model.mean[lost & (spread < 0.3)])
    assert (found != model.mean)[lost & (spread > 0.3)].mean() > 0.9  # the rest is conditioned on the scan


@pytest.fixture(scope="module")
def bossed() -> tuple[Volume, np.ndarray]:
    """A shell with a knob of 6 mm over each orbit, as no skull of the model has them, and the distances to it."""
    whole = shell()
    radius = np.linalg.norm(points_of(whole), axis=-1)
    knobs = (cone(RIGHT, 9, points_of(whole)) | cone(LEFT, 9, points_of(whole))) & (radius > 80) & (radius < 91)
    skull = Volume(whole.array | knobs, whole.geometry)
    return skull, signed_distance(skull, STRAIGHT)[0].astype(float)


def completed(defective: Volume, hole: np.ndarray, outer: np.ndarray | None = None) -> np.ndarray:
    model: RadialModel = replace(shipped_model(), orbit=like_shells())
    seen = np.where(directions()[1] & ~hole, 85.0, np.nan) if outer is None else outer
    orbit = complete_orbit(defective, STRAIGHT, seen, hole, model, FEW)
    assert orbit is not None
    return orbit.distance


def knob_error(found: np.ndarray, truth: np.ndarray) -> float:
    radius = np.linalg.norm(POINTS, axis=-1)
    return float(np.abs(found - truth)[cone(RIGHT, 8, POINTS) & (radius > 83) & (radius < 93)].mean())


def test_what_only_the_other_side_shows_is_copied(hole: np.ndarray, bossed: tuple[Volume, np.ndarray]) -> None:
    """No model knows of the knobs; the other one tells."""
    skull, truth = bossed
    defective = without(skull, cone(RIGHT, 12, points_of(skull)))
    alone, _ = complete_distance(defective, STRAIGHT, hole, like_shells(), FEW)
    assert knob_error(completed(defective, hole), truth) < (1 - SHIPPED_ORBIT.mirrored + 0.1) * knob_error(alone, truth)


def test_a_side_that_lacks_bone_too_is_not_copied(hole: np.ndarray, bossed: tuple[Volume, np.ndarray]) -> None:
    skull, _ = bossed
    defective = without(skull, cone(RIGHT, 12, points_of(skull)), cone(LEFT, 12, points_of(skull)))
    both = hole | hole[::-1]
    alone, _ = complete_distance(defective, STRAIGHT, both, like_shells(), FEW)
    middle = cone(RIGHT, 9, POINTS)
    np.testing.assert_array_equal(completed(defective, both)[middle], alone[middle])


def test_too_little_bone_to_lay_the_other_side_on_leaves_the_model(
    hole: np.ndarray, bossed: tuple[Volume, np.ndarray]
) -> None:
    skull, _ = bossed
    defective = without(skull, cone(RIGHT, 12, points_of(skull)))
    alone, _ = complete_distance(defective, STRAIGHT, hole, like_shells(), FEW)
    nothing = np.full(hole.shape, np.nan)
    np.testing.assert_array_equal(completed(defective, hole, nothing), alone)


def test_a_hole_clear_of_the_orbits_needs_none() -> None:
    vertex = cone((0.0, 0.0, 1.0), 15, directions()[0]) & directions()[1]
    assert complete_orbit(shell(), STRAIGHT, np.full(vertex.shape, 85.0), vertex, shipped_model()) is None


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

"""The template: symmetric, on bone, where anatomy says, and the same every time."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import map_coordinates

from cranial_sparse.classical.maps import directions
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.tps.orbit import PITCH, SHIFT, atlas_index
from cranial_sparse.classical.tps.template import NAMES, template
from cranial_sparse.data.atlas import read_atlas
from cranial_sparse.geometry import Geometry, Volume

SHAPE = template(shipped_model())


def test_the_two_sides_mirror_each_other() -> None:
    shape = SHAPE
    opposite = shape.opposite
    np.testing.assert_array_equal(opposite[opposite], np.arange(len(opposite)))
    for table in (shape.outer, shape.inner):
        np.testing.assert_allclose(table.points[opposite] * [-1, 1, 1], table.points, atol=1e-9)
    assert NAMES[opposite[NAMES.index("left euryon")]] == "right euryon"
    assert opposite[NAMES.index("bregma")] == NAMES.index("bregma")


def test_there_are_hundreds_of_points_and_two_curves() -> None:
    shape = SHAPE
    assert 400 < len(shape.opposite) < 600
    assert 60 < (shape.before != shape.after).sum() < 120
    spread = np.linalg.norm(shape.outer.points[:, None] - shape.outer.points, axis=-1) + 99 * np.eye(
        len(shape.opposite)
    )
    assert spread.min() > 4
    assert np.median(spread.min(1)) < 11


def test_curves_are_chains() -> None:
    shape = SHAPE
    chained = np.flatnonzero(shape.before != shape.after)
    step = np.linalg.norm(shape.outer.points[shape.after] - shape.outer.points, axis=1)[chained]
    assert step.max() < 35  # a gap where a landmark lies beside the ring
    inner = chained[(shape.before[chained] != chained) & (shape.after[chained] != chained)]
    np.testing.assert_array_equal(shape.before[shape.after[inner]], inner)


def test_landmarks_are_where_their_names_say() -> None:
    at = dict(zip(NAMES, SHAPE.outer.points, strict=False))
    order = ["nasion", "glabella", "metopion", "bregma", "vertex", "lambda", "opisthocranion", "inion"]
    turn = [np.mod(np.arctan2(at[name][2], -at[name][1]) + 1.5, 2 * np.pi) for name in order]
    assert turn == sorted(turn)
    assert at["vertex"][2] == max(point[2] for point in at.values())
    assert at["left euryon"][0] == max(point[0] for point in at.values())  # x is to the left
    assert at["opisthocranion"][1] > 85
    assert at["glabella"][1] < -85


def test_the_atlas_lies_on_the_models_mean() -> None:
    """They are two means of the same skulls: landmarks were placed on the one and stand on the other."""
    model = shipped_model()
    sure = directions()[1] & (model.presence > 0.99)
    sure[:, :35] = False  # brows and orbits
    at = read_atlas()
    surface = directions()[0][sure] * model.outer.mean[sure, None]
    distance = map_coordinates(at.distance, atlas_index(surface, at).T, order=1, mode="nearest")
    assert abs(distance.mean()) < 0.5
    assert distance.std() < 0.5


def test_each_model_has_its_own() -> None:
    model = shipped_model()
    higher = replace(model, outer=replace(model.outer, mean=model.outer.mean + np.float32(2)))
    shape, other = template(model), template(higher)
    assert template(model) is shape
    np.testing.assert_allclose(other.outer.radius - shape.outer.radius, 2, atol=1e-4)
    named = slice(len(NAMES))
    apart = np.linalg.norm(other.outer.points[named] - shape.outer.points[named], axis=1)
    np.testing.assert_allclose(apart, 2, atol=1e-4)


def test_the_atlas_lies_as_its_pose_is_found() -> None:
    atlas = read_atlas()
    bone = Volume(atlas.distance < 0, Geometry(atlas.distance.shape, (atlas.step,) * 3, atlas.origin))
    pose, _ = estimate_pose(bone, shipped_model().outer)
    turn = np.arctan2(pose.rotation[2, 1], pose.rotation[1, 1])
    assert abs(turn - PITCH) < np.deg2rad(0.5)
    np.testing.assert_allclose(pose.centre, SHIFT, atol=0.5)

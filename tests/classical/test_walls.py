"""The wall of an oblique cut is no inner table."""

import numpy as np
import pytest

from cranial_sparse.classical.maps import PIXEL_MM, cast, directions, look_up, to_pixel
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS
from cranial_sparse.classical.walls import table_normals, towards_bone, without_walls
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume

POSE = Pose(np.eye(3), np.zeros(3))
OUTER, THICKNESS = 80.0, 6.0
ROUND = np.full(directions()[1].shape, OUTER)


def shell(half_angle: float, slope: float) -> Volume:
    """A ball's shell around the origin with a round hole on top, ``half_angle`` (°) wide at the outer table and wider
    below it by ``slope`` mm per mm of depth: the cut takes more of the inner table."""
    n, step = 180, 1.0
    geometry = Geometry((n, n, 100), (step,) * 3, (-(n - 1) / 2, -(n - 1) / 2, 0.0))
    points = geometry.to_physical(np.stack(np.indices(geometry.shape), -1))
    radius = np.maximum(np.linalg.norm(points, axis=-1), 1e-6)
    along = np.arccos(np.clip(points[..., 2] / radius, -1, 1)) * OUTER  # mm of arc from the top
    edge = np.deg2rad(half_angle) * OUTER + slope * (OUTER - radius)
    return Volume((radius <= OUTER) & (radius > OUTER - THICKNESS) & (along > edge), geometry)


def met(skull: Volume):
    """Rays near the outer table, the hole they see, and what is left of them; all [P, P]."""
    inside = directions()[1]
    unit = directions()[0][inside]
    found = cast(skull, POSE, unit, np.full(len(unit), OUTER - 2), np.full(len(unit), OUTER + 6))
    rays = type(found)(*(np.full(inside.shape, np.nan) for _ in range(2)), np.zeros(inside.shape, bool))
    for name in ("outer", "inner", "in_view"):
        getattr(rays, name)[inside] = getattr(found, name)
    top = directions()[0][..., 2] > np.cos(np.deg2rad(45))  # the shell's lower end is no hole
    hole = top & ~np.isfinite(rays.outer)
    return rays, hole, top


def test_the_wall_of_an_oblique_cut_is_left_out_and_the_table_stays() -> None:
    skull = shell(half_angle=20, slope=1.0)
    rays, hole, top = met(skull)
    kept = without_walls(skull, POSE, rays, hole, ROUND, SHIPPED_SETTINGS.upright)
    thickness = np.where(top, rays.outer - rays.inner, np.nan)
    wall, table = thickness < THICKNESS - 1.5, np.abs(thickness - THICKNESS) < 0.7
    assert wall.sum() > 50
    assert np.isnan(kept.inner[wall]).mean() > 0.95
    far = top & ~hole & np.isfinite(rays.inner) & (np.rad2deg(np.arccos(directions()[0][..., 2])) > 28)
    assert np.isfinite(kept.inner[far & table]).mean() > 0.98
    np.testing.assert_array_equal(kept.outer, rays.outer)


def test_a_straight_cut_loses_next_to_nothing_beyond_a_pixel_of_its_edge() -> None:
    skull = shell(half_angle=20, slope=0.0)
    rays, hole, top = met(skull)
    kept = without_walls(skull, POSE, rays, hole, ROUND, SHIPPED_SETTINGS.upright)
    clear = top & (np.rad2deg(np.arccos(directions()[0][..., 2])) * np.pi / 180 * OUTER > 28 + 1.5 * PIXEL_MM)
    assert np.isfinite(kept.inner[clear & np.isfinite(rays.inner)]).mean() > 0.95


def test_what_is_far_from_the_hole_is_not_even_looked_at() -> None:
    skull = shell(half_angle=20, slope=1.0)
    rays, hole, _ = met(skull)
    kept = without_walls(skull, POSE, rays, hole, ROUND, upright=2.0)  # nothing can be that steep
    angle = np.arccos(directions()[0][..., 2]) * OUTER
    beyond = directions()[1] & np.isfinite(rays.inner) & (angle > np.deg2rad(20) * OUTER + 12)
    np.testing.assert_array_equal(kept.inner[beyond], rays.inner[beyond])
    assert np.isnan(kept.inner).sum() > np.isnan(rays.inner).sum()


def test_no_hole_changes_nothing() -> None:
    skull = shell(half_angle=20, slope=1.0)
    rays, hole, _ = met(skull)
    kept = without_walls(skull, POSE, rays, np.zeros_like(hole), ROUND, upright=2.0)
    np.testing.assert_array_equal(kept.inner, rays.inner)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bone_lies_where_half_of_space_is_filled(axis: int) -> None:
    geometry = Geometry((31, 31, 31), (0.5,) * 3, (-7.5,) * 3)
    places = geometry.to_physical(np.stack(np.indices(geometry.shape), -1))
    half = Volume(places[..., axis] > 0.1, geometry)
    found = towards_bone(half, POSE, np.array([[0.0, 0, 0], [0, 0, 100]]))
    np.testing.assert_allclose(found[0], np.eye(3)[axis], atol=1e-6)
    np.testing.assert_array_equal(found[1], 0)  # outside the scan there is no bone


def test_normals_of_a_sphere_are_its_directions_and_of_a_slope_lean() -> None:
    inside = np.zeros(directions()[1].shape, bool)
    inside[20:-20, 20:-20] = True
    cosine = (table_normals(ROUND) * directions()[0]).sum(-1)
    assert cosine[inside & directions()[1]].min() > 0.999
    # a plane z = 80 has the normal (0, 0, 1) wherever it is met
    flat = 80.0 / np.maximum(directions()[0][..., 2], 0.5)
    at = look_up(table_normals(flat), to_pixel(np.array([[0.3, 0.2, 0.9]]) / np.linalg.norm([0.3, 0.2, 0.9])))
    np.testing.assert_allclose(at[0], [0, 0, 1], atol=0.01)

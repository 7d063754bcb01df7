"""Rays against spheres whose radii are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cranial_sparse.classical.maps import PIXELS, cast, directions, look_up, to_pixel
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume

OUTER, INNER = 80.0, 73.0


def ball_shell(spacing: tuple[float, float, float] = (2.0, 2.0, 2.0), top: float = 100.0) -> Volume:
    """A spherical shell around the origin of space, in a scan that reaches up to z = ``top`` mm."""
    size = (*tuple(int(200 / s) for s in spacing[:2]), int((top + 100) / spacing[2]))
    geometry = Geometry((size[0], size[1], size[2]), spacing, (-100.0, -100.0, -100.0))
    radius = np.linalg.norm(geometry.to_physical(np.stack(np.indices(size), -1)), axis=-1)
    return Volume((radius <= OUTER) & (radius >= INNER), geometry)


def all_rays() -> np.ndarray:
    unit, inside = directions()
    return unit[inside][::37]


def full(value: float, like: np.ndarray) -> np.ndarray:
    return np.full(len(like), value)


def test_directions_are_unit_and_the_middle_points_up() -> None:
    unit, inside = directions()
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, atol=1e-12)
    assert unit[PIXELS // 2, PIXELS // 2, 2] > 0.999
    assert inside[PIXELS // 2, 0]
    assert not inside[0, 0]


def test_pixels_cover_equal_solid_angles() -> None:
    """Monte Carlo: points spread evenly over the sphere fall evenly into the pixels of four rings."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    pixel = to_pixel(points)
    distance = np.hypot(*(pixel - (PIXELS - 1) / 2).T)
    edges = np.array([0, 20, 40, 60, 80]) * 1.0
    count = np.histogram(distance, edges)[0]
    density = count / np.diff(edges**2)
    assert density.max() / density.min() < 1.06


@given(st.integers(0, PIXELS - 1), st.integers(0, PIXELS - 1))
def test_projection_and_back(row: int, column: int) -> None:
    unit, inside = directions()
    if inside[row, column]:
        np.testing.assert_allclose(to_pixel(unit[row, column]), [row, column], atol=1e-6)


def test_flipping_the_first_axis_mirrors_left_and_right() -> None:
    unit, _ = directions()
    np.testing.assert_allclose(unit[::-1] * [-1, 1, 1], unit, atol=1e-12)


def test_look_up_interpolates() -> None:
    image = np.add.outer(np.arange(PIXELS, dtype=float), 10 * np.arange(PIXELS, dtype=float))
    assert look_up(image, np.array([[3.5, 7.25]]))[0] == pytest.approx(3.5 + 72.5)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.5, 2.0, 2.5)])
def test_rays_meet_both_tables_of_a_shell_within_a_third_of_a_voxel(spacing: tuple[float, float, float]) -> None:
    unit = all_rays()
    rays = cast(ball_shell(spacing), Pose(np.eye(3), np.zeros(3)), unit, full(60, unit), full(99, unit))
    assert np.abs(rays.outer - OUTER).mean() < 0.5
    assert abs((rays.outer - OUTER).mean()) < 0.15
    assert abs((rays.inner - INNER).mean()) < 0.15


def test_the_inner_table_is_found_behind_a_narrow_search_for_the_outer_one() -> None:
    """Regression: the window for the outer table also cut the thickness off at 6 mm."""
    unit = all_rays()
    rays = cast(ball_shell(), Pose(np.eye(3), np.zeros(3)), unit, full(OUTER - 3, unit), full(OUTER + 3, unit))
    assert abs((rays.outer - rays.inner).mean() - (OUTER - INNER)) < 0.3


def test_a_hole_is_no_bone_and_a_cut_off_scan_is_not_in_view() -> None:
    unit = all_rays()
    shell = ball_shell(top=70.0)  # the scan ends below the vertex of the shell
    rays = cast(shell, Pose(np.eye(3), np.zeros(3)), unit, full(60, unit), full(99, unit))
    assert not rays.in_view[unit[:, 2] > 0.95].any()
    assert rays.in_view[unit[:, 2] < 0.6].all()
    pierced = ball_shell()
    pierced.array[:, :, pierced.array.shape[2] - 14 :] = False
    rays = cast(pierced, Pose(np.eye(3), np.zeros(3)), unit, full(60, unit), full(99, unit))
    vertex = unit[:, 2] > 0.97
    assert np.isnan(rays.outer[vertex]).all()
    assert rays.in_view[vertex].all()
    assert np.isfinite(rays.outer[unit[:, 2] < 0.8]).all()


def test_a_posed_shell_is_met_as_if_it_were_not_posed() -> None:
    unit = all_rays()
    shell = ball_shell()
    moved = Volume(shell.array, Geometry(shell.geometry.shape, shell.geometry.spacing, (-90.0, -95.0, -110.0)))
    rays = cast(moved, Pose(np.eye(3), np.array([10.0, 5.0, -10.0])), unit, full(60, unit), full(99, unit))
    expected = cast(shell, Pose(np.eye(3), np.zeros(3)), unit, full(60, unit), full(99, unit))
    np.testing.assert_allclose(rays.outer, expected.outer, atol=1e-5)


def test_look_up_is_linear_interpolation_constant_beyond_the_edge() -> None:
    random = np.random.default_rng(0)
    images = random.normal(size=(PIXELS, PIXELS, 5))
    pixels = random.uniform(-3, PIXELS + 3, (300, 2))
    pixels[:100] = np.rint(pixels[:100])
    found = look_up(images, pixels)
    for k in range(5):
        expected = map_coordinates(images[..., k], pixels.T, order=1, mode="nearest", prefilter=False)
        np.testing.assert_allclose(found[:, k], expected, atol=1e-12)
        np.testing.assert_allclose(look_up(images[..., k], pixels.reshape(3, 100, 2)).ravel(), expected, atol=1e-12)

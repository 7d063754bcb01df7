"""Angle defects and areas worked out by hand, balls, and an implant that stands proud of the bone around it."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from cranial_sparse.implant.mesh import iso_surface
from cranial_sparse.implant.topology import surface_area
from cranial_sparse.metrics import border_curvature_error
from cranial_sparse.metrics.curvature import WORST, averaged_curvature, border_voxels, gaussian_curvature

SPACING = (0.5, 0.6, 0.8)


def ball(radius: float, size: int = 48) -> np.ndarray:
    """A ball of ``radius`` mm in the middle of ``size`` mm."""
    grids = np.meshgrid(*(np.arange(0, size, step) - size / 2 for step in SPACING), indexing="ij")
    return sum(g**2 for g in grids) <= radius**2


def head(radius: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """A hollow ball without its cap, and the cap: the true implant."""
    shell = ball(radius) & ~ball(radius - 5)
    high = np.arange(shell.shape[2]) * SPACING[2] > 24 + 0.5 * radius
    return shell & ~high, shell & high


def test_a_cube_by_hand():
    """Each corner has a defect of π / 2. Right-angled triangles of area 1/2 give 1/4 to their right corner."""
    points = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    defect, area = gaussian_curvature(points, triangles)
    np.testing.assert_allclose(defect, np.pi / 2)
    assert area.sum() == pytest.approx(6)
    for vertex in range(8):
        right = sum((quad[1] == vertex) + (quad[3] == vertex) for quad in quads)
        assert area[vertex] == pytest.approx((right * 2 + (np.count_nonzero(triangles == vertex) - right)) / 8)


def test_an_obtuse_triangle_gives_half_of_its_area_to_the_obtuse_corner():
    points = np.array([[0, 0, 0], [4, 0, 0], [2, 1, 0]], float)  # obtuse at the last one, area 2
    _, area = gaussian_curvature(points, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(area, [0.5, 0.5, 1.0])


def test_defects_sum_to_the_euler_characteristic_and_areas_to_the_surface():
    """Gauss and Bonnet: 4π of a random polyhedron, nothing of a torus."""
    points = np.random.default_rng(1).normal(size=(40, 3))
    hull = ConvexHull(points)
    used, triangles = np.unique(hull.simplices, return_inverse=True)
    defect, area = gaussian_curvature(points[used], triangles.reshape(-1, 3))
    assert defect.sum() == pytest.approx(4 * np.pi)
    assert area.sum() == pytest.approx(hull.area)
    x, y, z = np.meshgrid(*[np.arange(-10, 11.0)] * 3, indexing="ij")
    torus = ((np.hypot(x, y) - 6) ** 2 + z**2).astype(np.float32)
    points, triangles = iso_surface(-torus, -9.1)
    defect, area = gaussian_curvature(points, triangles)
    assert defect.sum() == pytest.approx(0, abs=1e-6)
    assert area.sum() == pytest.approx(surface_area(points, triangles))


def test_a_ball_is_one_over_its_radius_squared():
    x, y, z = np.meshgrid(*[np.arange(-12, 13.0) + 0.37] * 3, indexing="ij")
    points, triangles = iso_surface(np.float32(9) - np.sqrt(x**2 + y**2 + z**2).astype(np.float32), 0.0)
    found = averaged_curvature(points, triangles, np.arange(len(points)))
    np.testing.assert_allclose(found, 1 / 81, rtol=0.35)
    assert found.mean() == pytest.approx(1 / 81, rel=0.02)


def test_border_is_where_implant_and_skull_touch():
    truth, skull = (np.zeros((6, 3, 3), bool) for _ in range(2))
    truth[2:5], skull[:2] = True, True
    assert np.argwhere(border_voxels(truth, skull).any((1, 2))).ravel().tolist() == [2]
    assert not border_voxels(truth, np.zeros_like(skull)).any()
    assert not border_voxels(np.zeros_like(truth), skull).any()


def test_a_step_at_the_border_costs_more_the_higher_it_is():
    skull, truth = head()
    errors = [border_curvature_error(raised(truth, k) & ~skull, truth, skull, SPACING) for k in (0, 1, 3)]
    assert errors[0] == 0
    assert 0 < errors[1] < errors[2] < WORST


def raised(mask: np.ndarray, voxels: int) -> np.ndarray:
    return np.roll(mask, voxels, axis=2)


def test_far_from_the_border_nothing_counts():
    skull, truth = head()
    dented = truth & ~(np.indices(truth.shape)[2] * SPACING[2] > 24 + 19)  # the pole, 17 mm from the border
    assert dented.sum() < truth.sum()
    assert border_curvature_error(dented, truth, skull, SPACING) == 0


def test_empty_masks():
    skull, truth = head(12.0)
    none = np.zeros_like(truth)
    assert border_curvature_error(none, none, skull, SPACING) == 0
    assert border_curvature_error(none, truth, skull, SPACING) == WORST
    assert border_curvature_error(truth, none, skull, SPACING) == WORST
    assert border_curvature_error(truth, truth, none, SPACING) == 0  # no skull, no border

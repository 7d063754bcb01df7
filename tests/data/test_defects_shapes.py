import numpy as np
import pytest

from cranial_sparse.data.defects.defect import draw_irregularity
from cranial_sparse.data.defects.placement import _saw_line
from cranial_sparse.data.defects.shapes import Blob, Ellipsoid, Flap, Prism

CENTRE = np.array([10.0, -5.0, 60.0])
RING = np.array([(30.0, 30.0), (-30.0, 30.0), (-30.0, -30.0), (30.0, -30.0)])
SHAPES = [
    Blob(np.array([CENTRE, CENTRE + np.array([20, 0, 5])]), np.array([25.0, 15.0])),
    Ellipsoid(CENTRE, np.eye(3), np.array([20.0, 30.0, 15.0])),
    Prism(CENTRE, np.eye(3), np.array([20.0, 30.0]), 5.0, 25.0, bosses=6.0),
    Flap(np.eye(3), 75.0, np.full(720, 35.0), np.array([(35.0, 0.0), (0.0, 35.0)]), 6.0),
]
NAMES = [type(shape).__name__ for shape in SHAPES]


def test_one_sphere_is_an_exact_distance():
    blob = Blob(CENTRE[None], np.array([20.0]))
    points = CENTRE + np.array([(0, 0, 0), (20, 0, 0), (0, 35, 0), (0, 0, -12)])
    assert np.allclose(blob(points), (-20, 0, 15, -8), atol=1e-6)


def test_an_ellipsoid_is_zero_on_its_surface_and_about_a_distance_near_it():
    direction = np.random.default_rng(0).normal(size=(200, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    shape = Ellipsoid(CENTRE, np.eye(3), np.array([20.0, 30.0, 15.0]))
    surface = CENTRE + direction * shape.radii
    normal = direction / shape.radii
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    assert np.allclose(shape(surface), 0, atol=1e-9)
    assert np.allclose(shape(surface + normal), 1, atol=0.1)


def test_a_prism_with_bosses_by_hand():
    shape = Prism(np.zeros(3), np.eye(3), np.array([20.0, 30.0]), 0.0, 10.0, bosses=5.0)
    points = np.array([(0, 0, 0), (25, 0, 0), (20, 30, 0), (23, 34, 0), (25, 37, 0), (0, 0, 12)], float)
    assert np.allclose(shape(points), (-10, 5, -5, 0, np.hypot(5, 7) - 5, 2))


def test_a_flap_measures_along_the_vault_and_opens_at_its_burr_holes():
    shape = Flap(np.eye(3), 80.0, np.full(720, 20.0), np.array([(20.0, 0.0)]), 5.0)
    for x, y, expected in ((0, 12, -8), (0, 30, 10), (20, 0, -5), (25, 0, 0), (-25, 0, 5)):
        arc = np.hypot(x, y)
        point = 80 * np.array([[np.sin(arc / 80) * x / arc, np.sin(arc / 80) * y / arc, np.cos(arc / 80)]])
        assert shape(point)[0] == pytest.approx(expected, abs=0.05)
        assert shape(point * 0.9)[0] == pytest.approx(expected, abs=0.05)  # the wall is radial


def test_the_saw_line_joins_the_burr_holes():
    outline = _saw_line(RING, np.random.default_rng(0))
    assert outline.shape == (720,)
    assert 30 <= outline[0] < 34  # the middle of a side
    assert 36 < outline[90] < 45  # a rounded corner, at 42 unrounded


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_the_ball_holds_the_shape_and_scaling_keeps_the_anchor(shape):
    points = np.random.default_rng(0).uniform(-120, 120, (40_000, 3))
    for scaled in (shape, shape.scaled(0.5), shape.scaled(1.3)):
        centre, radius = scaled.ball
        inside = points[(scaled(points) < 0) & (np.abs(np.linalg.norm(points, axis=1) - 75) < 15)]  # on the vault
        assert len(inside)
        assert np.linalg.norm(inside - centre, axis=1).max() <= radius
    sizes = [(shape.scaled(factor)(points) < 0).sum() for factor in (0.5, 1.0, 1.3)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_single_precision_agrees(shape):
    points = np.random.default_rng(0).uniform(-80, 80, (1000, 3))
    assert np.allclose(shape(points), shape(points.astype(np.float32)), atol=2e-3)
    assert shape(points.astype(np.float32)).dtype == np.float32


def test_noise_is_smooth_bounded_and_of_the_size_asked_for():
    points = np.random.default_rng(2).uniform(-100, 100, (20_000, 3))
    values = np.concatenate([draw_irregularity(np.random.default_rng(seed), 2.0, 0.5)(points) for seed in range(5)])
    noise = draw_irregularity(np.random.default_rng(0), 2.0, 0.5)
    assert values.std() == pytest.approx(np.hypot(2.0, 0.5), rel=0.15)
    assert np.abs(noise(points)).max() <= noise.bound
    assert np.abs(noise(points) - noise(points + np.array([0.1, 0, 0]))).max() < 0.25
    assert (draw_irregularity(np.random.default_rng(0), 0, 0)(points) == 0).all()

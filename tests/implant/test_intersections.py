"""Surfaces that pass through themselves, counted against slower ways to tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.implant.intersections import crossing_count

POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def two(shift: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.vstack([POINTS, POINTS + np.array(shift)]), np.vstack([FACES, FACES + 4])


def slow_count(corners: np.ndarray) -> int:
    """Pairs of triangles [T, 3, 3] of which an edge of one goes through the other, by the signs of tetrahedra."""

    def side(a, b, c, d):
        return np.sign(np.linalg.det(np.array([b - a, c - a, d - a])))

    def through(p, q, t):
        a, b, c = t
        if side(a, b, c, p) * side(a, b, c, q) >= 0:
            return False
        turns = {side(p, q, a, b), side(p, q, b, c), side(p, q, c, a)}
        return turns in ({1.0}, {-1.0})

    found = 0
    for i, one in enumerate(corners):
        for other in corners[i + 1 :]:
            edges = [(s[k], s[(k + 1) % 3], t) for s, t in ((one, other), (other, one)) for k in range(3)]
            found += any(through(*edge) for edge in edges)
    return found


def test_one_solid_alone_does_not_cross_itself():
    assert crossing_count(POINTS, FACES) == 0
    assert crossing_count(*two((2, 0, 0))) == 0


def test_two_solids_pushed_into_each_other_do():
    assert crossing_count(*two((0.2, 0.15, 0.1))) > 0


def test_faces_that_touch_do_not_count():
    assert crossing_count(*two((1, 0, 0))) == 0  # corner on corner
    assert crossing_count(*two((0, 0, 0))) == 0  # the same place: in one plane


def test_one_needle_through_a_plate_counts_once_wherever_the_cells_lie():
    plate = np.array([[0, 0, 0], [40, 0, 0], [0, 40, 0]], float)
    needle = np.array([[5, 5, -1], [5, 5, 1], [5.1, 5.1, 1]], float)
    small = np.random.default_rng(0).uniform(0, 0.2, (300, 3, 3)) + np.array([60, 60, 60])
    small = small + 3 * np.arange(300)[:, None, None]
    corners = np.concatenate([[plate, needle], small])
    for order in (np.arange(302), np.arange(302)[::-1]):
        assert crossing_count(corners[order].reshape(-1, 3), np.arange(906).reshape(-1, 3)) == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 14), size=st.sampled_from([0.2, 0.6, 1.5]))
def test_any_triangles_are_counted_as_the_slow_way_does(seed: int, count: int, size: float):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 1, (count, 1, 3)) + random.uniform(-size, size, (count, 3, 3))
    assert crossing_count(corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)) == slow_count(corners)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.floats(-1.2, 1.2)] * 3))
def test_open3d_agrees(shift: tuple[float, float, float]):
    o3d = pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)
    if min(abs(np.abs(shift) - k).min() for k in (0.0, 1.0)) < 1e-3 or abs(abs(sum(shift)) - 1) < 1e-3:
        return  # faces in one plane, where the two differ on purpose
    points, faces = two(shift)
    mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(points), o3d.utility.Vector3iVector(faces))
    assert (crossing_count(points, faces) > 0) == mesh.is_self_intersecting()

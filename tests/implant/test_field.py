"""Signed distance fields against a ball, whose distance is known everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.field import (
    distance_field,
    filled_from_above,
    flat_distance,
    lattice_along,
    near_surface,
    swept,
    volume_ml,
)
from cranial_sparse.implant.mesh import Mesh, iso_surface

RADIUS = 10.0


def ball(lattice: Geometry, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    points = lattice.to_physical(np.stack(np.indices(lattice.shape), -1))
    return (np.linalg.norm(points - np.array(centre), axis=-1) - RADIUS).astype(np.float32)


def ball_mesh() -> Mesh:
    lattice = Geometry((48, 48, 48), (0.5,) * 3, (-11.75,) * 3)
    index, triangles = iso_surface(ball(lattice), 0.0)
    points = lattice.to_physical(index)
    return Mesh(points.astype(np.float32), np.ascontiguousarray(triangles[:, ::-1]))


@pytest.fixture(scope="module")
def scene():
    pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)
    from cranial_sparse.implant.distances import Scene

    return Scene(ball_mesh())


@pytest.mark.parametrize("outward", [(0, 0, 1.0), (0.6, 0, 0.8), (-1.0, 0, 0)])
def test_a_lattice_stands_along_the_way_out(outward: tuple[float, ...]):
    points = np.array([[0, 0, 0], [10, 5, -3], [4, 20, 9]], float)
    lattice = lattice_along(points, np.array(outward), 0.5, 2.0)
    axes = np.reshape(lattice.direction, (3, 3))
    np.testing.assert_allclose(axes[:, 2], outward)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)  # seen from outside, x runs right and y up
    index = lattice.to_index(points)
    np.testing.assert_allclose(index.min(axis=0), 4, atol=1e-9)
    assert (np.array(lattice.shape) - 1 - index.max(axis=0) >= 4 - 1e-9).all()
    assert (np.array(lattice.shape) - 1 - index.max(axis=0) < 5).all()


def test_distance_to_a_ball_is_that_of_the_formula(scene):
    lattice = lattice_along(np.array([[-10.0] * 3, [10.0] * 3]), np.array([0.6, 0, 0.8]), 0.8, 3.0)
    found, true = distance_field(ball_mesh(), scene, lattice, 2), ball(lattice)
    near = np.abs(true) < 1.5
    np.testing.assert_allclose(found[near], true[near], atol=0.03)
    clear = np.abs(true) > 0.03
    np.testing.assert_array_equal((found < 0)[clear], (true < 0)[clear])
    far = np.abs(true) > 5
    np.testing.assert_allclose(found[far], 2.4 * np.sign(true[far]), atol=1e-6)  # (2 + 1) voxels


def test_a_solid_that_leaves_below_is_whole_and_one_that_leaves_above_is_open(scene):
    upper = Geometry((30, 30, 20), (0.8,) * 3, (-11.6, -11.6, 2.0))
    field = distance_field(ball_mesh(), scene, upper, 2)
    clear = np.abs(ball(upper)) > 0.03
    np.testing.assert_array_equal((field < 0)[clear], (ball(upper) < 0)[clear])
    lower = Geometry((30, 30, 12), (0.8,) * 3, (-11.6, -11.6, -8.0))
    assert (distance_field(ball_mesh(), scene, lower, 2) > 0)[:, :, -1][ball(lower)[:, :, -1] < -3].all()


def test_only_what_is_asked_is_measured(scene):
    lattice = Geometry((30, 30, 30), (0.8,) * 3, (-11.6,) * 3)
    where = np.zeros((30, 30, 1), bool)
    where[:15] = True
    field = distance_field(ball_mesh(), scene, lattice, 1, where)
    clear = np.abs(ball(lattice)[:15]) > 0.03
    np.testing.assert_array_equal((field < 0)[:15][clear], (ball(lattice) < 0)[:15][clear])
    assert (field[15:] > 0).all()
    assert where.shape == (30, 30, 1)


def test_the_band_holds_every_voxel_near_the_surface():
    lattice = Geometry((30, 30, 30), (0.8,) * 3, (-11.6,) * 3)
    band = near_surface(ball_mesh(), lattice, 1)
    assert band[np.abs(ball(lattice)) < 0.8].all()
    assert not band[np.abs(ball(lattice)) > 0.8 * 2 * np.sqrt(3)].any()


def test_gaps_take_the_sign_above():
    nan = np.nan
    field = np.array([[[nan, -1.0, nan, 0.5, nan], [nan] * 5, [2.0, nan, nan, -0.1, nan]]], np.float32)
    filled = filled_from_above(field, np.float32(9))
    np.testing.assert_allclose(filled, [[[-9, -1, 9, 0.5, 9], [9] * 5, [2, -9, -9, -0.1, 9]]])


@given(arrays(np.float32, (3, 2, 6), elements=st.floats(-5, 5, width=32)))
def test_swept_is_the_smallest_at_or_above(field: np.ndarray):
    found = swept(field)
    for index in np.ndindex(field.shape):
        assert found[index] == field[index[0], index[1], index[2] :].min()
    np.testing.assert_array_equal(swept(found), found)


def test_volume_of_a_ball():
    lattice = Geometry((50, 50, 50), (0.5,) * 3, (-12.25,) * 3)
    assert volume_ml(ball(lattice), 0.5) == pytest.approx(4 / 3 * np.pi * RADIUS**3 / 1000, rel=0.005)
    assert volume_ml(np.full((3, 3, 3), 9, np.float32), 0.5) == 0


def test_flat_distance_of_a_disc():
    x, y = np.mgrid[:60, :60]
    radius = np.hypot(x - 30, y - 30)
    found = flat_distance(radius < 20, 0.5, 4.0)
    near = np.abs(radius - 20) < 6
    np.testing.assert_allclose(found[near], (radius[near] - 19.7) * 0.5, atol=0.4)
    assert found[30, 30] == -4
    assert found[0, 0] == 4
    assert (flat_distance(np.zeros((4, 4), bool), 0.5, 4.0) == 4).all()

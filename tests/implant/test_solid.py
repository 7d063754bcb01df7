"""Fields to surfaces and back to voxels, on balls."""

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.solid import decimated, largest_shell, surface, voxels
from cranial_sparse.implant.topology import is_watertight

TURNED = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].ravel())
LATTICE = Geometry((60, 60, 60), (0.5,) * 3, (5.0, -3.0, 20.0), TURNED)
MIDDLE = LATTICE.to_physical(np.array([29.5] * 3))


def ball(radius: float, index: tuple[float, float, float] = (29.5, 29.5, 29.5)) -> np.ndarray:
    grid = np.moveaxis(np.indices(LATTICE.shape), 0, -1)
    return (np.linalg.norm(grid - np.array(index), axis=-1) * 0.5 - radius).astype(np.float32)


def test_a_ball_is_where_its_field_is_zero():
    mesh = surface(ball(10.0), LATTICE)
    assert mesh.watertight
    assert mesh.volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.005)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices - MIDDLE, axis=1), 10, atol=0.02)


def test_no_edge_is_so_short_that_welding_opens_the_surface():
    """Regression: a surface that all but met a lattice point made a triangle of 10 nm, and a hole where a program welded it."""
    field = ball(10.0, (30.0, 30.0, 30.0)) + np.float32(2e-5)  # the ball's poles lie beside lattice points
    mesh = surface(field, LATTICE)
    corners = mesh.vertices[mesh.triangles]
    assert np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).min() > 1e-3
    assert mesh.watertight


def test_what_reaches_the_border_is_closed_there():
    mesh = surface(ball(20.0), LATTICE)
    assert mesh.watertight
    assert mesh.volume_ml == pytest.approx(29.5**3 / 1000, rel=0.1)


def test_of_two_shells_the_larger_stays():
    two = np.minimum(ball(6.0, (18.0, 29.5, 29.5)), ball(3.0, (48.0, 29.5, 29.5)))
    mesh = surface(two, LATTICE)
    assert mesh.components == 2
    kept = largest_shell(mesh)
    assert (kept.components, kept.watertight) == (1, True)
    assert kept.volume_ml == pytest.approx(4 / 3 * np.pi * 0.216, rel=0.01)
    assert kept.triangles.max() == len(kept.vertices) - 1
    assert largest_shell(kept) is kept
    assert decimated(mesh, 0.02).volume_ml == pytest.approx(kept.volume_ml, rel=0.02)


def test_decimation_keeps_within_its_tolerance():
    full = surface(ball(10.0), LATTICE)
    for tolerance in (0.01, 0.1):
        light = decimated(full, tolerance)
        assert is_watertight(light.triangles)
        assert len(light.triangles) < len(full.triangles) * (0.85 if tolerance < 0.05 else 0.2)
        np.testing.assert_allclose(np.linalg.norm(light.vertices - MIDDLE, axis=1), 10, atol=tolerance + 0.02)
        assert light.volume_ml == pytest.approx(full.volume_ml, rel=0.6 * tolerance + 0.005)


def test_an_open_surface_is_not_decimated():
    full = surface(ball(10.0), LATTICE)
    with pytest.raises(ValueError, match="not a manifold"):
        decimated(Mesh(full.vertices, full.triangles[:-1]), 0.02)


@pytest.mark.parametrize("direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), (0, 1, 0, 1, 0, 0, 0, 0, -1)])
def test_voxels_are_those_whose_middles_are_inside(direction: tuple[float, ...]):
    corner = MIDDLE - np.reshape(direction, (3, 3)) @ np.array([9.0, 12, 12])
    grid = Geometry((20, 20, 20), (1.1, 1.3, 1.2), tuple(corner.tolist()), direction)
    radius = np.linalg.norm(grid.to_physical(np.stack(np.indices(grid.shape), -1)) - MIDDLE, axis=-1)
    box, solid = voxels(ball(8.0), LATTICE, grid)
    found = np.zeros(grid.shape, bool)
    found[box] = solid
    clear = np.abs(radius - 8) > 0.03
    np.testing.assert_array_equal(found[clear], (radius < 8)[clear])
    assert found.sum() > 200


def test_a_grid_elsewhere_stays_empty():
    grid = Geometry((5, 5, 5), (1.0,) * 3, (500.0, 0.0, 0.0))
    box, solid = voxels(ball(8.0), LATTICE, grid)
    assert solid.shape == np.zeros(grid.shape)[box].shape
    assert not solid.any()

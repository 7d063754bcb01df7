"""Surface points against spheres and planes known in closed form, and a real skull there and back."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cranial_sparse.bricks import coordinates
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.affine import geometry_from_steps
from cranial_sparse.points import Points, cell_lattice, grid_to_points, points_to_grid, surface_points

TILT = Rotation.from_euler("xyz", [20.0, -10.0, 30.0], degrees=True).as_matrix()
LATTICE = Geometry((70, 60, 50), (0.5, 0.6, 0.7), (-17.0, -18.0, 40.0), tuple((TILT * [1, 1, -1]).ravel().tolist()))


def ball(geometry: Geometry, radius: float) -> tuple[Volume, np.ndarray]:
    centre = geometry.to_physical((np.array(geometry.shape) - 1) / 2 + 0.2)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    distance = np.linalg.norm(geometry.to_physical(index) - centre, axis=-1)
    return Volume(distance < radius, geometry), centre


def test_a_sphere_has_its_radius_and_normals_on_an_oblique_left_handed_lattice() -> None:
    volume, centre = ball(LATTICE, 12.0)
    points = surface_points(volume)
    away = points.positions - centre
    radius = np.linalg.norm(away, axis=1)
    assert abs(radius.mean() - 12.0) < 0.03
    assert np.abs(radius - 12.0).mean() < 0.1
    assert ((points.normals * away).sum(axis=1) / radius).mean() > 0.97
    np.testing.assert_allclose(np.linalg.norm(points.normals, axis=1), 1.0, atol=1e-5)


def test_a_flat_face_lies_halfway_between_bone_and_air() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 3:17, 3:17] = True
    points = surface_points(Volume(mask, Geometry(mask.shape, (2.0, 1.0, 1.0))))
    middle = (np.abs(points.positions[:, 1:] - 9.5) < 4).all(axis=1)
    np.testing.assert_allclose(np.unique(points.positions[middle, 0]), [9.0, 29.0], atol=1e-4)
    facing = np.sign(points.positions[middle, 0] - 19.0)
    np.testing.assert_allclose(points.normals[middle], facing[:, None] * [1.0, 0.0, 0.0], atol=1e-4)


def test_a_wall_one_voxel_thick_keeps_both_sides() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[10, 2:18, 2:18] = True
    points = surface_points(Volume(mask, Geometry(mask.shape, (1.0, 1.0, 1.0))))
    middle = (np.abs(points.positions[:, 1:] - 9.5) < 4).all(axis=1)
    assert set(np.sign(points.normals[middle, 0])) == {-1.0, 1.0}
    assert 0.5 < np.ptp(points.positions[middle, 0]) < 1.1


def test_bone_at_the_border_is_closed_there() -> None:
    points = surface_points(Volume(np.ones((4, 4, 4), bool), Geometry((4, 4, 4), (1.0, 1.0, 1.0))))
    np.testing.assert_allclose(points.positions.min(axis=0), -0.5, atol=0.1)
    np.testing.assert_allclose(points.positions.max(axis=0), 3.5, atol=0.1)


def test_an_empty_mask_has_no_points_and_an_empty_grid() -> None:
    points = surface_points(Volume(np.zeros((4, 5, 6), bool), Geometry((4, 5, 6), (1.0, 1.0, 1.0))))
    grid, features = points_to_grid(points, LATTICE)
    assert (len(points.positions), len(grid), tuple(features.shape)) == (0, 0, (0, 6))
    assert grid_to_points(grid, features, LATTICE).positions.shape == (0, 3)


def test_the_cell_lattice_loses_nothing() -> None:
    volume, _ = ball(LATTICE, 12.0)
    points = surface_points(volume)
    lattice = cell_lattice(LATTICE)
    grid, features = points_to_grid(points, lattice)
    back = grid_to_points(grid, features, lattice)
    assert len(grid) == len(points.positions)
    assert features.dtype == torch.float32
    assert features[:, :3].abs().max() <= 0.5
    distance, match = cKDTree(back.positions).query(points.positions)
    assert distance.max() < 1e-4
    np.testing.assert_allclose(back.normals[match], points.normals, atol=1e-5)


def test_points_that_share_a_voxel_are_averaged() -> None:
    geometry = Geometry((10, 10, 10), (2.0, 2.0, 2.0))
    positions = np.array([[2.5, 4.0, 6.0], [1.5, 4.5, 6.0], [-3.9, 0.0, 0.0]], np.float32)
    normals = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    grid, features = points_to_grid(Points(positions, normals), geometry)
    assert coordinates(grid).tolist() == [[0, -2, 0, 0], [0, 1, 2, 3]]
    half = 0.5**0.5
    expected = [[0.05, 0, 0, 0, 0, 1], [0.0, 0.125, 0, half, half, 0]]
    np.testing.assert_allclose(features.numpy(), expected, atol=1e-6)


@pytest.fixture
def real_vault() -> Volume:
    """The posterior half of a SkullFix vault scanned with gantry tilt."""
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    unpack = runpy.run_path(str(Path(folder) / "skullfix" / "unpack.py"))
    head, complete, _ = unpack["read_packed"](Path(folder) / "skullfix" / "000.skull.xz")
    steps = np.array(head["space directions"], float).T
    geometry = geometry_from_steps(complete.shape, steps, np.array(head["space origin"], float), Path("000"))
    return Volume(complete[:, 256:, 120:], geometry.crop((0, 256, 120), complete[:, 256:, 120:].shape))


@pytest.mark.data
def test_a_real_skull_there_and_back_within_a_tenth_of_a_millimetre(real_vault: Volume) -> None:
    points = surface_points(real_vault)
    low = points.positions.min(axis=0).astype(float) - 10
    canonical = Geometry((512, 512, 512), (0.45, 0.45, 0.45), (low[0], low[1], low[2]))
    own = cell_lattice(real_vault.geometry)
    for lattice, limit in ((canonical, 0.1), (own, 1e-3)):
        grid, features = points_to_grid(points, lattice)
        back = grid_to_points(grid, features, lattice)
        there = cKDTree(back.positions).query(points.positions)[0]
        again = cKDTree(points.positions).query(back.positions)[0]
        assert there.mean() <= limit
        assert again.mean() <= limit

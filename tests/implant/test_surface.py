"""The completed surface: what fairing keeps and takes, where the bone decides, walls moved inward."""

from collections.abc import Callable

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.mesh import Mesh, implant_mesh
from cranial_sparse.implant.settings import RefineConfig
from cranial_sparse.implant.surface import cracks, faired, lattice_of, patch, sample, thickened, vertex_normals

AXIS = np.array([0.25, 0.1, 1.0]) / np.linalg.norm([0.25, 0.1, 1.0])


def sheet(n: int = 81, step: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A flat grid of n × n vertices, ``step`` mm apart, and its triangles."""
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(n * n)]) * step
    k = (x * n + y)[:-1, :-1].ravel()
    return points, np.concatenate([np.column_stack([k, k + n, k + 1]), np.column_stack([k + 1, k + n, k + n + 1])])


def kept(wave: float, length: float) -> float:
    """Share of a wave's height that fairing by ``length`` keeps in the middle of a sheet."""
    points, triangles = sheet()
    points[:, 2] = np.sin(2 * np.pi * points[:, 0] / wave)
    free = (np.abs(points[:, :2] - 40) < 38).all(axis=1)
    moved = faired(points, triangles, free, np.ones(len(points)), length)
    np.testing.assert_array_equal(moved[~free], points[~free])
    middle = (np.abs(points[:, :2] - 40) < 20).all(axis=1)
    return float(moved[middle, 2] @ points[middle, 2] / (points[middle, 2] @ points[middle, 2]))


def test_a_wave_as_long_as_the_length_keeps_half_its_height():
    assert kept(16, 16) == pytest.approx(0.5, abs=0.08)
    assert kept(8, 16) < 0.12
    assert kept(40, 16) > 0.93


def test_where_nothing_pulls_the_plate_is_tangent_to_what_is_fixed():
    """A bump in the middle of a tilted plane goes altogether."""
    points, triangles = sheet(41)
    plane = 0.3 * points[:, 0] - 0.2 * points[:, 1]
    free = np.linalg.norm(points[:, :2] - 20, axis=1) < 12
    points[:, 2] = plane + 3 * free
    moved = faired(points, triangles, free, np.zeros(len(points)), 8.0)
    np.testing.assert_allclose(moved[:, 2], plane, atol=1e-6)


def test_normals_of_a_ball():
    mask = np.linalg.norm(np.moveaxis(np.indices((30, 30, 30)), 0, -1) - 14.5, axis=-1) < 12
    mesh = implant_mesh(Volume(mask, Geometry((30, 30, 30), (1.0, 1.0, 1.0))))
    normals = vertex_normals(mesh)
    radial = (mesh.vertices - 14.5) / np.linalg.norm(mesh.vertices - 14.5, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert np.einsum("ij,ij->i", normals, radial).min() > 0.95


def test_a_lattice_covers_the_whole_grid_with_cubes():
    turned = tuple(np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0].ravel())
    grid = Geometry((20, 30, 10), (0.4, 0.5, 1.25), (5.0, -9.0, 100.0), turned)
    lattice = lattice_of(grid, 0.8)
    assert lattice.spacing == (0.8, 0.8, 0.8)
    index = lattice.to_index(grid.to_physical(np.array([[0, 0, 0], [19, 29, 9]])))
    np.testing.assert_allclose(index[0], 0, atol=1e-6)
    assert (index[1] <= np.array(lattice.shape) - 1 + 1e-6).all()
    assert (index[1] > np.array(lattice.shape) - 2).all()
    block = np.zeros(grid.shape, bool)
    block[5:15, 8:22, 2:8] = True
    field = sample(Volume(block, grid), lattice, 0.4)
    assert 0 <= field.min() <= field.max() == pytest.approx(1, abs=1e-3)
    assert field.sum() * 0.8**3 == pytest.approx(block.sum() * grid.voxel_volume, rel=0.02)


def test_cracks_close_beside_the_implant_alone():
    field = np.zeros((40, 20, 20), np.float32)
    field[2:18] = field[20:38] = 1  # two blocks, two voxels apart
    distance = np.full(field.shape, 50, np.float32)
    distance[:, :10] = 0.5  # the implant is on this side
    closed = cracks(field, distance, 2.0)
    assert closed[18:20, 2:8, 6:14].all()
    assert not closed[:, 10:].any()
    assert not closed[field > 0.5].any()
    assert not cracks(field, distance, 0.4).any()


@pytest.mark.parametrize(("thickness", "voxel"), [(6.0, 1.0), (6.0, 0.5), (2.0, 0.5)])
def test_what_lies_on_the_implant_is_free(thickness: float, voxel: float, make_shell: Callable):
    """Regression: a sixth of the vertices in the middle of an implant counted as bone, pinned its noise and did not move."""
    found = patch(*make_shell(tuple(AXIS), hole=18.0, thickness=thickness, voxel=voxel), RefineConfig())
    points = found.mesh.vertices.astype(np.float64)
    away = np.sqrt((points**2).sum(axis=1) - (points @ AXIS) ** 2)
    middle, beyond = (away < 15) & (points @ AXIS > 0), (away > 21) | (points @ AXIS < 0)
    assert found.free[middle].all()
    assert found.implant[middle].all()
    assert not found.free[beyond].any()
    assert not found.implant[beyond].any()
    assert found.mesh.watertight
    radius = np.linalg.norm(points[middle], axis=1)
    off = np.minimum(np.abs(radius - 45), np.abs(radius - 45 + thickness))
    assert np.quantile(off, 0.95) < 0.25 * voxel + 0.05


def test_fairing_takes_the_terraces_of_the_prediction(make_shell: Callable):
    """The noise that fairing is for: the prediction's outer surface stands up to 1 mm off, from voxel to voxel."""
    skull, missing = make_shell(tuple(AXIS), hole=18.0)
    points = skull.geometry.to_physical(np.stack(np.indices(skull.array.shape), -1))
    along = points @ AXIS
    bumpy = (np.sin(points[..., 0] * 2) + np.sin(points[..., 1] * 2)) * 0.7
    inside = (along > 0) & ((points**2).sum(-1) - along**2 < 18**2)
    radius = np.linalg.norm(points, axis=-1)
    noisy = Volume(inside & (radius <= 45 + bumpy) & (radius > 39), missing.geometry)
    rough = []
    for length in (0.0, 12.0):
        mesh = patch(skull, noisy, RefineConfig(fairing_mm=length)).mesh
        at = mesh.vertices.astype(np.float64)
        radius = np.linalg.norm(at, axis=1)
        top = (np.sqrt((at**2).sum(axis=1) - (at @ AXIS) ** 2) < 14) & (at @ AXIS > 0) & (radius > 42)
        rough.append(float(radius[top].std()))
    assert rough[1] < rough[0] / 2


def shell_mesh() -> tuple[Mesh, np.ndarray, np.ndarray]:
    """A hollow ball, radii 30 and 34, an implant above z = 10; its vertices' radii."""
    geometry = Geometry((76, 76, 76), (1.0,) * 3, (-37.5,) * 3)
    radius = np.linalg.norm(geometry.to_physical(np.stack(np.indices(geometry.shape), -1)), axis=-1)
    mesh = implant_mesh(Volume((radius < 34) & (radius > 30), geometry))
    return mesh, mesh.vertices[:, 2] > 10, np.linalg.norm(mesh.vertices, axis=1)


@pytest.mark.parametrize(
    ("fixed", "least", "inset", "wanted"), [(2.0, 0, 0, 2.0), (6.0, 0, 0, 6.0), (0, 6.0, 0, 6.0), (0, 1.0, 1.5, 2.5)]
)
def test_walls_move_at_their_inner_side_alone(fixed: float, least: float, inset: float, wanted: float):
    mesh, implant, before = shell_mesh()
    moved = thickened(mesh, implant, np.zeros(3), fixed, least, inset)
    after = np.linalg.norm(moved.vertices, axis=1)
    inner = implant & (before < 32) & (mesh.vertices[:, 2] > 14)
    np.testing.assert_allclose(after[~(implant & (before < 32))], before[~(implant & (before < 32))], atol=1e-4)
    assert np.mean(34 - after[inner]) == pytest.approx(wanted, abs=0.15)
    assert np.quantile(np.abs(34 - after[inner] - wanted), 0.95) < 0.4


def test_a_wall_that_is_thick_enough_stays():
    mesh, implant, _ = shell_mesh()
    moved = thickened(mesh, implant, np.zeros(3), 0.0, 2.0, 0.0)
    assert np.abs(moved.vertices - mesh.vertices).max() < 1e-3
    assert thickened(mesh, implant, np.zeros(3), 0.0, 0.0, 0.0) is mesh

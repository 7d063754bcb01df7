"""Steps from the completed surface to the solid, each on a case that can be counted."""

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.carve import behind, largest, temporal_gap, thin_edges

VOXEL = 0.5


def lateral(outward: tuple[float, float, float] = (1.0, 0, 0), n: int = 81) -> Geometry:
    from cranial_sparse.implant.field import lattice_along

    half = n // 2 * VOXEL
    corners = np.array([[-half] * 3, [half] * 3])
    return lattice_along(corners, np.array(outward), VOXEL, 0.0)


def test_a_plane_is_as_far_as_it_says():
    lattice = lateral((0.6, 0, 0.8))
    normal = np.array([0.0, 0.6, -0.8])
    found = behind(np.append(normal, 3.0), lattice, 0.25)
    points = lattice.to_physical(np.stack(np.indices(lattice.shape), -1))
    np.testing.assert_allclose(found, points @ normal - 2.75, atol=1e-3)


def test_the_part_with_the_most_seeds_stays_without_its_cavity():
    field = np.ones((20, 10, 10), np.float32)
    field[1:8, 1:9, 1:9] = -1
    field[4, 4, 4] = 1  # a cavity
    field[12:19, 1:9, 1:9] = -1
    small, both = np.array([[2, 2, 2], [3, 3, 3], [15, 5, 5]]), np.array([[15, 5, 5]])
    kept = largest(field, small)
    assert (kept[1:8, 1:9, 1:9] < 0).all()
    assert (kept[8:] > 0).all()
    assert (largest(field, both)[12:19, 1:9, 1:9] < 0).all()
    assert (largest(field, both)[:9] > 0).all()
    assert (largest(field, np.array([[0, 0, 0]])) > 0).all()


def test_a_feather_edge_is_cut_and_a_thin_middle_is_not():
    """A wedge that runs out along x, and a plate with a thin place in its middle."""
    x, y, z = np.ogrid[:60, :40, :30]
    inside = (x >= 5) & (x < 55) & (y >= 5) & (y < 35)
    wedge = np.where(inside & (z < 2 + (x - 5) / 4) & (z >= 2), -1.0, 1.0).astype(np.float32)
    run = (wedge < 0).sum(axis=2) * VOXEL
    thin = thin_edges(wedge, VOXEL, 2.0) > 0
    assert thin[(run > 0) & (run < 1.5)].mean() > 0.9
    assert not thin[run > 2.5].any()
    plate = np.where(inside & (z >= 2) & (z < 14), -1.0, 1.0).astype(np.float32)
    plate[25:35, 15:25, 4:] = 1.0
    assert not (thin_edges(plate, VOXEL, 2.0) > 0).any()
    assert not (thin_edges(wedge, VOXEL, 0.0) > 0).any()


@pytest.mark.parametrize("outward", [(1.0, 0, 0), (-1.0, 0, 0), (0.8, -0.36, 0.48)])
def test_the_temporal_gap_is_whole_below_and_nothing_above(outward: tuple[float, float, float]):
    lattice = lateral(outward)
    flat = np.ones(lattice.shape[:2], bool)
    gap = temporal_gap(lattice, flat, 3.0)
    axes = np.reshape(lattice.direction, (3, 3))
    index = np.stack(np.indices(flat.shape), -1) - (np.array(flat.shape) - 1) / 2
    height = index @ axes[2, :2] / np.linalg.norm(axes[2, :2])
    away = np.maximum(np.linalg.norm(index, axis=-1), 1e-9)
    angle = np.degrees(np.arccos(np.clip(-height / away, -1, 1)))
    rim = away > 10
    np.testing.assert_allclose(gap[rim & (angle < 44)], 3.0)
    np.testing.assert_allclose(gap[rim & (angle > 66)], 0.0)
    between = gap[rim & (np.abs(angle - 55) < 1)]
    assert 1.2 < between.mean() < 1.8


def test_no_temporal_edge_from_above_or_without_a_gap():
    flat = np.ones(lateral().shape[:2], bool)
    assert not temporal_gap(lateral(), flat, 0.0).any()
    assert not temporal_gap(lateral(), np.zeros_like(flat), 3.0).any()
    top = lateral((0.1, 0.1, 0.99))
    assert not temporal_gap(top, np.ones(top.shape[:2], bool), 3.0).any()

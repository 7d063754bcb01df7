"""The atlas builder's steps on shapes with known answers."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("SimpleITK")

from experiments.build_atlas import (
    MEAN,
    OWN,
    Mean,
    Warp,
    demons,
    fit_floor,
    fit_similarity,
    refine_distance,
    signed_distance,
    undo,
)


def egg(points: np.ndarray) -> np.ndarray:
    """Distance, roughly, to a hollow egg with a bump, mm."""
    x, y, z = points
    radius = np.sqrt((x / 0.9) ** 2 + (y / 1.2) ** 2 + z**2) + 4 * np.exp(-(x**2 + (y + 60) ** 2 + (z - 20) ** 2) / 400)
    return (np.abs(radius - 65) - 4).astype(np.float32)


def skull_like(points: np.ndarray) -> np.ndarray:
    return np.stack([np.clip(egg(points), -12.7, 12.7) * 10, np.ones(points.shape[1:])]).astype(np.float32)


def mean_like() -> Mean:
    distance = egg(MEAN.points())
    return Mean(distance, np.ones_like(distance), (distance < 0).astype(np.float32), MEAN)


def test_distances_are_to_the_faces_between_voxels() -> None:
    line = np.zeros((5, 5, 9), bool)
    line[:, :, 3:6] = True
    expected = np.array([2.5, 1.5, 0.5, -0.5, -1.5, -0.5, 0.5, 1.5, 2.5]) * 2
    np.testing.assert_allclose(signed_distance(line, 2.0)[2, 2], expected)


def test_distances_are_refined_between_voxels() -> None:
    x, y, z = np.indices((30, 30, 30)) - 14.3
    exact = np.sqrt(x**2 + y**2 + z**2) - 9.37
    near = np.abs(exact) < 1
    assert np.abs(refine_distance(exact.astype(np.float32), 1.0) - exact)[near].max() < 0.2


def test_a_moved_and_grown_skull_is_brought_back() -> None:
    wanted = Warp(shift=np.array([2.0, -3.0, 4.0]), scale=1.05)
    inverse = np.linalg.inv(wanted.scale * wanted.rotation)
    points = OWN.points() - wanted.shift.astype(np.float32).reshape(3, 1, 1, 1)
    skull = skull_like(np.tensordot(inverse.astype(np.float32), points, 1))
    skull[0] *= wanted.scale
    found = fit_similarity(mean_like(), skull, Warp())
    np.testing.assert_allclose(found.shift, wanted.shift, atol=0.2)
    np.testing.assert_allclose(found.rotation, wanted.rotation, atol=0.02)
    assert found.scale == pytest.approx(wanted.scale, abs=0.005)


def test_demons_follow_a_bend() -> None:
    level = Warp(rotation=np.eye(3))
    points = OWN.points()
    bend = 4 * np.sin(points[1] / 40)
    skull = skull_like(np.stack([points[0], points[1], points[2] - bend]))
    mean, lattice = mean_like(), replace(MEAN, step=6.0)
    warp = demons(mean, lattice, skull, level, 25)
    surface = np.abs(mean.distance) < 1.5
    at = MEAN.points()[:, surface]

    def miss(warp: Warp) -> float:
        return float(np.abs(OWN.sample(skull[0], at + warp.at(at)) / 10 - mean.distance[surface]).mean())

    assert miss(warp) < 0.4 * miss(level)


def test_undoing_a_displacement() -> None:
    points = MEAN.points()
    u = np.stack([2 * np.sin(points[1] / 30), 1.5 * np.cos(points[2] / 25), np.sin(points[0] / 20)]).astype(np.float32)
    v = undo(u, MEAN)
    there = points + v
    again = there + np.stack([MEAN.sample(a, there) for a in u])
    inner = (slice(None), *(slice(3, -3),) * 3)
    assert np.abs(again - points)[inner].max() < 0.05


def test_the_floor_is_the_plane_below_which_scans_end() -> None:
    _, y, z = MEAN.points()
    seen = np.where(z > -60 + 0.2 * y, 0.8, 0.1).astype(np.float32)
    height, slope = fit_floor(Mean(z, seen, z, MEAN))
    assert slope == pytest.approx(0.2, abs=0.02)
    assert height == pytest.approx(-60, abs=4)

"""Halves that must not be in each other's way."""

from dataclasses import dataclass

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry

pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)

from cranial_sparse.implant.checks import Checks
from cranial_sparse.implant.design import _assembled
from cranial_sparse.implant.halves import met, split
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.solid import surface

GRID = Geometry((60, 60, 60), (1.0,) * 3, (-30.0,) * 3)
NONE = Checks((), (0.0, 0.0, 1.0))


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Mesh:
    """A closed box, mm, that leaves along z."""
    points = GRID.to_physical(np.stack(np.indices(GRID.shape), -1))
    middle, half = (np.array(low) + high) / 2, (np.array(high) - low) / 2
    return surface((np.abs(points - middle) - half).max(axis=-1).astype(np.float32), GRID)


def both(one: Mesh, two: Mesh) -> Mesh:
    triangles = np.concatenate([one.triangles, two.triangles + len(one.vertices)])
    return Mesh(np.concatenate([one.vertices, two.vertices]), triangles)


def test_a_half_under_another_cannot_come_in_after_it() -> None:
    lower, upper = box((-10, -10, -10), (10, 10, -2)), box((0, -10, 2), (20, 10, 8))
    assert met(lower, upper, GRID) > 50
    assert met(upper, lower, GRID) == 0
    assert met(lower, box((15, -10, 2), (25, 10, 8)), GRID) == 0  # beside it


@dataclass(frozen=True)
class Half:
    """What of a Part the order is decided by."""

    mesh: Mesh
    lattice: Geometry = GRID
    checks: Checks = NONE


def test_halves_are_numbered_in_the_order_they_go_in() -> None:
    lower, upper = Half(box((-10, -10, -10), (10, 10, -2))), Half(box((0, -10, 2), (20, 10, 8)))
    for given in ((lower, upper), (upper, lower)):
        found = _assembled(*given)  # type: ignore[arg-type]
        assert [part.mesh for part in found] == [lower.mesh, upper.mesh]
        assert all(part.checks.passed for part in found)


def test_halves_that_are_in_each_others_way_fail() -> None:
    """Each lies over a part of the other."""
    one = both(box((-10, -10, 2), (10, 10, 8)), box((13, -5, 0), (18, 5, 4)))
    two = both(box((12, -10, -10), (20, 10, -4)), box((-8, -5, 12), (4, 5, 16)))
    first, second = _assembled(Half(one), Half(two))  # type: ignore[arg-type]
    assert first.checks.items[-1].passed
    check = second.checks.items[-1]
    assert (check.name, check.limit, check.passed) == ("collisions with the half put in before it", "at most 0", False)
    assert check.value > 20


def test_halves_share_the_points_and_keep_to_their_sides() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((-30, -10, 48), (30, 10, 52), (400, 3))
    bone = rng.normal(0, 1, (500, 3))
    bone = 50 * bone / np.linalg.norm(bone, axis=1, keepdims=True)
    bone = bone[bone[:, 2] < 0]
    halves = split(bone, points, np.array([0.0, 0, 1.0]), 45.0)
    assert sum(len(half) for half, _, _ in halves) == len(points)
    for half, way, plane in halves:
        assert plane is not None
        assert abs(plane[0]) > 0.99  # across the longest side
        assert (half @ plane[:3] <= plane[3] + 1e-9).all()
        assert np.sign(way.outward[0]) == np.sign(half[:, 0].mean()) or abs(way.outward[0]) < 0.3

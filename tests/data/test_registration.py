"""Registration of shapes that were moved, grown, sheared and bent by known amounts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("SimpleITK")

from cranial_sparse.data.defects.vault import fit_vault
from cranial_sparse.data.registration import (
    AFFINE,
    COMMON,
    GENERATORS,
    OWN,
    RIGID,
    SIMILARITY,
    Target,
    Warp,
    demons,
    distance_field,
    fit_linear,
    signed_distance,
)
from cranial_sparse.geometry import Geometry, Volume


def egg(points: np.ndarray) -> np.ndarray:
    """Distance, roughly, to a hollow egg with a bump, mm."""
    x, y, z = points
    radius = np.sqrt((x / 0.9) ** 2 + (y / 1.2) ** 2 + z**2) + 4 * np.exp(-(x**2 + (y + 60) ** 2 + (z - 20) ** 2) / 400)
    return (np.abs(radius - 65) - 4).astype(np.float32)


def skull_like(points: np.ndarray) -> np.ndarray:
    return np.stack([np.clip(egg(points), -12.7, 12.7) * 10, np.ones(points.shape[1:])]).astype(np.float32)


def egg_target() -> Target:
    distance = egg(COMMON.points())
    return Target(distance, np.ones_like(distance))


def seen_through(warp: Warp) -> np.ndarray:
    """The egg in the frame of a skull that ``warp`` brings it to."""
    points = OWN.points() - warp.shift.astype(np.float32).reshape(3, 1, 1, 1)
    skull = skull_like(np.tensordot(np.linalg.inv(warp.linear).astype(np.float32), points, 1))
    skull[0] *= warp.scale
    return skull


def test_distances_are_to_the_faces_between_voxels() -> None:
    line = np.zeros((5, 5, 9), bool)
    line[:, :, 3:6] = True
    expected = np.array([2.5, 1.5, 0.5, -0.5, -1.5, -0.5, 0.5, 1.5, 2.5]) * 2
    np.testing.assert_allclose(signed_distance(line, 2.0)[2, 2], expected)


def test_generators_turn_grow_and_stretch() -> None:
    assert GENERATORS.shape == (9, 3, 3)
    assert np.linalg.matrix_rank(GENERATORS.reshape(9, 9)) == 9
    np.testing.assert_array_equal(GENERATORS[:RIGID], -GENERATORS[:RIGID].transpose(0, 2, 1))
    np.testing.assert_array_equal(GENERATORS[RIGID:], GENERATORS[RIGID:].transpose(0, 2, 1))
    assert [np.trace(one) for one in GENERATORS[SIMILARITY:]] == [0] * 5
    np.testing.assert_allclose(GENERATORS[2] @ [1, 0, 0], [0, 1, 0])  # about z, x turns to y


TURN = Rotation.from_euler("xyz", [4, -3, 5], degrees=True).as_matrix()


@pytest.mark.parametrize(("freedom", "linear"), [(RIGID, TURN), (SIMILARITY, 1.05 * TURN)])
def test_a_turn_is_found(freedom: int, linear: np.ndarray) -> None:
    wanted = Warp(linear, np.array([2.0, -3.0, 4.0]))
    found = fit_linear(egg_target(), seen_through(wanted), Warp(), freedom)
    np.testing.assert_allclose(found.shift, wanted.shift, atol=0.25)
    np.testing.assert_allclose(found.linear, wanted.linear, atol=0.02)
    assert found.scale == pytest.approx(wanted.scale, abs=0.006)
    if freedom == RIGID:
        np.testing.assert_allclose(found.linear @ found.linear.T, np.eye(3), atol=1e-9)


def test_an_affine_map_meets_what_a_similarity_cannot() -> None:
    """Of an egg all turns onto itself are as good, so the surfaces are compared and not the maps."""
    sheared = Warp(
        TURN @ np.array([[1.06, 0.03, 0.0], [0.03, 0.96, 0.02], [0.0, 0.02, 1.02]]), np.array([2.0, -3.0, 4.0])
    )
    skull, target = seen_through(sheared), egg_target()
    surface = np.abs(target.distance) < 1

    def miss(freedom: int) -> float:
        there = fit_linear(target, skull, Warp(), freedom)(COMMON.points()[:, surface])
        return float(np.abs(OWN.sample(skull[0], there) / 10 - target.distance[surface]).mean())

    assert miss(AFFINE) < 0.2
    assert miss(AFFINE) < 0.4 * miss(SIMILARITY)


def test_demons_follow_a_bend() -> None:
    level = Warp()
    points = OWN.points()
    bend = 4 * np.sin(points[1] / 40)
    skull = skull_like(np.stack([points[0], points[1], points[2] - bend]))
    target, lattice = egg_target(), replace(COMMON, step=6.0)
    warp = demons(target, lattice, skull, level, 25)
    surface = np.abs(target.distance) < 1.5
    at = COMMON.points()[:, surface]

    def miss(warp: Warp) -> float:
        return float(np.abs(OWN.sample(skull[0], at + warp.at(at)) / 10 - target.distance[surface]).mean())

    assert miss(warp) < 0.4 * miss(level)


def test_a_field_is_in_the_frame_of_its_vault_and_knows_where_the_scan_ends() -> None:
    geometry = Geometry((100, 130, 90), (1.6, 1.6, 1.6), (-80.0, -104.0, -60.0))
    x, y, z = np.moveaxis(geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1)), -1, 0)
    radius = np.sqrt((x / 70) ** 2 + (y / 90) ** 2 + (z / 75) ** 2)
    skull = Volume((radius < 1) & (radius > 0.92), geometry)
    vault = fit_vault(geometry.to_physical(np.argwhere(skull.array)))
    distance, seen = distance_field(skull, vault)
    top = vault.to_local(np.array([[0.0, 0.0, 72.0]]))[:1].T  # in the middle of a table of 6 mm
    assert -OWN.sample(distance.astype(np.float32), top)[0] / 10 == pytest.approx(3, abs=1.2)
    assert OWN.sample(seen.astype(np.float32), top, order=0)[0] == 1
    below = vault.to_local(np.array([[0.0, 0.0, -80.0]]))[:1].T
    assert OWN.sample(seen.astype(np.float32), below, order=0)[0] == 0

"""Surfaces for the page: closed, in place, small, and the same after packing."""

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.report.surfaces import block_mean, light_surface, pack

GEOMETRY = Geometry((60, 50, 40), (0.5, 0.6, 0.8), (10.0, -20.0, 30.0), (0, -1, 0, 1, 0, 0, 0, 0, 1))


def ball(radius: float = 11.0) -> Volume:
    points = GEOMETRY.to_physical(np.moveaxis(np.indices(GEOMETRY.shape), 0, -1))
    centre = GEOMETRY.to_physical((np.array(GEOMETRY.shape) - 1) / 2)
    return Volume(np.linalg.norm(points - centre, axis=-1) <= radius, GEOMETRY)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.tuples(*[st.integers(1, 4)] * 3))
def test_block_mean_is_the_share_of_each_block(seed: int, factor: tuple[int, int, int]):
    mask = np.random.default_rng(seed).random((9, 7, 8)) < 0.4
    found = block_mean(mask, factor)
    padded = np.pad(mask, [(0, -n % f) for n, f in zip(mask.shape, factor, strict=True)])
    blocks = padded.reshape([n for size, f in zip(found.shape, factor, strict=True) for n in (size, f)])
    np.testing.assert_allclose(found, blocks.mean(axis=(1, 3, 5)), rtol=1e-6)


def test_coarse_ball_is_a_closed_ball_in_place():
    mesh = light_surface(ball(), detail=1.2, limit=100_000)
    assert mesh.watertight
    assert mesh.volume_ml == pytest.approx(4 / 3 * np.pi * 11**3 / 1000, rel=0.05)
    centre = GEOMETRY.to_physical((np.array(GEOMETRY.shape) - 1) / 2)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), centre, atol=0.2)
    assert abs(np.linalg.norm(mesh.vertices - centre, axis=1) - 11).max() < 1.2


def test_limit_holds():
    assert len(light_surface(ball(), detail=0.5, limit=1500).triangles) <= 1500


def test_packing_moves_nothing_by_more_than_half_a_step():
    mesh = light_surface(ball(), detail=1.2, limit=100_000)
    layer = pack("implant", mesh)
    values = np.frombuffer(base64.b64decode(layer.vertices), "<u2").reshape(-1, 3)
    unpacked = np.array(layer.low) + layer.step * values
    np.testing.assert_allclose(unpacked, mesh.vertices, atol=layer.step)
    assert layer.step < 0.001
    triangles = np.frombuffer(base64.b64decode(layer.triangles), "<u4").reshape(-1, 3)
    np.testing.assert_array_equal(triangles, mesh.triangles)


def test_empty_volume():
    mesh = light_surface(Volume(np.zeros(GEOMETRY.shape, bool), GEOMETRY), 1.0, 100)
    assert isinstance(mesh, Mesh)
    assert pack("skull", mesh).vertices == pack("skull", mesh).triangles == ""

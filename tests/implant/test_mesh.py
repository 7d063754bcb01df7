"""Implant volumes as closed surfaces in patient space."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant import implant_mesh
from cranial_sparse.implant.mesh import taubin
from cranial_sparse.implant.topology import signed_volume

OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].ravel())
LEFT_HANDED = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
SHEARED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -0.3, 0.954)


def ball(radius: float = 9.0, shape: tuple[int, int, int] = (26, 24, 28)) -> np.ndarray:
    centre = (np.array(shape) - 1) / 2
    return np.linalg.norm(np.moveaxis(np.indices(shape), 0, -1) - centre, axis=-1) <= radius


def volume_of(mask: np.ndarray, direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> Volume:
    return Volume(mask, Geometry(mask.shape, (0.4, 0.5, 0.7), (-30.0, 12.0, 5.0), direction))


def voxel_ml(volume: Volume) -> float:
    return float(volume.array.sum()) * volume.geometry.voxel_volume / 1000


@pytest.mark.parametrize("direction", [LEFT_HANDED, OBLIQUE, SHEARED, tuple(-v for v in OBLIQUE)])
def test_ball_is_closed_outward_and_where_the_voxels_are(direction: tuple[float, ...]):
    implant = volume_of(ball(), direction)
    mesh = implant_mesh(implant)
    assert mesh.watertight
    assert mesh.components == 1
    assert mesh.volume_ml == pytest.approx(voxel_ml(implant), rel=0.02)
    centre = implant.geometry.to_physical(np.argwhere(implant.array)).mean(axis=0)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), centre, atol=0.05)
    index = implant.geometry.to_index(mesh.vertices)
    radius = np.linalg.norm(index - (np.array(implant.array.shape) - 1) / 2, axis=1)
    assert abs(radius - 9.0).max() < 0.75  # voxels


def test_closed_where_the_implant_meets_the_border_of_the_scan():
    mesh = implant_mesh(volume_of(np.ones((6, 5, 4), bool)))
    assert mesh.watertight
    assert mesh.volume_ml > 0


def test_empty_volume_gives_an_empty_mesh():
    mesh = implant_mesh(volume_of(np.zeros((4, 4, 4), bool)))
    assert mesh.vertices.shape == mesh.triangles.shape == (0, 3)
    assert mesh.volume_ml == 0
    assert mesh.components == 0


def test_single_voxel_still_has_a_surface():
    mask = np.zeros((4, 4, 4), bool)
    mask[1, 2, 3] = True
    assert implant_mesh(volume_of(mask)).watertight


def test_parts_and_thin_walls_survive():
    mask = np.zeros((30, 30, 30), bool)
    mask[2:28, 2:28, 4] = True  # one voxel thin
    mask[5:12, 5:12, 15:25] = True
    assert implant_mesh(volume_of(mask)).components == 2


def test_hollow_stays_hollow():
    mesh = implant_mesh(volume_of(ball(10.0) & ~ball(5.0)))
    assert mesh.watertight
    assert mesh.components == 2
    assert mesh.volume_ml == pytest.approx(voxel_ml(volume_of(ball(10.0) & ~ball(5.0))), rel=0.02)


def test_same_bytes_every_time():
    first, second = (implant_mesh(volume_of(ball())) for _ in range(2))
    assert first.vertices.tobytes() == second.vertices.tobytes()
    assert first.triangles.tobytes() == second.triangles.tobytes()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), sigma=st.sampled_from([0.0, 0.7, 1.5]), share=st.sampled_from([0.02, 0.2, 0.5]))
def test_any_mask_closes(seed: int, sigma: float, share: float):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((11, 12, 10)), sigma)
    mesh = implant_mesh(volume_of(noise > np.quantile(noise, 1 - share)))
    assert mesh.watertight
    assert mesh.volume_ml > 0


def test_taubin_keeps_the_volume_that_plain_smoothing_loses():
    mesh = implant_mesh(volume_of(ball()), passes=0)
    points = mesh.vertices.astype(np.float64)
    kept, lost = (taubin(points, mesh.triangles, 20, inflate=mu) for mu in (-0.53, 0.5))
    volume = signed_volume(points, mesh.triangles)
    assert signed_volume(kept, mesh.triangles) == pytest.approx(volume, rel=0.01)
    assert signed_volume(lost, mesh.triangles) < 0.95 * volume


@pytest.mark.data
def test_real_implant():
    if "CRANIAL_SPARSE_DATA" not in os.environ:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    _, implant = read_packed(Path(os.environ["CRANIAL_SPARSE_DATA"]) / "skullfix" / "002.skull.xz")
    mesh = implant_mesh(implant)
    assert mesh.watertight
    assert mesh.volume_ml == pytest.approx(voxel_ml(implant), rel=0.02)
    assert len(mesh.triangles) < 300_000

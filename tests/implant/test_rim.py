"""Steps and stations on height maps that are known, and on a solid pushed out of its place."""

from dataclasses import replace

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.design import Design
from cranial_sparse.implant.mesh import Mesh, implant_mesh
from cranial_sparse.implant.rim import PIXEL, SPACING, beyond, heights, ray_lattice, rim, stations, steps
from cranial_sparse.report.solid import joined


def maps(step: float, slope: float = 0.0, gap: float = 0.5, curve: float = 1 / 140) -> tuple[np.ndarray, ...]:
    """A bowl with a disc of 8 mm radius in it that stands ``step`` over it: stations, disc and rest."""
    n = 101
    x, y = (np.mgrid[:n, :n] - n // 2) * PIXEL
    bowl = 20 + slope * x - curve * (x**2 + y**2)
    away = np.hypot(x, y)
    disc, rest = np.where(away < 8, bowl + step, np.nan), np.where(away > 8 + gap, bowl, np.nan)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.column_stack([np.cos(turn), np.sin(turn)]) * 8 / PIXEL + n // 2, disc, rest


@pytest.mark.parametrize("step", [-0.6, 0.0, 0.3, 1.2])
def test_a_step_over_a_bowl_is_read_as_it_is(step: float):
    np.testing.assert_allclose(steps(*maps(step)), step, atol=0.02)
    assert np.median(steps(*maps(step, gap=1.0))) == pytest.approx(step, abs=0.03)


@pytest.mark.parametrize("step", [0.0, 0.5])
def test_a_brow_is_no_step(step: float):
    """Regression: bone bent with a radius of 8 mm one way, and not the other, seemed to have a step against its implant."""
    outline, disc, rest = maps(step, gap=1.0, curve=0.0)
    across = (np.arange(len(disc)) - len(disc) // 2)[:, None] * PIXEL
    brow = -(np.clip(across - 6, 0, None) ** 2) / 16
    found = steps(outline, disc + brow, rest + brow)
    middle = outline[:, 0] > len(disc) // 2 + 15  # where the brow begins
    cosine = np.cos(np.arctan((8 - 6) / 8))
    np.testing.assert_allclose(found[middle], step, atol=0.12)
    assert np.abs(found[middle] - step * cosine).mean() < 0.08


def test_a_step_is_measured_along_the_normal():
    found = steps(*maps(0.5, slope=0.75, curve=0.0))
    np.testing.assert_allclose(found, 0.5 * 0.8, atol=0.01)


def test_a_spike_in_the_bone_does_not_move_the_step():
    outline, disc, rest = maps(0.4)
    rest[np.random.default_rng(0).random(rest.shape) < 0.06] += 3
    assert np.nanmedian(steps(outline, disc, rest)) == pytest.approx(0.4, abs=0.08)


def test_without_bone_nearby_there_is_no_step():
    outline, disc, rest = maps(0.4)
    assert np.isnan(steps(outline, disc, np.full_like(rest, np.nan))).all()
    rest[:51] = np.nan
    found = steps(outline, disc, rest)
    assert np.isnan(found[outline[:, 0] < 40]).all()
    np.testing.assert_allclose(found[outline[:, 0] > 60], 0.4, atol=0.02)


def test_a_map_goes_on_with_its_nearest_number():
    nan = np.nan
    assert beyond(np.array([[1.0, nan, nan], [nan, nan, 5.0]])).tolist() == [[1, 1, 5], [1, 5, 5]]
    assert beyond(np.full((2, 2), nan)).tolist() == [[0, 0], [0, 0]]


def test_stations_are_spread_along_every_outline():
    x, y = (np.mgrid[:151, :151] - 75) * PIXEL
    away = np.hypot(x, y)
    found = (stations((away < 24) & (away > 10)) - 75) * PIXEL
    radius = np.linalg.norm(found, axis=1)
    assert len(found) == pytest.approx(2 * np.pi * 34 / SPACING, rel=0.05)
    outer = radius > 17
    np.testing.assert_allclose(radius[outer], 24, atol=0.5)
    np.testing.assert_allclose(radius[~outer], 10, atol=0.5)
    assert stations(np.zeros((30, 30), bool)).shape == (0, 2)
    assert stations(away < 1).shape == (0, 2)  # a speck


def test_heights_of_a_ball():
    pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)
    from cranial_sparse.implant.distances import Scene

    grid = Geometry((60, 60, 60), (0.5,) * 3, (-14.75,) * 3)
    mask = np.linalg.norm(grid.to_physical(np.stack(np.indices(grid.shape), -1)), axis=-1) < 10
    rays = ray_lattice(Geometry((61, 61, 61), (0.5,) * 3, (-15.0,) * 3))
    assert rays.spacing == (PIXEL,) * 3
    seen = heights(Scene(implant_mesh(Volume(mask, grid))), rays)
    index = np.stack(np.indices(seen.top.shape), -1) * PIXEL - 15
    away = np.linalg.norm(index, axis=-1)
    inside = away < 9
    rise = np.sqrt(np.maximum(0, 100 - away**2))
    np.testing.assert_allclose(seen.top[inside], 15 + rise[inside], atol=0.35)
    np.testing.assert_allclose(seen.bottom[inside], 15 - rise[inside], atol=0.35)
    assert np.isnan(seen.top[away > 10.5]).all()


def wanted(lattice: Geometry) -> np.ndarray:
    return np.full(lattice.shape[:2], 0.5)


def test_a_solid_pushed_outward_stands_out_by_as_much(designed: Design, holed: tuple[Volume, Volume]):
    from cranial_sparse.implant.distances import Scene

    skull, missing = holed
    (part,) = designed.parts
    outward = np.array(part.checks.outward)
    bone = Scene(implant_mesh(skull))
    whole = implant_mesh(Volume(skull.array | missing.array, skull.geometry))
    contact = missing.geometry.to_physical(np.argwhere(missing.array))
    found = []
    for push in (0.0, 0.6):
        vertices = (part.mesh.vertices + push * outward).astype(np.float32)
        moved = Mesh(vertices, part.mesh.triangles)
        shifted = (np.asarray(part.lattice.origin) + push * outward).tolist()
        lattice = replace(part.lattice, origin=tuple(shifted))
        pushed_surface = Mesh((whole.vertices + push * outward).astype(np.float32), whole.triangles)
        surface = Scene(joined([whole, pushed_surface]))  # the bone lies on the one, the solid on the other
        found.append(rim(moved, bone, surface, vertices.astype(np.float64), contact, lattice, wanted(lattice)))
    still, pushed = found
    assert len(still.points) > 90  # 2π · 17.5 mm, one each
    assert not still.free.any()
    assert np.nanmedian(still.gap) == pytest.approx(0.5, abs=0.2)
    assert abs(np.nanmedian(still.outer)) < 0.35
    rise = np.nanmedian(pushed.outer) - np.nanmedian(still.outer)
    assert 0.3 < rise < 0.75  # along the normal, which is tilted at the rim
    far = rim(
        part.mesh, bone, Scene(whole), part.mesh.vertices.astype(float), contact[:0], part.lattice, wanted(part.lattice)
    )
    assert far.free.all()
    assert np.isnan(far.outer).all()

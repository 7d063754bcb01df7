"""Measures of caps and boxes cut from shells, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases.drawing import EDGE_HEIGHT, cut_edge
from benchmarks.cases.measures import from_slice, measure, outer_area, sphere_directions
from cranial_sparse.data.defects import Cut, Defect, Vault
from cranial_sparse.data.defects.defect import Irregularity
from cranial_sparse.data.defects.shapes import Blob
from cranial_sparse.data.defects.vault import _harmonics
from cranial_sparse.geometry import Geometry, Volume

CENTRE = np.array([5.0, -4.0, 100.0])
GEOMETRY = Geometry((170, 210, 120), (1.0, 0.9, 0.8), (-80.0, -98.0, 95.0))
LOCAL = GEOMETRY.to_physical(np.moveaxis(np.indices(GEOMETRY.shape), 0, -1)) - CENTRE


def shell(radii: tuple[float, float, float], thick: float) -> tuple[Volume, Vault]:
    """The upper half of an ellipsoid shell of ``thick`` mm, and its exact vault."""
    rays = sphere_directions(3000)
    radius = 1 / np.linalg.norm(rays / radii, axis=1)
    vault = Vault(CENTRE, np.eye(3), np.linalg.lstsq(_harmonics(rays), radius, rcond=None)[0], -radii[1])
    inner = np.array(radii) - thick
    bone = (np.linalg.norm(LOCAL / radii, axis=-1) < 1) & (np.linalg.norm(LOCAL / inner, axis=-1) > 1)
    return Volume(bone, GEOMETRY), vault


def cut(skull: Volume, vault: Vault, inside: np.ndarray) -> Cut:
    none = np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    defect = Defect("by hand", vault, Blob(np.zeros((1, 3)), np.ones(1)), Irregularity(*none))
    implant = skull.array & inside
    volume = implant.sum() * skull.geometry.voxel_volume / 1000
    return Cut(defect, Volume(skull.array & ~implant, GEOMETRY), Volume(implant, GEOMETRY), volume, True)


@pytest.mark.parametrize("thick", [4.0, 8.0])
def test_the_area_of_a_cap_whatever_its_thickness(thick: float) -> None:
    """The cap above z = 55.4, a face between slices, of a sphere of 78 mm: 2 pi r h."""
    skull, vault = shell((78.0, 78.0, 78.0), thick)
    area = outer_area(skull, Volume(skull.array & (LOCAL[..., 2] > 55.4), GEOMETRY), vault)
    assert area == pytest.approx(2 * np.pi * 78 * 22.6 / 100, rel=0.02)


def test_the_area_of_half_an_ellipsoid() -> None:
    """One side of the upper half: a quarter of the whole surface, by Thomsen's formula."""
    radii = (70.0, 90.0, 80.0)
    skull, vault = shell(radii, 6.0)
    area = outer_area(skull, Volume(skull.array & (LOCAL[..., 0] > 0) & (LOCAL[..., 2] > -0.6), GEOMETRY), vault)
    a, b, c = np.power(radii, 1.6075)
    assert area == pytest.approx(np.pi * ((a * b + a * c + b * c) / 3) ** (1 / 1.6075) / 100, rel=0.01)


def test_bone_under_bone_is_no_outer_surface() -> None:
    skull, vault = shell((78.0, 78.0, 78.0), 8.0)
    radius = np.linalg.norm(LOCAL, axis=-1)
    assert outer_area(skull, Volume(skull.array & (LOCAL[..., 2] > 55) & (radius < 74), GEOMETRY), vault) == 0


def test_measures_by_hand() -> None:
    """A box over the brow: a quarter of its width right of the midline, its distance to the left orbital rim."""
    skull, vault = shell((70.0, 80.0, 78.0), 6.0)
    inside = (np.abs(LOCAL[..., 0] - 10) < 20) & (LOCAL[..., 1] < 0) & (LOCAL[..., 2] > 10) & (LOCAL[..., 2] < 40)
    made = cut(skull, vault, inside)
    measures = measure(made)
    assert measures.volume_ml == pytest.approx(made.volume_ml)
    assert measures.midline_share == pytest.approx(0.25, abs=0.02)
    corner = np.array([30.0, -np.sqrt(1 - (30 / 70) ** 2 - (10 / 78) ** 2) * 80, 10.0])
    assert measures.orbit_mm == pytest.approx(np.linalg.norm(corner - (32, -80, -20)), abs=1)
    assert measures.edge_mm2 == 0


def test_the_scan_is_cut_off_at_the_same_height_of_every_head() -> None:
    """A wall from below the edge upwards: what is in the new lowest slice is measured, what is below is gone."""
    skull, vault = shell((70.0, 80.0, 78.0), 6.0)
    moved = replace(
        vault, centre=vault.centre + np.array([0, 0, 20 - EDGE_HEIGHT])
    )  # the edge is 20 mm above the first centre
    made = cut(skull, moved, (np.abs(LOCAL[..., 0]) < 20) & (LOCAL[..., 1] < 0) & (LOCAL[..., 2] > 10))
    first = cut_edge(made)
    height = GEOMETRY.to_physical(np.array([0, 0, first]))[2] - CENTRE[2]
    assert 20 <= height < 20 + 0.8
    measures = measure(made, first)
    assert measures.edge_mm2 == pytest.approx(made.implant.array[:, :, first].sum() * 0.9)
    assert measures.edge_mm2 > 200
    assert measures.volume_ml == pytest.approx(made.volume_ml - made.implant.array[:, :, :first].sum() * 0.72e-3)
    above = from_slice(made.implant, first)
    assert np.array_equal(above.geometry.to_physical(np.zeros(3)), GEOMETRY.to_physical(np.array([0, 0, first])))
    assert np.array_equal(above.array, made.implant.array[:, :, first:])

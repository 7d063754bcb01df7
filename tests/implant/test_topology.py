"""Mesh checks on solids small enough to count."""

import numpy as np
import pytest

from cranial_sparse.implant.topology import component_count, directed_edges, is_watertight, signed_volume, surface_area

# The corner tetrahedron of the unit cube, turned outward: volume 1/6.
POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def test_tetrahedron():
    assert is_watertight(FACES)
    assert signed_volume(POINTS, FACES) == pytest.approx(1 / 6)
    assert surface_area(POINTS, FACES) == pytest.approx(1.5 + np.sqrt(3) / 2)
    assert component_count(4, FACES) == 1
    assert directed_edges(FACES).shape == (12, 2)


def test_turned_inside_out():
    assert is_watertight(FACES[:, ::-1])
    assert signed_volume(POINTS, FACES[:, ::-1]) == pytest.approx(-1 / 6)


def test_volume_does_not_depend_on_where_the_mesh_is():
    assert signed_volume(POINTS.astype(np.float64) + 500.0, FACES) == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    "faces",
    [
        FACES[:3],  # a hole
        np.vstack([FACES[:3], FACES[3:, ::-1]]),  # one face turned over
        np.vstack([FACES, FACES]),  # every edge four times
        np.vstack([FACES, [[0, 0, 1]]]),  # a sliver on one edge
        np.zeros((0, 3), np.int32),
    ],
)
def test_what_is_not_watertight(faces: np.ndarray):
    assert not is_watertight(faces)


def test_components_count_surfaces_not_loose_vertices():
    two = np.vstack([FACES, FACES + 4])
    assert component_count(9, two) == 2
    assert is_watertight(two)
    assert component_count(3, np.zeros((0, 3), np.int32)) == 0

"""A block moved out of a well: free, and against what stands over it."""

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.insertion import sweep
from cranial_sparse.implant.mesh import Mesh, implant_mesh

pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)

LATTICE = Geometry((81, 81, 61), (0.5,) * 3, (-20.0, -20.0, -10.0))
GRID = Geometry((80, 80, 80), (0.5,) * 3, (-19.75, -19.75, -14.75))
NOTHING = np.zeros((0, 3))


def solid_of(inside) -> Mesh:
    x, y, z = GRID.to_physical(np.stack(np.indices(GRID.shape), -1)).transpose(3, 0, 1, 2)
    return implant_mesh(Volume(inside(x, y, z), GRID))


def well(x, y, z):
    return (z < 2) & (z > -12) & (np.maximum(abs(x), abs(y)) > 6) & (np.maximum(abs(x), abs(y)) < 15)


BLOCK = solid_of(lambda x, y, z: (np.maximum(abs(x), abs(y)) < 5) & (z > -4) & (z < 2))


def swept_against(bone: Mesh, far: np.ndarray = NOTHING):
    from cranial_sparse.implant.distances import Scene

    return sweep(BLOCK, BLOCK.vertices.astype(np.float64), bone, Scene(bone), far, LATTICE)


def test_out_of_a_straight_well_nothing_is_met():
    found = swept_against(solid_of(well))
    assert found.collisions == 0
    assert found.least_gap == pytest.approx(1.0, abs=0.1)  # 5 in 6
    assert found.rays > len(BLOCK.vertices)


@pytest.mark.parametrize("reach", [4.5, 5.5])
def test_a_lip_over_the_block_is_met(reach: float):
    """A lip that ends 0.5 mm from the side of the block stands beside it, one that reaches over it in its way."""
    found = swept_against(
        solid_of(lambda x, y, z: well(x, y, z) | ((z > 5) & (z < 8) & (x > reach) & (x < 15) & (abs(y) < 15)))
    )
    assert (found.collisions > 0) == (reach < 5)


def test_a_thin_bar_between_its_vertices_is_met():
    """A bar narrower than the block's triangles: its own vertices look down and find the block."""
    from cranial_sparse.implant.distances import Scene

    corners = np.array([[x, y, z] for x in (-5, 5) for y in (-5, 5) for z in (-4, 2)], np.float32)
    faces = np.array(
        [
            [int(k) for k in face]
            for face in ["013", "032", "467", "475", "045", "051", "237", "276", "026", "064", "157", "173"]
        ]
    )
    box = Mesh(corners, faces.astype(np.int32))
    bar = solid_of(lambda x, y, z: (abs(x - 2) < 1) & (abs(y - 1) < 1) & (z > 5) & (z < 8))
    found = sweep(box, box.vertices.astype(np.float64), bar, Scene(bar), NOTHING, LATTICE)
    assert found.collisions > 0


def test_bone_beyond_the_mesh_is_met_too():
    far = np.array([[x, y, 60.0] for x in np.arange(-5, 0, 1.6) for y in np.arange(-5, 5, 1.6)])
    assert swept_against(solid_of(well), far).collisions > 0.2 * len(BLOCK.vertices)
    assert swept_against(solid_of(well), far + np.array([40.0, 0, 0])).collisions == 0
    assert swept_against(solid_of(well), far - np.array([0, 0, 160.0])).collisions == 0  # below


def test_coarse_points_beside_the_mesh_are_no_bone_beyond_it(make_shell, make_design):
    """Middles of coarse blocks lay just outside the box of the bone they stand for, and counted as collisions."""
    made = make_design(*make_shell((0.1, -0.2, 1.0), hole=18.0))
    assert made.parts[0].checks["insertion collisions"].value == 0

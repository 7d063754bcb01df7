"""Meshes on disk, and a closed surface as voxels against the volumes it was made from."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.measure import marching_cubes

from cranial_sparse.errors import InputError
from cranial_sparse.io.mesh import read_mesh, voxelize, write_mesh

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


@pytest.mark.parametrize("suffix", [".stl", ".ply"])
def test_meshes_come_back(suffix: str, tmp_path: Path) -> None:
    if suffix == ".ply":
        pytest.importorskip("open3d", exc_type=ImportError)
    path = tmp_path / f"cube{suffix}"
    write_mesh(path, CUBE, CUBE_FACES)
    vertices, triangles = read_mesh(path)
    assert vertices.shape == (8, 3)
    np.testing.assert_array_equal(vertices[triangles], CUBE[CUBE_FACES])


def test_stl_as_text(tmp_path: Path) -> None:
    facets = [
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x} {y} {z}\n" for x, y, z in CUBE[face])
        + "endloop\nendfacet\n"
        for face in CUBE_FACES
    ]
    (tmp_path / "a.stl").write_text("solid cube\n" + "".join(facets) + "endsolid cube\n")
    vertices, triangles = read_mesh(tmp_path / "a.stl")
    np.testing.assert_array_equal(vertices[triangles], CUBE[CUBE_FACES])
    (tmp_path / "cut.stl").write_text("solid cube\n" + "".join(facets)[:500])
    with pytest.raises(InputError, match="corrupt or cut off STL text"):
        read_mesh(tmp_path / "cut.stl")


def test_stl_normals_point_along_the_right_hand(tmp_path: Path) -> None:
    write_mesh(tmp_path / "a.stl", CUBE, CUBE_FACES)
    record = np.frombuffer((tmp_path / "a.stl").read_bytes()[84:96], "<f4")
    np.testing.assert_array_equal(record, [-1, 0, 0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"\0" * 83, "not an STL file"),
        (b"\0" * 80 + (5).to_bytes(4, "little") + b"\0" * 100, "cut off"),
        (b"\0" * 80 + (0).to_bytes(4, "little"), "no triangles"),
        (b"\0" * 80 + (1).to_bytes(4, "little") + b"\xff" * 50, "not finite"),
    ],
)
def test_unusable_stl(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.stl").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_mesh(tmp_path / "a.stl")


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.95])
def test_unusable_ply(keep: float, tmp_path: Path, capfd) -> None:
    pytest.importorskip("open3d", exc_type=ImportError)
    write_mesh(tmp_path / "a.ply", CUBE, CUBE_FACES)
    data = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(data[: int(keep * len(data))] or b"not a ply")
    with pytest.raises(InputError, match="not a PLY file, or cut off"):
        read_mesh(tmp_path / "a.ply")
    assert capfd.readouterr() == ("", "")


def test_what_is_no_ply_needs_no_open3d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: where open3d does not load, its missing library was blamed."""
    monkeypatch.setitem(sys.modules, "open3d", None)
    (tmp_path / "a.ply").write_bytes(b"garbage" * 100)
    with pytest.raises(InputError, match="not a PLY file"):
        read_mesh(tmp_path / "a.ply")


def test_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can write"):
        write_mesh(tmp_path / "a.obj", CUBE, CUBE_FACES)
    (tmp_path / "a.obj").touch()
    with pytest.raises(InputError, match="expected a mesh"):
        read_mesh(tmp_path / "a.obj")


def test_an_axis_aligned_box_has_its_voxels() -> None:
    volume = voxelize(CUBE * [10.0, 7.0, 5.0], CUBE_FACES, spacing=0.5)
    assert volume.array.sum() == 20 * 14 * 10
    centre = volume.geometry.to_physical(np.argwhere(volume.array)).mean(axis=0)
    np.testing.assert_allclose(centre, [5.0, 3.5, 2.5], atol=0.01)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.booleans())
def test_a_rotated_box_keeps_volume_and_place(angles: tuple, inside_out: bool) -> None:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    faces = CUBE_FACES[:, ::-1] if inside_out else CUBE_FACES
    volume = voxelize(CUBE * [10.0, 7.0, 5.0] @ turn.T, faces, spacing=0.25)
    assert volume.array.sum() * 0.25**3 == pytest.approx(350.0, rel=0.02)
    local = volume.geometry.to_physical(np.argwhere(volume.array)) @ turn
    assert local.min() >= -1e-6
    assert (local <= np.array([10.0, 7.0, 5.0]) + 1e-6).all()


def test_voxelizing_at_the_same_places_gives_the_mask_back() -> None:
    rng = np.random.default_rng(0)
    mask = np.pad(rng.random((12, 13, 14)) < 0.4, 1)
    vertices, triangles, *_ = marching_cubes(mask.astype(np.float32), 0.5)
    volume = voxelize(vertices.astype(float), triangles, spacing=1.0)
    start = np.rint(volume.geometry.origin).astype(int)
    placed = volume.array[tuple(slice(-first, -first + size) for first, size in zip(start, mask.shape, strict=True))]
    np.testing.assert_array_equal(placed, mask)
    assert volume.array.sum() == mask.sum()


def test_open_and_oversize_surfaces_are_refused() -> None:
    with pytest.raises(InputError, match="not closed"):
        voxelize(CUBE * 10, CUBE_FACES[2:-2], spacing=0.5)
    with pytest.raises(InputError, match="is the mesh in mm"):
        voxelize(CUBE * 1e6, CUBE_FACES, spacing=0.5)


def test_triangles_must_name_vertices(tmp_path: Path) -> None:
    pytest.importorskip("open3d", exc_type=ImportError)
    write_mesh(tmp_path / "a.ply", CUBE, CUBE_FACES + 1)
    with pytest.raises(InputError, match="vertices that are not there"):
        read_mesh(tmp_path / "a.ply")

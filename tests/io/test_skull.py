"""What a user may hand in, and one clear line for everything else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import marching_cubes

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.mesh import write_mesh
from cranial_sparse.io.skull import read_skull
from cranial_sparse.io.volume import write_volume


def save(path: Path, array: np.ndarray, geometry: Geometry) -> Path:
    write_volume(path, Volume(array, geometry))
    return path


@pytest.mark.parametrize(("dtype", "bone"), [("uint8", 1), ("uint8", 255), ("int32", 1), ("float32", 1.0)])
def test_masks_of_every_kind(dtype: str, bone: float, head_mask: Volume, tmp_path: Path) -> None:
    skull = read_skull(save(tmp_path / "a.nrrd", (head_mask.array * bone).astype(dtype), head_mask.geometry))
    assert skull.kind == "mask"
    assert skull.volume.array.dtype == bool
    np.testing.assert_array_equal(skull.volume.array, head_mask.array)
    assert any("coarse" in note for note in skull.notes)  # these test voxels measure 2 mm


def test_ct(head_ct: Volume, head_mask: Volume, tmp_path: Path) -> None:
    write_volume(tmp_path / "ct.nii.gz", head_ct)
    skull = read_skull(tmp_path / "ct.nii.gz", threshold_hu=400)
    assert skull.kind == "ct"
    np.testing.assert_array_equal(skull.volume.array, head_mask.array)
    assert "400 HU" in skull.notes[0]


def test_a_threshold_that_a_mask_has_no_use_for_is_told(head_mask: Volume, tmp_path: Path) -> None:
    path = save(tmp_path / "a.nrrd", head_mask.array.astype(np.uint8), head_mask.geometry)
    assert any("300 HU was not used: this is a mask" in note for note in read_skull(path, threshold_hu=300).notes)
    assert not any("HU" in note for note in read_skull(path).notes)


def test_mesh(head_mask: Volume, tmp_path: Path) -> None:
    vertices, triangles, *_ = marching_cubes(head_mask.array.astype(np.float32), 0.5)
    write_mesh(tmp_path / "a.stl", head_mask.geometry.to_physical(vertices), triangles)
    skull = read_skull(tmp_path / "a.stl")
    assert skull.kind == "mesh"
    volume = skull.volume.array.sum() * skull.volume.geometry.voxel_volume
    assert volume == pytest.approx(head_mask.array.sum() * head_mask.geometry.voxel_volume, rel=0.02)


def scaled(volume: Volume, factor: float) -> Geometry:
    return replace(volume.geometry, spacing=tuple(factor * side for side in volume.geometry.spacing))


def refuse(path: Path, words: str, capfd) -> None:
    with pytest.raises(InputError) as caught:
        read_skull(path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(str(path))
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mask: mask * 0, "every voxel is 0, there is no bone"),
        (lambda mask: mask * 0 + 1, "every voxel is 1, there is no air around the bone"),
        (lambda mask: ~mask, "mask inverted"),
        (lambda mask: mask * np.uint8(2), "got values from 0 to 2"),
        (lambda mask: mask + (np.arange(mask.shape[2]) > 50) * np.uint8(254), "neither"),
        (lambda mask: mask * np.float32(0.7), "got values from 0 to 0.7"),
        (lambda mask: np.where(mask, 1.0, np.nan).astype(np.float32), "not finite"),
        (lambda mask: np.where(mask, np.inf, 0.0).astype(np.float32), "not finite"),
        (lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) == 7, np.nan, mask), "1 voxel is not finite"),
        (lambda mask: np.random.default_rng(0).random(mask.shape) < 0.1, "its largest piece is 0% of the mask"),
        (lambda mask: (mask * 1900 + 100).astype(np.int16), "got values from 100 to 2000"),
        (lambda mask: mask * (np.arange(mask.shape[2]) == 50), "ml of bone is not a skull"),
    ],
)
def test_unusable_voxels(change, words: str, head_mask: Volume, tmp_path: Path, capfd) -> None:
    refuse(save(tmp_path / "a.nrrd", change(head_mask.array), head_mask.geometry), words, capfd)


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0])
def test_spacing_in_the_wrong_unit(factor: float, head_mask: Volume, head_ct: Volume, tmp_path: Path, capfd) -> None:
    refuse(save(tmp_path / "a.nrrd", head_mask.array, scaled(head_mask, factor)), "is the spacing in mm?", capfd)


@pytest.mark.parametrize("factor", [1.9, 2.1])
def test_a_wrong_spacing_is_hinted_at(factor: float, head_mask: Volume, tmp_path: Path, capfd) -> None:
    """Regression: the message gave the volume alone."""
    refuse(save(tmp_path / "a.nrrd", head_mask.array, scaled(head_mask, factor)), "and the spacing (", capfd)


def test_a_skull_in_two_halves_is_a_skull(head_mask: Volume, tmp_path: Path) -> None:
    halves = head_mask.array.copy()
    halves[48:49] = False
    read_skull(save(tmp_path / "a.nrrd", halves, head_mask.geometry))


def test_mesh_in_metres_and_open_mesh(head_mask: Volume, tmp_path: Path, capfd) -> None:
    vertices, triangles, *_ = marching_cubes(head_mask.array.astype(np.float32), 0.5)
    vertices = head_mask.geometry.to_physical(vertices)
    write_mesh(tmp_path / "m.stl", vertices / 1000, triangles)
    refuse(tmp_path / "m.stl", "is the spacing in mm?", capfd)
    half = vertices[triangles].mean(axis=1)[:, 2] < 0
    write_mesh(tmp_path / "o.stl", vertices, triangles[half])
    refuse(tmp_path / "o.stl", "surface is not closed", capfd)


def test_a_cut_off_file(head_mask: Volume, tmp_path: Path, capfd) -> None:
    path = save(tmp_path / "a.nrrd", head_mask.array, head_mask.geometry)
    path.write_bytes(path.read_bytes()[:-100])
    refuse(path, "corrupt or cut off", capfd)


@pytest.mark.data
def test_a_real_skull(real_skull: Path) -> None:
    skull = read_skull(real_skull)
    assert skull.kind == "mask"
    assert skull.notes == ()
    assert 250 < skull.volume.array.sum() * skull.volume.geometry.voxel_volume / 1000 < 800

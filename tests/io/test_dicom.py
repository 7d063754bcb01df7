"""Series written slice by slice with SimpleITK, in shuffled order, with every thing that goes wrong in folders."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from cranial_sparse.errors import InputError
from cranial_sparse.io.volume import read_volume

TILT = np.deg2rad(12.0)
ROWS = np.array([1.0, 0.0, 0.0])
COLUMNS = np.array([0.0, np.cos(TILT), -np.sin(TILT)])
START = np.array([-120.5, -98.25, 31.0])
STEP = np.array([0.0, 0.0, 0.75])  # along the table: with tilted slices this shears the volume


def pixels(z: int) -> np.ndarray:
    """[rows, columns] stored values of one slice, all different."""
    return (np.arange(20, dtype=np.int16).reshape(4, 5) + 100 * z).astype(np.int16)


def write_slice(path: Path, z: float, values: np.ndarray, drop: tuple = (), **changes: str) -> None:
    tags = {
        "0008|0060": "CT",
        "0008|103e": changes.pop("description", "bone"),
        "0020|000e": changes.pop("series", "1.2.3.4"),
        "0020|0032": "\\".join(map(repr, map(float, START + z * STEP))),
        "0020|0037": "\\".join(map(repr, map(float, [*ROWS, *COLUMNS]))),
        "0028|0030": "0.45\\0.4",
        "0028|1052": "-1024",
        "0028|1053": "2",
    }
    image = sitk.GetImageFromArray(values[None])
    image.SetSpacing((0.4, 0.45, 0.75))
    for tag, value in tags.items():
        if tag not in drop:
            image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetFileName(str(path))
    writer.SetImageIO("GDCMImageIO")
    writer.Execute(image)


def write_series(folder: Path, count: int = 6, prefix: str = "", **changes: str) -> None:
    folder.mkdir(exist_ok=True)
    for z in range(count):
        name = f"{prefix}{(z * 5) % count:03d}.dcm"  # file names say nothing about the order
        write_slice(folder / name, z, 2 * pixels(z) - 1024, **changes)


def test_series_is_sorted_scaled_and_sheared_as_scanned(tmp_path: Path) -> None:
    write_series(tmp_path / "ct")
    (tmp_path / "ct" / "README.txt").write_text("not a slice")
    volume = read_volume(tmp_path / "ct")
    assert volume.array.shape == (5, 4, 6)
    for z in range(6):
        np.testing.assert_array_equal(volume.array[:, :, z].T, 2 * pixels(z) - 1024)
    np.testing.assert_allclose(volume.geometry.matrix, np.stack([ROWS * 0.4, COLUMNS * 0.45, STEP], axis=1), atol=1e-9)
    np.testing.assert_allclose(volume.geometry.origin, START, atol=1e-9)


def test_the_larger_series_is_read(tmp_path: Path) -> None:
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", 3, "other", series="1.2.3.5", description="soft")
    assert read_volume(tmp_path / "ct").array.shape == (5, 4, 6)


def test_a_slice_without_place_does_not_stop_a_good_series(tmp_path: Path) -> None:
    write_series(tmp_path / "ct")
    write_slice(tmp_path / "ct" / "dose.dcm", 0, pixels(0), drop=("0020|0037",), series="1.2.3.6")
    assert read_volume(tmp_path / "ct").array.shape == (5, 4, 6)


def refuse(folder: Path, words: str, capfd) -> None:
    with pytest.raises(InputError) as caught:
        read_volume(folder)
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_equally_large_series_must_be_chosen_by_the_user(tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", 6, "other", series="1.2.3.5", description="soft")
    refuse(tmp_path / "ct", "several series of 6 slices ('bone', 'soft')", capfd)


def test_missing_slice(tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct")
    (tmp_path / "ct" / "003.dcm").unlink()
    refuse(tmp_path / "ct", "missing or unevenly spaced (0.750 to 1.500 mm apart)", capfd)


def test_repeated_slice(tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct")
    write_slice(tmp_path / "ct" / "again.dcm", 2, pixels(2))
    refuse(tmp_path / "ct", "two slices lie at the same position", capfd)


def test_cut_off_slice(tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct")
    path = tmp_path / "ct" / "002.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"corrupt or cut off|unevenly spaced"):
        read_volume(tmp_path / "ct")


@pytest.mark.parametrize(
    ("tag", "words"),
    [("0020|0032", "Image Position"), ("0020|0037", "Image Orientation"), ("0028|0030", "Pixel Spacing")],
)
def test_slices_that_do_not_say_where_they_are(tag: str, words: str, tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct")
    for path in (tmp_path / "ct").iterdir():
        # Blank the tag in place: the writer itself always fills these in.
        group, element = (int(part, 16).to_bytes(2, "little") for part in tag.split("|"))
        data = bytearray(path.read_bytes())
        at = data.index(group + element)
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        data[at + 8 : at + 8 + length] = b" " * length
        path.write_bytes(data)
    refuse(tmp_path / "ct", words, capfd)


@pytest.mark.parametrize("count", [0, 1])
def test_folders_without_a_series(count: int, tmp_path: Path, capfd) -> None:
    write_series(tmp_path / "ct", count)
    (tmp_path / "ct" / "notes.txt").write_text("none")
    refuse(tmp_path / "ct", "no DICOM slices" if count == 0 else "got single images", capfd)

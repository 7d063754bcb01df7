"""Every format against SimpleITK as the oracle, and what each refuses."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.volume import read_volume, write_volume


def to_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.T))
    image.SetSpacing(volume.geometry.spacing)
    image.SetOrigin(volume.geometry.origin)
    image.SetDirection(volume.geometry.direction)
    return image


def assert_same_place(first, second, atol: float = 1e-12) -> None:
    assert first.shape == second.shape
    np.testing.assert_allclose(first.matrix, second.matrix, atol=atol)
    np.testing.assert_allclose(first.origin, second.origin, atol=max(atol, 1e-12))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
def test_written_geometry_and_voxels_come_back_exactly(volume: Volume, name: str, tmp_path: Path) -> None:
    write_volume(tmp_path / name, volume)
    first = read_volume(tmp_path / name)
    np.testing.assert_array_equal(first.array, volume.array)
    assert_same_place(first.geometry, volume.geometry)
    write_volume(tmp_path / f"again_{name}", first)
    again = read_volume(tmp_path / f"again_{name}")
    np.testing.assert_array_equal(again.geometry.matrix, first.geometry.matrix)
    assert again.geometry == first.geometry


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_comes_back_to_float32_even_sheared(volume: Volume, name: str, tmp_path: Path) -> None:
    write_volume(tmp_path / name, volume)
    back = read_volume(tmp_path / name)
    np.testing.assert_array_equal(back.array, volume.array)
    assert_same_place(back.geometry, volume.geometry, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("compress", [False, True])
def test_reads_what_simpleitk_writes(name: str, dtype: str, compress: bool, make_volume, tmp_path: Path) -> None:
    volume = make_volume("oblique", dtype)
    sitk.WriteImage(to_sitk(volume), str(tmp_path / name), compress)
    back = read_volume(tmp_path / name)
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.array.dtype == np.dtype(dtype)
    assert_same_place(back.geometry, volume.geometry, atol=1e-5 if ".nii" in name else 1e-12)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", ["bool", "int16", "float32"])
def test_simpleitk_reads_what_we_write(name: str, dtype: str, oblique: Volume, tmp_path: Path) -> None:
    volume = Volume(oblique.array.astype(dtype), oblique.geometry)
    write_volume(tmp_path / name, volume)
    image = sitk.ReadImage(str(tmp_path / name))
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(image).T, volume.array.astype("uint8" if dtype == "bool" else dtype)
    )
    np.testing.assert_allclose(image.GetSpacing(), volume.geometry.spacing, rtol=1e-6)
    np.testing.assert_allclose(image.GetDirection(), volume.geometry.direction, atol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), volume.geometry.origin, rtol=1e-6)


@pytest.mark.data
def test_a_real_oblique_header_is_written_as_it_was_read(real_skull: Path, tmp_path: Path) -> None:
    volume = read_volume(real_skull)
    write_volume(tmp_path / "out.nrrd", volume)

    def field(path: Path, name: bytes) -> bytes:
        return next(line for line in path.read_bytes()[:1000].splitlines() if line.startswith(name))

    for name in (b"space directions", b"space origin", b"sizes", b"space:"):
        assert field(tmp_path / "out.nrrd", name) == field(real_skull, name)
    ours, theirs = sitk.ReadImage(str(tmp_path / "out.nrrd")), sitk.ReadImage(str(real_skull))
    assert ours.GetDirection() == theirs.GetDirection()
    assert ours.GetSpacing() == theirs.GetSpacing()
    assert ours.GetOrigin() == theirs.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(ours), sitk.GetArrayViewFromImage(theirs))


def test_equal_volumes_give_equal_files_and_leave_nothing_behind(oblique: Volume, tmp_path: Path) -> None:
    write_volume(tmp_path / "new" / "a.nrrd", oblique)
    write_volume(tmp_path / "new" / "b.nrrd", Volume(np.ascontiguousarray(oblique.array), oblique.geometry))
    assert (tmp_path / "new" / "a.nrrd").read_bytes() == (tmp_path / "new" / "b.nrrd").read_bytes()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.nrrd", "b.nrrd"]


def nrrd(tmp_path: Path, *lines: str, body: bytes = bytes(24), name: str = "a.nrrd") -> Path:
    header = ["NRRD0004", "type: uint8", "dimension: 3", "sizes: 2 3 4", *lines]
    (tmp_path / name).write_bytes("\n".join([*header, "", ""]).encode() + body)
    return tmp_path / name


DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)"


@pytest.mark.parametrize(
    ("space", "signs"),
    [("right-anterior-superior", (-1, -1, 1)), ("LPS", (1, 1, 1)), ("left-anterior-superior", (1, -1, 1))],
)
def test_nrrd_spaces_become_lps(space: str, signs: tuple, tmp_path: Path) -> None:
    path = nrrd(tmp_path, f"space: {space}", DIRECTIONS, "space origin: (5,6,7)")
    geometry = read_volume(path).geometry
    np.testing.assert_array_equal(geometry.matrix, np.diag([1.0, 2.0, 3.0]) * np.array(signs)[:, None])
    assert geometry.origin == (5.0 * signs[0], 6.0 * signs[1], 7.0 * signs[2])


def test_nrrd_spacings_units_skips_and_text(tmp_path: Path) -> None:
    body = b"a line to skip\n" + bytes([9, 9]) + bytes(range(24))
    path = nrrd(tmp_path, "spacings: 0.1 0.2 0.3", 'units: "cm" "cm" "cm"', "line skip: 1", "byte skip: 2", body=body)
    volume = read_volume(path)
    assert volume.geometry.spacing == pytest.approx((1.0, 2.0, 3.0))
    assert volume.array[1, 0, 0] == 1
    assert volume.array[0, 1, 0] == 2
    text = " ".join(map(str, range(24))).encode()
    np.testing.assert_array_equal(
        read_volume(nrrd(tmp_path, DIRECTIONS, "encoding: ascii", body=text)).array, volume.array
    )
    last = read_volume(nrrd(tmp_path, DIRECTIONS, "byte skip: -1", body=b"ignored" + bytes(range(24))))
    np.testing.assert_array_equal(last.array, volume.array)


@pytest.mark.parametrize(
    ("lines", "body", "words"),
    [
        (["space: left-posterior-superior"], bytes(24), "no spacing"),
        (["space directions: none (0,1,0) (0,0,1)"], bytes(24), "missing or not finite"),
        (["space directions: (1,0,0) (0,nan,0) (0,0,1)"], bytes(24), "missing or not finite"),
        (["space directions: (1,0,0) (0,1,0)"], bytes(24), "three step vectors"),
        (["space directions: (1,0,x) (0,1,0) (0,0,1)"], bytes(24), "vector of numbers"),
        (["spacings: 1 0 1"], bytes(24), "spacing must be positive"),
        (["sizes: 2 2 3 4", DIRECTIONS], bytes(48), "one 3D volume"),
        ([DIRECTIONS], bytes(23), "expected 24 bytes"),
        ([DIRECTIONS, "encoding: gzip"], gzip.compress(bytes(24), mtime=0)[:-9], "corrupt or cut off"),
        ([DIRECTIONS, "encoding: gzip"], b"no gzip", "corrupt or cut off"),
        ([DIRECTIONS, "encoding: ascii"], b"1 2 3", "corrupt or cut off"),
        ([DIRECTIONS, "encoding: hex"], b"00", "encoding 'hex'"),
        ([DIRECTIONS, "type: block"], bytes(24), "voxel type 'block'"),
        ([DIRECTIONS, "space: martian"], bytes(24), "space 'martian'"),
        ([DIRECTIONS, "sizes: 2 three 4"], bytes(24), "expected numbers for 'sizes'"),
        ([DIRECTIONS, 'space units: "parsec" "parsec" "parsec"'], bytes(24), "expected lengths in mm"),
        ([DIRECTIONS, "data file: LIST"], b"", "several files"),
        ([DIRECTIONS, "data file: missing.raw"], b"", "missing.raw"),
    ],
)
def test_nrrd_refusals_are_one_clear_line(lines: list, body: bytes, words: str, tmp_path: Path, capfd) -> None:
    check_refusal(nrrd(tmp_path, *lines, body=body), words, capfd)


def check_refusal(path: Path, words: str, capfd) -> None:
    with pytest.raises(InputError) as caught:
        read_volume(path)
    message = str(caught.value)
    assert words in message
    assert str(path.parent) in message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def nifti(tmp_path: Path, oblique: Volume, **patches: tuple[int, str, tuple]) -> Path:
    write_volume(tmp_path / "a.nii", oblique)
    data = bytearray((tmp_path / "a.nii").read_bytes())
    for offset, form, values in patches.values():
        struct.pack_into("<" + form, data, offset, *values)
    (tmp_path / "a.nii").write_bytes(data)
    return tmp_path / "a.nii"


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ((80, "f", (0.0,)), "no spacing"),
        ((252, "2h", (0, 0)), "which way the patient lies"),
        ((40, "8h", (4, 5, 6, 7, 2, 1, 1, 1)), "one 3D volume"),
        ((40, "8h", (3, 5, 6, 8, 1, 1, 1, 1)), "corrupt or cut off"),
        ((40, "8h", (9, 5, 6, 7, 1, 1, 1, 1)), "corrupt header"),
        ((70, "h", (128,)), "voxel type code 128"),
        ((280, "f", (float("nan"),)), "missing or not finite"),
        ((123, "B", (7,)), "expected lengths in m"),
        ((344, "4s", (b"ni1\0",)), ".hdr and .img"),
        ((0, "i", (347,)), "not a NIfTI file"),
    ],
)
def test_nifti_refusals_are_one_clear_line(patch: tuple, words: str, oblique: Volume, tmp_path: Path, capfd) -> None:
    check_refusal(nifti(tmp_path, oblique, patch=patch), words, capfd)


def test_nifti_scaling_units_and_quaternion(oblique: Volume, make_volume, tmp_path: Path) -> None:
    scaled = read_volume(nifti(tmp_path, oblique, slope=(112, "2f", (2.0, -1024.0))))
    np.testing.assert_array_equal(scaled.array, oblique.array * 2.0 - 1024.0)
    metres = read_volume(nifti(tmp_path, oblique, units=(123, "B", (1,))))
    assert metres.geometry.spacing == pytest.approx(tuple(1000 * s for s in oblique.geometry.spacing), rel=1e-6)
    image = to_sitk(make_volume("left_handed"))
    sitk.WriteImage(image, str(tmp_path / "q.nii"))
    data = bytearray((tmp_path / "q.nii").read_bytes())
    struct.pack_into("<h", data, 254, 0)  # sform off: the quaternion alone places the volume
    (tmp_path / "q.nii").write_bytes(data)
    geometry = read_volume(tmp_path / "q.nii").geometry
    np.testing.assert_allclose(geometry.direction, image.GetDirection(), atol=1e-6)


def test_nifti2_big_endian(oblique: Volume, tmp_path: Path) -> None:
    header = bytearray(544)
    struct.pack_into(">i", header, 0, 540)
    struct.pack_into(">h", header, 12, 4)
    struct.pack_into(">8q", header, 16, 3, 5, 6, 7, 1, 1, 1, 1)
    struct.pack_into(">8d", header, 104, 1, 0.5, 0.6, 0.7, 1, 1, 1, 1)
    struct.pack_into(">q2d", header, 168, 544, 1.0, 0.0)
    struct.pack_into(">2i", header, 344, 0, 1)
    struct.pack_into(">12d", header, 400, *(-0.5, 0, 0, 10), *(0, -0.6, 0, 20), *(0, 0, 0.7, 30))
    struct.pack_into(">i", header, 500, 2)
    (tmp_path / "a.nii").write_bytes(bytes(header) + oblique.array.astype(">i2").tobytes(order="F"))
    back = read_volume(tmp_path / "a.nii")
    np.testing.assert_array_equal(back.array, oblique.array)
    np.testing.assert_array_equal(back.geometry.matrix, np.diag([0.5, 0.6, 0.7]))
    assert back.geometry.origin == (-10.0, -20.0, 30.0)


META = "NDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\n"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (META + "ElementDataFile = LOCAL\n", "no spacing"),
        (META + "ElementSpacing = 1 1\nElementDataFile = LOCAL\n", "not that of a 3D volume"),
        (META + "ElementSpacing = 1 x 1\nElementDataFile = LOCAL\n", "expected numbers for 'ElementSpacing'"),
        (META + "ElementSpacing = 1 1 1\nElementNumberOfChannels = 3\nElementDataFile = LOCAL\n", "3 channels"),
        (META + "ElementSpacing = 1 1 1\nElementDataFile = gone.raw\n", "gone.raw"),
        (META + "ElementSpacing = 1 1 1\nElementDataFile = LIST\n", "several files"),
        (META + "ElementSpacing = 1 1 1\nCompressedData = True\nElementDataFile = LOCAL\n", "corrupt or cut off"),
        (META + "ElementSpacing = 1 1 1\nHeaderSize = 1\nElementDataFile = LOCAL\n", "expected 24 bytes"),
        (META + "ElementSpacing = 1 1 1\n", "cut off inside its header"),
    ],
)
def test_metaimage_refusals_are_one_clear_line(header: str, words: str, tmp_path: Path, capfd) -> None:
    (tmp_path / "a.mha").write_bytes(header.encode() + bytes(24))
    check_refusal(tmp_path / "a.mha", words, capfd)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.nrrd", "0 bytes"), ("a.txt", "expected .nrrd"), ("a.dcm", "give the folder"), ("none.nrrd", "no such")],
)
def test_other_refusals_are_one_clear_line(name: str, words: str, tmp_path: Path, capfd) -> None:
    if not name.startswith("none"):
        (tmp_path / name).touch()
    check_refusal(tmp_path / name, words, capfd)


def test_writing_refusals(oblique: Volume, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can write"):
        write_volume(tmp_path / "a.png", oblique)
    with pytest.raises(InputError, match="cannot hold voxels of type complex64"):
        write_volume(tmp_path / "a.nrrd", Volume(oblique.array.astype("complex64"), oblique.geometry))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_volume(tmp_path / "file" / "a.nrrd", oblique)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii", "a.mha"])
def test_damaged_headers_give_a_volume_or_one_line(name: str, oblique: Volume, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / name
    write_volume(path, oblique)
    whole, messages = path.read_bytes(), []
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, min(len(data), 400), rng.integers(1, 4)):
            data[place] = rng.choice([*b"0-9 .xn\n(", rng.integers(256)])
        path.write_bytes(data)
        try:
            read_volume(path)
        except InputError as error:
            messages.append(str(error))
    assert messages
    assert all(message.isprintable() for message in messages)

"""NIfTI-1 and NIfTI-2 in one file (.nii, .nii.gz): header layouts from https://nifti.nimh.nih.gov/nifti-1.

Read here rather than through ITK, which fills a truncated file with zeros and replaces a sheared affine by a rotation.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.affine import geometry_from_steps
from cranial_sparse.io.payload import as_array, as_bytes, decompress, file_order, gzip_chunks, read_bytes, write_atomic

_DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}  # lower three bits of xyzt_units: unknown, m, mm, µm
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class _Header:
    dim: tuple[int, ...]
    pixdim: tuple[float, ...]
    datatype: int
    offset: int
    slope: float
    intercept: float
    units: int
    qform_code: int
    sform_code: int
    quaternion: tuple[float, ...]  # b, c, d, then the offset x, y, z
    affine: tuple[float, ...]  # three rows of four, RAS
    order: str


def read_nifti(path: Path) -> Volume:
    """A scalar 3D volume with intensity scaling applied, in LPS mm. Raises InputError."""
    data = read_bytes(path)
    if data.startswith(b"\x1f\x8b"):
        data = decompress(data, "gzip", path)
    header = _parse_header(data, path)
    sizes = header.dim[1 : header.dim[0] + 1]
    if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
        raise InputError(f"{path}: expected one 3D volume, got sizes {sizes}; export a single volume")
    if header.datatype not in _DTYPES:
        raise InputError(
            f"{path}: voxel type code {header.datatype} is not supported; save it as uint8, int16 or float"
        )
    steps, origin = _space(header, path)
    geometry = geometry_from_steps(sizes[:3], steps, origin, path)
    dtype = np.dtype(header.order + _DTYPES[header.datatype])
    array = as_array(data[header.offset :], dtype, geometry.shape, path)
    scaled = np.isfinite(header.slope) and header.slope != 0 and (header.slope, header.intercept) != (1.0, 0.0)
    if scaled:
        array = array.astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
    return Volume(array, geometry)


def write_nifti(path: Path, volume: Volume) -> None:
    """Write NIfTI-1, gzip-compressed where the name ends in .gz, atomically. Its header keeps float32 geometry only."""
    voxels = file_order(volume.array)
    code = voxels.dtype.str[1:]
    if code not in _CODES:
        raise InputError(f"{path}: NIfTI cannot hold voxels of type {volume.array.dtype}; convert to uint8 or float32")
    affine = np.column_stack([volume.geometry.matrix, volume.geometry.origin]) * _RAS_TO_LPS[:, None]  # [3, 4]
    header = bytearray(352)  # the header proper and four zero bytes: no extensions
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *volume.array.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _CODES[code], 8 * voxels.dtype.itemsize)
    struct.pack_into("<8f", header, 76, 1.0, *volume.geometry.spacing, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    struct.pack_into("<B", header, 123, 2)
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, *affine.ravel())
    header[344:348] = b"n+1\0"
    body = as_bytes(voxels)
    if path.suffix == ".gz":
        write_atomic(path, gzip_chunks(memoryview(bytes(header) + body)))
    else:
        write_atomic(path, [bytes(header), body])


def _parse_header(data: bytes, path: Path) -> _Header:
    kind = {b"\x5c\x01\0\0": ("<", 1), b"\0\0\x01\x5c": (">", 1), b"\x1c\x02\0\0": ("<", 2), b"\0\0\x02\x1c": (">", 2)}
    if data[:4] not in kind:
        raise InputError(f"{path}: not a NIfTI file (no NIfTI header found); check the file or its extension")
    order, version = kind[data[:4]]
    if len(data) < (352 if version == 1 else 544):
        raise InputError(f"{path}: corrupt or cut off, the file ends inside its NIfTI header; copy it again")

    def at(offset: int, form: str) -> tuple:
        return struct.unpack_from(order + form, data, offset)

    if version == 1:
        if data[344:347] != b"n+1":
            raise InputError(f"{path}: NIfTI pairs (.hdr and .img) are not supported; save it as one .nii.gz file")
        offset, slope, intercept = at(108, "3f")
        dim, pixdim, datatype, units = at(40, "8h"), at(76, "8f"), at(70, "h")[0], at(123, "B")[0]
        (qform, sform), quaternion, affine = at(252, "2h"), at(256, "6f"), at(280, "12f")
    else:
        offset, (slope, intercept) = at(168, "q")[0], at(176, "2d")
        dim, pixdim, datatype, units = at(16, "8q"), at(104, "8d"), at(12, "h")[0], at(500, "i")[0]
        (qform, sform), quaternion, affine = at(344, "2i"), at(352, "6d"), at(400, "12d")
    if not np.isfinite(offset) or offset < 0:
        raise InputError(f"{path}: corrupt header, its voxels begin at byte {offset}; copy it again")
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise InputError(f"{path}: corrupt header, its sizes are {dim}; copy it again")
    return _Header(dim, pixdim, datatype, int(offset), slope, intercept, units, qform, sform, quaternion, affine, order)


def _space(header: _Header, path: Path) -> tuple[NDArray, NDArray]:
    """Step columns [3, 3] and origin [3], LPS mm."""
    spacing = np.array(header.pixdim[1:4])
    if not (spacing > 0).all():
        raise InputError(f"{path}: the header gives no spacing (pixdim is {spacing.tolist()}); save it with one, in mm")
    if header.sform_code > 0:
        affine = np.reshape(header.affine, (3, 4)).astype(np.float64)
    elif header.qform_code > 0:
        handedness = -1.0 if header.pixdim[0] < 0 else 1.0
        rotation = _rotation(*header.quaternion[:3]) * spacing * (1.0, 1.0, handedness)
        affine = np.column_stack([rotation, header.quaternion[3:]])
    else:
        raise InputError(
            f"{path}: the header does not say which way the patient lies (qform_code and sform_code are 0);"
            " save it again from software that knows the orientation"
        )
    unit = _MILLIMETRES.get(header.units & 7)
    if unit is None:
        raise InputError(f"{path}: expected lengths in m, mm or µm, got xyzt_units {header.units}; save it in mm")
    affine = affine * _RAS_TO_LPS[:, None] * unit + 0.0
    return affine[:, :3], affine[:, 3]


def _rotation(b: float, c: float, d: float) -> NDArray:
    """[3, 3] from the vector part of a unit quaternion."""
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )

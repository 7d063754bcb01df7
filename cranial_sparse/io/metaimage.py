"""MetaImage (.mha, .mhd): text header of ``Key = value`` lines, voxels behind it or in a file beside it.

Fields as in https://itk.org/Wiki/ITK/MetaIO/Documentation; row k of TransformMatrix is the direction of axis k, in LPS.
"""

from pathlib import Path

import numpy as np

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import IDENTITY, Geometry, Volume
from cranial_sparse.io.affine import geometry_from_steps
from cranial_sparse.io.header import integer, numbers, printable, sizes
from cranial_sparse.io.payload import as_array, as_bytes, decompress, file_order, read_bytes, write_atomic

_DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_NAMES = {code: name for name, code in _DTYPES.items()}


def read_metaimage(path: Path) -> Volume:
    """A scalar 3D volume, voxels local or in one file beside the header, raw or zlib. Raises InputError."""
    data = read_bytes(path)
    fields, body = _parse_header(data, path)
    shape = sizes(fields, "DimSize", path)
    channels = integer(fields, "ElementNumberOfChannels", path, 1)
    if len(shape) != 3 or channels != 1:
        raise InputError(
            f"{path}: expected one 3D scalar volume, got sizes {shape} with {channels} channels; export one"
        )
    geometry = _geometry(shape, fields, path)
    kind = fields.get("ElementType", "")
    if kind not in _DTYPES:
        raise InputError(f"{path}: voxel type '{kind}' is not supported; save it as uint8, int16 or float")
    if _is_true(fields, "BinaryData", "True") is False:
        raise InputError(f"{path}: MetaImage with voxels as text is not supported; save it as binary")
    big = _is_true(fields, "BinaryDataByteOrderMSB", "False") or _is_true(fields, "ElementByteOrderMSB", "False")
    dtype = np.dtype((">" if big else "<") + _DTYPES[kind])
    name = fields["ElementDataFile"]
    if name.startswith("LIST") or "%" in name:
        raise InputError(f"{path}: voxels spread over several files are not supported; save it as one .mha file")
    if name.upper() != "LOCAL":
        body = read_bytes(path.parent / name)
    skip = integer(fields, "HeaderSize", path, 0)
    if skip < 0:  # -1: the voxels are the file's last bytes
        skip = len(body) - int(np.prod(shape, dtype=object)) * dtype.itemsize
    body = body[skip:] if skip > 0 else body
    body = decompress(body, "zlib" if _is_true(fields, "CompressedData", "False") else "raw", path)
    return Volume(as_array(body, dtype, geometry.shape, path), geometry)


def write_metaimage(path: Path, volume: Volume) -> None:
    """Write a .mha, or a .mhd with its .raw beside it, uncompressed. The header keeps geometry to the bit."""
    voxels = file_order(volume.array)
    code = voxels.dtype.str[1:]
    if code not in _NAMES:
        raise InputError(f"{path}: MetaImage cannot hold voxels of type {volume.array.dtype}; use uint8 or float32")
    geometry = volume.geometry
    columns = np.reshape(geometry.direction, (3, 3)).T
    raw = path.with_suffix(".raw")
    detached = path.suffix == ".mhd"
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        f"TransformMatrix = {_text(columns.ravel())}",
        f"Offset = {_text(geometry.origin)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_text(geometry.spacing)}",
        f"DimSize = {' '.join(str(size) for size in geometry.shape)}",
        f"ElementType = {_NAMES[code]}",
        f"ElementDataFile = {raw.name if detached else 'LOCAL'}",
    ]
    header, body = ("\n".join(lines) + "\n").encode(), as_bytes(voxels)
    if detached:
        write_atomic(raw, [body])
        write_atomic(path, [header])
    else:
        write_atomic(path, [header, body])


def _parse_header(data: bytes, path: Path) -> tuple[dict[str, str], bytes]:
    fields: dict[str, str] = {}
    start = 0
    while "ElementDataFile" not in fields:
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        key, separator, value = printable(data[start:end]).partition("=")
        if not separator or start >= len(data):
            raise InputError(f"{path}: not a MetaImage file, or cut off inside its header; check or copy it again")
        fields[key.strip()] = value.strip()
        start = end + 1
    return fields, data[start:]


def _geometry(shape: tuple[int, ...], fields: dict[str, str], path: Path) -> Geometry:
    if "ElementSpacing" not in fields and "ElementSize" not in fields:
        raise InputError(f"{path}: the header gives no spacing (ElementSpacing); save it with one, in mm")
    spacing = np.array(numbers(fields, "ElementSpacing" if "ElementSpacing" in fields else "ElementSize", path))
    matrix_name = next((name for name in ("TransformMatrix", "Rotation", "Orientation") if name in fields), None)
    matrix = np.array(numbers(fields, matrix_name, path) if matrix_name else IDENTITY)
    offset_name = next((name for name in ("Offset", "Position", "Origin") if name in fields), None)
    origin = np.array(numbers(fields, offset_name, path) if offset_name else (0.0, 0.0, 0.0))
    if (matrix.size, spacing.size, origin.size) != (9, 3, 3):
        raise InputError(f"{path}: corrupt header, its geometry is not that of a 3D volume; save it again")
    directions = matrix.reshape(3, 3).T
    geometry = geometry_from_steps(shape, directions * spacing, origin, path)
    if spacing.min() < 0 or not np.allclose(np.linalg.norm(directions, axis=0), 1, atol=1e-6):
        return geometry
    # Unit directions: keep the header's own digits rather than those of a product and a quotient.
    return Geometry(geometry.shape, tuple(spacing.tolist()), geometry.origin, tuple(directions.ravel().tolist()))


def _is_true(fields: dict[str, str], name: str, default: str) -> bool:
    return fields.get(name, default).lower() in ("true", "t", "1", "yes")


def _text(values) -> str:
    return " ".join(repr(float(value)) for value in values)

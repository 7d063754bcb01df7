"""NRRD (.nrrd, .nhdr): format described at https://teem.sourceforge.net/nrrd/format.html."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.affine import geometry_from_steps
from cranial_sparse.io.header import integer, numbers, printable, sizes
from cranial_sparse.io.payload import as_array, as_bytes, decompress, file_order, gzip_chunks, read_bytes, write_atomic

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_TYPE_NAMES = {code: names[-1] for code, names in _TYPES.items()}
_ENCODINGS = {"gz": "gzip", "bz2": "bzip2", "txt": "ascii", "text": "ascii"}
# Signs that bring a named space to LPS. Files that name no anatomical space are taken as LPS, as ITK does.
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
    "scanner-xyz": (1, 1, 1),
    "3d-right-handed": (1, 1, 1),
    "": (1, 1, 1),
}
_MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "": 1.0}


def read_nrrd(path: Path) -> Volume:
    """A scalar 3D volume, header attached or detached, raw, gzip, bzip2 or ascii. Raises InputError."""
    data = read_bytes(path)
    fields, body = _parse_header(data, path)
    shape = sizes(fields, "sizes", path)
    if len(shape) != 3:
        raise InputError(
            f"{path}: expected one 3D volume, got {len(shape)} axes of sizes {shape}; export a single volume"
        )
    steps, origin = _space(fields, path)
    geometry = geometry_from_steps(shape, steps, origin, path)

    type_name = fields.get("type", "").lower()
    if type_name not in _DTYPES:
        raise InputError(f"{path}: voxel type '{type_name}' is not supported; save it as uint8, int16 or float")
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    dtype = np.dtype(order + _DTYPES[type_name])
    if "data file" in fields:
        data_path = path.parent / fields["data file"]
        if "%" in fields["data file"] or fields["data file"].startswith("LIST"):
            raise InputError(f"{path}: data spread over several files is not supported; save it as one .nrrd file")
        body = read_bytes(data_path)
    for _ in range(integer(fields, "line skip", path, 0)):
        body = body.partition(b"\n")[2]
    encoding = fields.get("encoding", "raw").lower()
    encoding = _ENCODINGS.get(encoding, encoding)
    if encoding == "ascii":
        return Volume(_parse_ascii(body, dtype, geometry.shape, path), geometry)
    body = decompress(body, encoding, path)
    skip = integer(fields, "byte skip", path, 0)
    if skip < 0:  # -1: the voxels are the file's last bytes
        skip = len(body) - int(np.prod(shape, dtype=object)) * dtype.itemsize
    return Volume(as_array(body[skip:] if skip > 0 else body, dtype, geometry.shape, path), geometry)


def write_nrrd(path: Path, volume: Volume) -> None:
    """Write ``volume`` (bool becomes uint8) gzip-compressed and atomically; its space is LPS.

    Spacing, directions and origin of the input come back to the bit when the file is read again.
    """
    voxels = file_order(volume.array)
    code = voxels.dtype.str[1:]
    if code not in _TYPE_NAMES:
        raise InputError(f"{path}: NRRD cannot hold voxels of type {volume.array.dtype}; convert to uint8 or float32")
    header = [
        "NRRD0004",
        f"type: {_TYPE_NAMES[code]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(str(size) for size in volume.array.shape)}",
        f"space directions: {' '.join(_vector(step) for step in volume.geometry.matrix.T)}",
        "kinds: domain domain domain",
        *(["endian: little"] if voxels.dtype.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {_vector(volume.geometry.origin)}",
    ]
    write_atomic(path, ["\n".join([*header, "", ""]).encode(), *gzip_chunks(as_bytes(voxels))])


def _parse_header(data: bytes, path: Path) -> tuple[dict[str, str], bytes]:
    if not data.startswith(b"NRRD000"):
        raise InputError(f"{path}: not a NRRD file (it does not begin with 'NRRD000'); check the file or its extension")
    end = re.search(rb"\r?\n\r?\n", data)
    lines = data[: end.start() if end else len(data)].splitlines()
    fields = {}
    for line in map(printable, lines[1:]):
        name, separator, value = line.partition(": ")
        if separator and not line.startswith("#"):
            fields[name.strip().lower().replace("datafile", "data file")] = value.strip()
    return fields, data[end.end() :] if end else b""


def _space(fields: dict[str, str], path: Path) -> tuple[NDArray, NDArray]:
    """Step columns [3, 3] and origin [3], LPS mm."""
    space = fields.get("space", "").lower()
    if space not in _SPACES:
        raise InputError(f"{path}: space '{fields['space']}' is not supported; save it in left-posterior-superior")
    if "space directions" in fields:
        steps = np.array(_vectors(fields["space directions"], path)).T
        units = re.findall(r'"([^"]*)"', fields.get("space units", ""))
    elif "spacings" in fields:
        steps = np.diag(numbers(fields, "spacings", path))
        units = re.findall(r'"([^"]*)"', fields.get("units", ""))
    else:
        raise InputError(
            f"{path}: the header gives no spacing ('space directions' or 'spacings'); save it with one, in mm"
        )
    if steps.shape != (3, 3):
        raise InputError(
            f"{path}: expected three step vectors of three numbers, got '{fields.get('space directions')}'"
        )
    origin = np.array(_vectors(fields.get("space origin", "(0,0,0)"), path)[0])
    unit = units[0] if units else ""
    if unit not in _MILLIMETRES or len(set(units)) > 1:
        raise InputError(f"{path}: expected lengths in mm, got units {units}; convert the header to mm")
    sign = np.array(_SPACES[space]) * _MILLIMETRES[unit]
    return steps * sign[:, None] + 0.0, origin * sign + 0.0  # + 0.0 turns -0.0 into 0.0


def _vectors(text: str, path: Path) -> list[list[float]]:
    """ "(1,0,0) none (0,0,1)" as lists; an axis that is "none" becomes NaN."""
    vectors = []
    for vector in re.findall(r"\([^)]*\)|none", text):
        numbers = ["nan"] * 3 if vector == "none" else vector.strip("()").split(",")
        try:
            vectors.append([float(number) for number in numbers])
        except ValueError:
            raise InputError(f"{path}: expected a vector of numbers in its header, got '{vector}'") from None
    if not vectors or {len(vector) for vector in vectors} != {3}:
        raise InputError(f"{path}: expected vectors of three numbers in its header, got '{text}'")
    return vectors


def _parse_ascii(body: bytes, dtype: np.dtype, shape: tuple[int, ...], path: Path) -> NDArray:
    try:
        values = np.array(body.split(), np.float64).astype(dtype.newbyteorder("="))
        return values.reshape(shape, order="F")
    except ValueError:
        raise InputError(f"{path}: corrupt or cut off, its ascii voxels do not fill {shape}; copy it again") from None


def _vector(values: NDArray | tuple[float, ...]) -> str:
    return "(" + ",".join(repr(float(value)) for value in values) + ")"

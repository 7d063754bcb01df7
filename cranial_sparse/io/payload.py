"""Bytes in files: read whole, unpacked, turned into arrays, written atomically; one clear line where that fails."""

import bz2
import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises InputError where it is missing, empty or cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise InputError(f"{path}: the file is empty (0 bytes); copy it again from its source")
    return data


def decompress(data: bytes, encoding: str, path: Path) -> bytes:
    """Unpack ``encoding``: "raw", "gzip", "zlib" or "bzip2". Raises InputError where it is damaged or cut off."""
    try:
        match encoding:
            case "raw":
                return data
            case "gzip":
                return gzip.decompress(data)
            case "zlib":
                return zlib.decompress(data)
            case "bzip2":
                return bz2.decompress(data)
    except (EOFError, OSError, ValueError, zlib.error):
        raise InputError(f"{path}: corrupt or cut off, its {encoding} data cannot be unpacked; copy it again") from None
    raise InputError(f"{path}: encoding '{encoding}' is not supported; save it as raw or gzip")


def as_array(data: bytes, dtype: np.dtype, shape: tuple[int, int, int], path: Path) -> NDArray:
    """[X, Y, Z] in native byte order from bytes with the first axis fastest. Raises InputError where they run out."""
    count = int(np.prod(shape, dtype=object))
    if len(data) < count * dtype.itemsize:
        raise InputError(
            f"{path}: corrupt or cut off, expected {count * dtype.itemsize} bytes of voxels,"
            f" got {len(data)}; copy it again"
        )
    flat = np.frombuffer(data, dtype, count)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape, order="F")


def file_order(array: NDArray) -> NDArray:
    """[Z, Y, X] contiguous, little-endian, bool as uint8: what a file with the first axis fastest holds."""
    array = array.view(np.uint8) if array.dtype == bool else array
    return np.ascontiguousarray(array.T, dtype=array.dtype.newbyteorder("<"))


def write_atomic(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write ``chunks`` to a hidden file beside ``path``, then move it there: readers see all of it or nothing.

    Raises InputError where the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def as_bytes(array: NDArray) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return memoryview(array).cast("B")  # type: ignore[arg-type]


def gzip_chunks(data: memoryview, level: int = 1) -> Iterable[bytes]:
    """One gzip member without a time stamp, so that equal volumes give equal files. Level 1: masks pack well at any."""
    packer = zlib.compressobj(level, wbits=31)
    for start in range(0, len(data), 1 << 24):
        yield packer.compress(data[start : start + (1 << 24)])
    yield packer.flush()

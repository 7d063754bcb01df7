"""Grids as bytes.

Layout, little-endian::

    0   4  magic "BRCK"
    4   2  version, 1
    6   2  zero
    8   8  number of bricks B
    16  8  number of voxels N
    24  8  length of the body in bytes
    32 16  BLAKE2b-128 of bytes 0 to 31 and of the body
    48     body: zlib of coords (int32, four columns, each the difference to the brick before) and
           masks (B × 8 unsigned 64-bit words)

Offsets follow from the masks and are not stored.
"""

import os
import struct
import zlib
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch

from cranial_sparse.bricks.grid import BrickGrid
from cranial_sparse.errors import InputError

_MAGIC, _VERSION = b"BRCK", 1
_HEADER = struct.Struct("<4sHHQQQ")
_DIGEST = 16


def pack(grid: BrickGrid) -> bytes:
    """The grid as bytes; see this file's layout."""
    coords, masks = grid.coords.cpu().numpy(), grid.masks.cpu().numpy()
    steps = np.diff(coords, axis=0, prepend=np.zeros((1, 4), np.int32)).astype("<i4")
    body = zlib.compress(np.ascontiguousarray(steps.T).tobytes() + masks.astype("<i8").tobytes(), 6)
    header = _HEADER.pack(_MAGIC, _VERSION, 0, grid.num_bricks, grid.num_voxels, len(body))
    return header + _digest(header, body) + body


def unpack(data: bytes, name: str = "packed grid") -> BrickGrid:
    """The grid that was packed; ``name`` is what errors call it.

    Raises InputError where the bytes are not a packed grid, of another version, cut off or damaged.
    """
    if len(data) < _HEADER.size + _DIGEST or data[:4] != _MAGIC:
        raise InputError(f"{name}: expected a packed brick grid, got {len(data)} bytes beginning {data[:4]!r}")
    header, digest, body = data[:32], data[32:48], data[48:]
    _, version, _, bricks, voxels, length = _HEADER.unpack(header)
    if version != _VERSION:
        raise InputError(f"{name}: expected packed grid version {_VERSION}, got {version}; use a newer cranial_sparse")
    if len(body) != length:
        raise InputError(f"{name}: expected {length} bytes after the header, got {len(body)}; fetch the file again")
    if _digest(header, body) != digest:
        raise InputError(f"{name}: the checksum does not match, the file is damaged; fetch it again")
    content = zlib.decompress(body)
    steps = np.frombuffer(content, "<i4", 4 * bricks).reshape(4, bricks)
    coords = torch.from_numpy(np.cumsum(steps.T, axis=0, dtype=np.int32))
    masks = torch.from_numpy(np.frombuffer(content, "<i8", 8 * bricks, 16 * bricks).reshape(bricks, 8).astype(np.int64))
    counts = torch.from_numpy(np.bitwise_count(masks.numpy().view(np.uint64)).sum(1, dtype=np.int64))
    grid = BrickGrid(coords.contiguous(), masks, torch.cat([counts.new_zeros(1), counts.cumsum(0)]))
    if grid.num_voxels != voxels:
        raise InputError(f"{name}: expected {voxels} voxels, got {grid.num_voxels}; fetch the file again")
    return grid


def save(grid: BrickGrid, path: str | os.PathLike[str]) -> None:
    """Writes a packed grid, all or nothing."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(pack(grid))
    partial.replace(path)


def load(path: str | os.PathLike[str]) -> BrickGrid:
    """Reads a packed grid. Raises InputError where the file is missing or not one."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a packed brick grid, got {error.strerror}") from error
    return unpack(data, str(path))


def _digest(header: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST, key=header).digest()

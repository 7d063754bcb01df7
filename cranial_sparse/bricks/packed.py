"""Grids as bytes.

Layout, little-endian::

    0   4  magic "BRCK"
    4   2  version, 1
    6   2  zero
    8   8  number of bricks B
    16  8  number of voxels N
    24  8  length of the body in bytes
    32 16  keyed BLAKE2b-128 of the body as it is stored; the key is bytes 0 to 31
    48     body, one zlib stream of 80 B bytes:
           4 × B int32, the columns batch, x, y, z of the bricks one after the other, each value as its
           difference to that of the brick before, the first to 0
           B × 8 unsigned 64-bit words, the masks

Bricks ascend by (batch, x, y, z), each there once and none empty; what a brick and its mask are, see grid.py.
Offsets follow from the masks and are not stored.
"""

import os
import struct
import zlib
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch

from cranial_sparse.bricks.checks import BATCH_LIMIT, VOXEL_LIMIT
from cranial_sparse.bricks.grid import SIDE, BrickGrid
from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole

_MAGIC, _VERSION = b"BRCK", 1
_HEADER = struct.Struct("<4sHHQQQ")
_DIGEST = 16
_BRICK = 80  # bytes: coords and masks
_DEFLATE_LIMIT = 1032  # no stream grows more than this when it is decompressed


def pack(grid: BrickGrid) -> bytes:
    """The grid as bytes; see this file's layout."""
    coords, masks = grid.coords.cpu().numpy(), grid.masks.cpu().numpy()
    steps = np.diff(coords, axis=0, prepend=np.zeros((1, 4), np.int32)).astype("<i4")
    body = zlib.compress(np.ascontiguousarray(steps.T).tobytes() + masks.astype("<i8").tobytes(), 6)
    header = _HEADER.pack(_MAGIC, _VERSION, 0, grid.num_bricks, grid.num_voxels, len(body))
    return header + _digest(header, body) + body


def unpack(data: bytes, name: str = "packed grid") -> BrickGrid:
    """The grid that was packed; ``name`` is what errors call it.

    Raises InputError where the bytes are not a packed grid, of another version, cut off or damaged, and where they
    hold what no grid can: bricks out of order or out of range, repeated or empty.
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
    content = _decompressed(body, _BRICK * bricks, name)
    steps = np.frombuffer(content, "<i4", 4 * bricks).reshape(4, bricks)
    coords = np.cumsum(steps.T, axis=0, dtype=np.int64)
    masks = np.frombuffer(content, "<u8", 8 * bricks, 16 * bricks).reshape(bricks, 8)
    counts = np.bitwise_count(masks).sum(1, dtype=np.int64)
    if not (_ascending(coords) and counts.all()):
        raise InputError(f"{name}: expected bricks in order and in range, none empty, got others; write the file again")
    if counts.sum() != voxels:
        raise InputError(f"{name}: expected {voxels} voxels, got {counts.sum()}; fetch the file again")
    arrays = coords.astype(np.int32), masks.astype(np.int64), np.concatenate([[0], counts.cumsum()])
    return BrickGrid(*map(torch.from_numpy, arrays))


def _decompressed(body: bytes, size: int, name: str) -> bytes:
    """The body's content, ``size`` bytes; never more memory than that, whatever the body would grow to."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(body, size + 1) if size <= _DEFLATE_LIMIT * len(body) else b""
    except zlib.error as error:
        raise InputError(f"{name}: expected a zlib stream, got {error}; write the file again") from error
    if len(content) != size or not stream.eof or stream.unused_data:
        raise InputError(f"{name}: expected {size} bytes of bricks, got another number of them; write the file again")
    return content


def _ascending(coords: np.ndarray) -> bool:
    """Whether bricks [B, 4] lie in range and ascend by (batch, x, y, z)."""
    limit = VOXEL_LIMIT // SIDE
    low, high = np.array([0, -limit, -limit, -limit]), np.array([BATCH_LIMIT, limit, limit, limit])
    if not ((coords >= low) & (coords < high)).all():
        return False
    steps = np.diff(coords, axis=0)
    first = (steps != 0).argmax(axis=1)  # the axis that decides; a repeated brick decides by a step of 0
    return bool((np.take_along_axis(steps, first[:, None], axis=1) > 0).all())


def save(grid: BrickGrid, path: str | os.PathLike[str]) -> None:
    """Writes a packed grid, all or nothing."""
    write_whole(Path(path), pack(grid))


def load(path: str | os.PathLike[str]) -> BrickGrid:
    """Reads a packed grid. Raises InputError where the file is missing or not one."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a packed brick grid, got {error.strerror}") from error
    return unpack(data, str(path))


def _digest(header: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST, key=header).digest()

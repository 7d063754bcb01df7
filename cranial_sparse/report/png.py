"""Small PNG files, without an imaging library."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG of palette ``indices`` [height, width] into RGB ``palette`` [P <= 256, 3] (PNG specification, ISO 15948).

    Raises ValueError where an index is outside the palette.
    """
    height, width = indices.shape
    if indices.size == 0 or len(palette) > 256 or int(indices.max()) >= len(palette):
        raise ValueError(f"expected a picture with indices below {len(palette)} <= 256, got {indices.shape}")
    rows = np.zeros((height, width + 1), np.uint8)  # each row starts with its filter type: 0, none
    rows[:, 1:] = indices
    return _png(rows, width, 3, _chunk(b"PLTE", palette.astype(np.uint8).tobytes()))


def encode_rgb(picture: NDArray[np.uint8]) -> bytes:
    """A PNG of an RGB ``picture`` [height, width, 3]."""
    height, width, _ = picture.shape
    rows = np.zeros((height, width * 3 + 1), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    rows[1:, 1:] -= picture.reshape(height, -1)[:-1]  # filter type 2: less the row above
    rows[1:, 0] = 2
    return _png(rows, width, 2)


def _png(rows: NDArray[np.uint8], width: int, colour_type: int, palette: bytes = b"") -> bytes:
    """A PNG of 8 bits a sample from filtered ``rows``; colour type 3 has a palette, 2 is RGB."""
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour_type, 0, 0, 0)
    data = _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
    return b"".join([SIGNATURE, _chunk(b"IHDR", header), palette, data, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

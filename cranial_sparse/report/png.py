"""Small paletted PNG files, without an imaging library."""

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
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits, colour type 3: palette
    return b"".join(
        [
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

"""The mean skull as a file: signed distances of one half, quantised, predicted and compressed.

An atlas file is one JSON line (``format``, ``version``, ``shape`` of the stored half, ``step`` and ``origin`` in mm,
``quantum`` in mm, ``floor``, ``sha256`` of the distances, ``licence``, ``source``), a newline, and an xz stream of int8
distances [X, Y, Z] in quanta, z fastest, differenced modulo 256 along all three axes. The half has x >= 0; the other
is its mirror image.
"""

import hashlib
import json
import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError

FORMAT, VERSION = "cranial-sparse atlas", 1
ATLAS = Path(__file__).parents[1] / "assets" / "atlas.sdf"
CLIP = 8.0  # mm, distances kept on either side of the surface
QUANTUM = 0.1  # mm
LICENCE = "CC BY-NC-SA 4.0"
SOURCE = (
    "Mean of 70 skulls of the SkullFix data set (Kodym et al., SkullBreak / SkullFix, Data in Brief 35, 2021, "
    "106902), itself derived from CQ500 (Chilamkurthy et al., Lancet 392, 2018)"
)


@dataclass(frozen=True, eq=False)
class Atlas:
    """Mean skull in the vault's frame: x left, y posterior, z superior, mm from a centre 75 mm below the vertex.

    ``distance`` float32 [X, Y, Z] mm, negative in bone, clipped at ±8 mm, symmetric in x; voxel (0, 0, 0) is at
    ``origin`` and voxels are ``step`` mm apart. The scans behind the mean see z >= floor[0] + floor[1] * y; bone ends
    there in a plane cut.
    """

    distance: NDArray[np.float32]
    origin: tuple[float, float, float]
    step: float
    floor: tuple[float, float]


def write_atlas(atlas: Atlas, path: Path) -> None:
    """Write ``atlas``, half of it: x >= 0. Raises ValueError where its middle voxels are not at x = 0."""
    middle = atlas.distance.shape[0] // 2
    if atlas.distance.shape[0] % 2 == 0 or abs(atlas.origin[0] + middle * atlas.step) > 1e-6:
        raise ValueError(f"atlas: expected an odd number of voxels about x = 0, got {atlas.distance.shape}")
    half = np.rint(np.clip(atlas.distance[middle:], -CLIP, CLIP) / QUANTUM).astype(np.int8)
    head = {
        "format": FORMAT,
        "version": VERSION,
        "shape": half.shape,
        "step": atlas.step,
        "origin": (0.0, *atlas.origin[1:]),
        "quantum": QUANTUM,
        "floor": atlas.floor,
        "sha256": hashlib.sha256(half.tobytes()).hexdigest(),
        "licence": LICENCE,
        "source": SOURCE,
    }
    residual = half.view(np.uint8)
    for axis in range(3):
        residual = np.diff(residual, axis=axis, prepend=np.uint8(0))
    data = lzma.compress(residual.tobytes(), preset=9 | lzma.PRESET_EXTREME)
    Path(path).write_bytes(json.dumps(head).encode() + b"\n" + data)


def read_atlas(path: Path = ATLAS) -> Atlas:
    """The whole atlas, both halves. Raises InputError where the file is missing, damaged or of another version."""
    try:
        line, data = Path(path).read_bytes().split(b"\n", 1)
        head = json.loads(line)
        if (head["format"], head["version"]) != (FORMAT, VERSION):
            raise ValueError(f"it is {head['format']} version {head['version']}, not {FORMAT} version {VERSION}")
        half = np.frombuffer(lzma.decompress(data), np.uint8).reshape(head["shape"])
        for axis in range(3):
            half = np.cumsum(half, axis=axis, dtype=np.uint8)
        if hashlib.sha256(half.tobytes()).hexdigest() != head["sha256"]:
            raise ValueError("its checksum differs")
        distance = half.view(np.int8).astype(np.float32) * np.float32(head["quantum"])
        step, (_, y, z), floor = head["step"], head["origin"], head["floor"]
    except (OSError, lzma.LZMAError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected the skull atlas, cannot use it ({error}); install the package again"
        ) from error
    whole = np.concatenate([distance[:0:-1], distance])
    return Atlas(whole, (-(len(distance) - 1) * step, y, z), step, (floor[0], floor[1]))

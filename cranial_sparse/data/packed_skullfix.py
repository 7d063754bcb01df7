"""The packed SkullFix skulls of a ``CRANIAL_SPARSE_DATA`` folder: ``NNN.skull.xz`` beside ``cases.csv``.

A packed file is xz over one JSON line (``shape``, NRRD ``space``, ``space directions``, ``space origin``, ``bricks``:
brick count of each volume) and then, for the complete skull and for the implant, the occupied 8×8×8 bricks as int16
coordinates [B, 3] and as bit masks uint8 [B, 64], most significant bit first, z fastest.
"""

import json
import lzma
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.data.layouts import PACKED_SUFFIX, read_splits
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume

EDGE = 8  # voxels along a brick


def packed_paths(data: Path | None, split: str) -> list[Path]:
    """The packed skulls of ``split`` ("train", "val") below ``data``, the folder that a script's --data names.

    Raises InputError where there are none.
    """
    if data is None:
        raise InputError("--data: no folder; set CRANIAL_SPARSE_DATA or give --data")
    listed = data / "skullfix" / "cases.csv"
    if not listed.is_file():
        raise InputError(f"--data {data}: expected a folder with skullfix/cases.csv, found none; give another")
    cases = [case for case, own in read_splits(listed).items() if own == split]
    if not cases:
        raise InputError(f"--data {data}: {listed} names no {split} skulls; give another folder")
    return [listed.with_name(f"{case}{PACKED_SUFFIX}") for case in cases]


def read_packed(path: Path) -> tuple[Volume, Volume]:
    """Complete skull and implant, both bool and on one geometry. Raises InputError where the file is damaged."""
    try:
        line, data = lzma.decompress(Path(path).read_bytes()).split(b"\n", 1)
        head = json.loads(line)
        geometry = _geometry(head)
        volumes = []
        for count in head["bricks"]:
            size = count * (6 + EDGE**3 // 8)
            volumes.append(Volume(_bricks_to_dense(data[:size], count, geometry.shape), geometry))
            data = data[size:]
        complete, implant = volumes
    except (lzma.LZMAError, EOFError, ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"{path}: expected a packed SkullFix case, but it is damaged ({error}); copy it again"
        ) from error
    return complete, implant


def _geometry(head: dict) -> Geometry:
    if head["space"] != "left-posterior-superior":
        raise ValueError(f"space is {head['space']}, not left-posterior-superior")
    steps = np.asarray(head["space directions"], float).T  # [3, 3], columns are voxel steps in mm
    spacing = np.linalg.norm(steps, axis=0)
    sx, sy, sz = map(float, spacing)
    ox, oy, oz = map(float, head["space origin"])
    nx, ny, nz = map(int, head["shape"])
    return Geometry((nx, ny, nz), (sx, sy, sz), (ox, oy, oz), tuple(map(float, (steps / spacing).ravel())))


def _bricks_to_dense(data: bytes, count: int, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    coords = np.frombuffer(data, np.int16, count * 3).reshape(count, 3)
    masks = np.frombuffer(data, np.uint8, count * EDGE**3 // 8, count * 6).reshape(count, -1)
    nx, ny, nz = (-(-size // EDGE) for size in shape)
    dense = np.zeros((nx, ny, nz, EDGE, EDGE, EDGE), bool)
    dense[tuple(coords.T)] = np.unpackbits(masks, axis=1).reshape(count, EDGE, EDGE, EDGE)
    whole = dense.transpose(0, 3, 1, 4, 2, 5).reshape(nx * EDGE, ny * EDGE, nz * EDGE)
    return np.ascontiguousarray(whole[tuple(map(slice, shape))])

"""Check sheet: shaded pictures of many defects, drawn without a display."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import pack
from zlib import compress, crc32

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_closing, median_filter

from cranial_sparse.data.datasets import find_cases, read_case
from cranial_sparse.data.defects import KINDS, Cut, Vault, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

TILE = 220  # pixels along a picture, one mm each
BONE, MISSING = np.array([0.93, 0.90, 0.82]), np.array([0.85, 0.30, 0.20])
LIGHT = np.array([-0.35, -0.45, 0.82])  # from the upper left, towards the viewer


def render(points: NDArray, marked: NDArray, view: NDArray) -> NDArray[np.uint8]:
    """A picture [TILE, TILE, 3] of ``points`` [N, 3], mm about the middle of the picture, seen along ``view`` [3].

    ``view`` points from the object to the eye; +z is up in the picture. ``marked`` bool [N] are drawn in red.
    """
    right, down, eye = _screen(view)
    column = np.round(points @ right + TILE / 2).astype(int)
    row = np.round(points @ down + TILE / 2).astype(int)
    seen = (column >= 0) & (column < TILE) & (row >= 0) & (row < TILE)
    pixel = row[seen] * TILE + column[seen]
    depth = (points[seen] @ eye).astype(np.float32)
    front = np.full(TILE * TILE, -np.inf, np.float32)
    np.maximum.at(front, pixel, depth)
    red = np.zeros(TILE * TILE, bool)
    red[pixel[marked[seen] & (depth > front[pixel] - 1e-3)]] = True
    return _shade(front.reshape(TILE, TILE), red.reshape(TILE, TILE))


def check_sheet(skulls: Iterable[Volume], kinds: Sequence[str], path: Path, seed: int = 0) -> None:
    """Cut every kind (a row of the picture) into every skull (a column), seed + column, and write the PNG ``path``.

    Each defect is seen from its own side, the missing bone red beside the hole it leaves. Skulls are taken one at a
    time. Raises InputError where the path is no PNG or there are no skulls, and as ``cut_volume`` does.
    """
    if Path(path).suffix.lower() != ".png":
        raise InputError(f"{path}: expected a file name ending in .png for the check sheet")
    columns = [
        np.concatenate([picture(cut_volume(skull, kind, seed + column)) for kind in kinds])
        for column, skull in enumerate(skulls)
    ]
    if not columns:
        raise InputError("check sheet: expected at least one complete skull, got none")
    write_png(path, np.concatenate(columns, axis=1))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels`` [H, W, 3] as an 8-bit RGB PNG (W3C Portable Network Graphics specification)."""
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with its filter: 0, none
    lines[:, 1:] = pixels.reshape(height, -1)
    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", compress(lines.tobytes(), 9)), (b"IEND", b""))
    body = b"".join(pack(">I", len(data)) + name + data + pack(">I", crc32(name + data)) for name, data in chunks)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def picture(cut: Cut) -> NDArray[np.uint8]:
    """[TILE, 2 TILE, 3] the skull with its implant in red, and without it."""
    vault = cut.defect.vault
    bone, implant = _surface_points(cut.defective, vault), _surface_points(cut.implant, vault)
    view = implant.mean(axis=0)
    view[2] = min(view[2], 0.8 * np.hypot(*view[:2])) if np.hypot(*view[:2]) > 15 else view[2]
    middle = np.array([0.0, 5.0, -15.0], np.float32)
    both = np.concatenate([bone, implant]) - middle
    marked = np.arange(len(both)) >= len(bone)
    return np.concatenate([render(both, marked, view), render(bone - middle, marked[: len(bone)], view)], axis=1)


def _surface_points(volume: Volume, vault: Vault) -> NDArray[np.float32]:
    """Local points [N, 3] of the voxels that have a face open to the air."""
    mask = volume.array
    inner = mask.copy()
    for axis in range(3):
        inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return vault.to_local(volume.geometry.to_physical(np.argwhere(mask & ~inner)))


def _screen(view: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Right, down and towards the eye, unit vectors [3]."""
    eye = view / np.linalg.norm(view)
    up = np.array([0.0, 0.0, 1.0]) if abs(eye[2]) < 0.95 else np.array([0.0, -1.0, 0.0])
    right = np.cross(up, eye)
    right /= np.linalg.norm(right)
    return right, np.cross(right, eye), eye


def _shade(front: NDArray, red: NDArray) -> NDArray[np.uint8]:
    """Lambert shading of a depth image, -inf where there is nothing."""
    closed = grey_closing(front, 3)  # pixels between voxels
    empty = np.isinf(closed)
    depth = median_filter(np.where(empty, closed[~empty].min(initial=1e3), closed), 3)
    fall_x, fall_y = np.gradient(depth, axis=1), np.gradient(depth, axis=0)
    normal = np.stack([-fall_x, -fall_y, np.ones_like(depth)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    bright = 0.25 + 0.75 * np.clip(normal @ LIGHT, 0, 1)
    far = np.clip((depth - depth.max() + 30) / 130 + 1, 0.35, 1)  # the far inside of a hole darkens
    colour = np.where(median_filter(red, 3)[..., None], MISSING, BONE) * (bright * far)[..., None]
    colour[empty] = 1.0
    return np.round(colour * 255).astype(np.uint8)


def main() -> int:
    """``python -m cranial_sparse.data.sheet SRC --out sheet.png``: a check sheet of the first skulls under SRC."""
    parser = argparse.ArgumentParser("python -m cranial_sparse.data.sheet", description=main.__doc__)
    parser.add_argument("src", type=Path, help="a collection of skulls, or one file")
    parser.add_argument("--out", type=Path, default=Path("sheet.png"), help="PNG to write (default: %(default)s)")
    parser.add_argument("--skulls", type=int, default=3, help="how many skulls (default: %(default)s)")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first skull (default: %(default)s)")
    options = parser.parse_args()
    try:
        cases = [case for case in find_cases(options.src) if case.complete][: options.skulls]
        complete = (read_case(case).complete for case in cases)
        check_sheet((skull for skull in complete if skull), options.kinds, options.out, options.seed)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

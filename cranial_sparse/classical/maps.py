"""The vault as images: outer radius and thickness over the upper sphere.

Directions from the canonical origin are laid out by Lambert's azimuthal equal-area projection around the vertex, so
a pixel covers the same solid angle everywhere (about 1.9 × 1.9 mm of bone): column x to the left, row y to the
posterior. Mirroring a skull is flipping the first axis.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Volume

PIXELS = 160
LOWEST_ANGLE = np.deg2rad(118.0)  # from the vertex: below the orbits in front, at the skull base behind
DISC = 2.0 * np.sin(LOWEST_ANGLE / 2)
PIXEL_MM = 2 * DISC / PIXELS * 90.0  # size of a pixel at a radius of 90 mm
OUTERMOST, INNERMOST, STEP = 135.0, 25.0, 0.5  # mm along a ray
THICKEST = 22.0  # mm: an inner table is looked for this far behind the outer one


@cache
def directions() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Unit directions [P, P, 3] of the pixels, and which pixels [P, P] lie inside the disc."""
    edge = ((np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1) * DISC
    u, v = np.meshgrid(edge, edge, indexing="ij")
    rho = np.hypot(u, v)
    polar, azimuth = 2 * np.arcsin(np.clip(rho / 2, 0, 1)), np.arctan2(v, u)
    unit = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    return unit, rho <= DISC


def to_pixel(unit: NDArray) -> NDArray[np.float64]:
    """Unit directions [..., 3] to fractional pixels [..., 2]."""
    flat = np.hypot(unit[..., 0], unit[..., 1]) + 1e-12
    rho = np.sqrt(np.maximum(0.0, 2 * (1 - unit[..., 2])))
    return ((unit[..., :2] * (rho / flat)[..., None] / DISC) + 1) / 2 * PIXELS - 0.5


def look_up(image: NDArray, pixels: NDArray) -> NDArray:
    """An image [P, P], or several as [P, P, K], at fractional pixels [*, 2]: [*] or [*, K].

    Linearly interpolated, constant beyond the edge: scipy's map_coordinates (order 1, mode "nearest"), in one sweep for
    all images, which lie beside one another in memory.
    """
    last = image.shape[0] - 1
    place = np.clip(pixels, 0, last)
    first = np.minimum(place.astype(np.intp), last - 1)
    corner = first[..., 0] * (last + 1) + first[..., 1]
    u, v = np.moveaxis((place - first).reshape(*first.shape, *[1] * (image.ndim - 2)), first.ndim - 1, 0)
    flat = image.reshape(-1, *image.shape[2:])
    found = flat[corner] * ((1 - u) * (1 - v))
    found += flat[corner + 1] * ((1 - u) * v)
    found += flat[corner + last + 1] * (u * (1 - v))
    found += flat[corner + last + 2] * (u * v)
    return found


@dataclass(frozen=True, eq=False)
class Rays:
    """What rays from outside meet: ``outer`` and ``inner`` radius of the bone in mm (NaN where none was met), and
    whether the scan could show bone there (``in_view``). All of the directions' leading shape."""

    outer: NDArray[np.float64]
    inner: NDArray[np.float64]
    in_view: NDArray[np.bool_]


def cast(skull: Volume, pose: Pose, unit: NDArray, near: NDArray, far: NDArray, step: float = STEP) -> Rays:
    """Meet the bone along canonical directions ``unit`` [M, 3].

    The outer table is the first bone from outside between radii ``far`` and ``near`` [M] (mm); the inner one is the
    last bone within 22 mm behind it. Both are placed where the trilinear mask crosses one half.
    """
    mask, geometry = skull.array, skull.geometry
    inverse = np.linalg.inv(geometry.matrix)
    start = inverse @ (pose.centre - np.asarray(geometry.origin))
    along = (unit @ pose.rotation.T) @ inverse.T  # [M, 3] index step per mm
    count = int(np.ceil(((far - near).max() + THICKEST) / step)) + 1
    radii = far[:, None] - step * np.arange(count)  # [M, S], from outside
    index = np.rint(start + along[:, None, :] * radii[..., None]).astype(np.int32)
    seen = ((index >= 0) & (index < np.asarray(mask.shape, np.int32))).all(-1)
    index[~seen] = 0
    bone = mask[index[..., 0], index[..., 1], index[..., 2]] & seen
    table = bone & (radii >= near[:, None])
    hit = table.any(1)
    first = radii[np.arange(len(unit)), table.argmax(1)]
    bone &= (radii <= first[:, None]) & (radii >= first[:, None] - THICKEST)
    last = radii[np.arange(len(unit)), count - 1 - bone[:, ::-1].argmax(1)]
    outer, inner = np.full(len(unit), np.nan), np.full(len(unit), np.nan)
    outer[hit] = _crossing(mask, start, along[hit], first[hit], +1.0)
    inner[hit] = _crossing(mask, start, along[hit], last[hit], -1.0)
    expected_or_deeper = (radii <= (near + far)[:, None] / 2) & (radii >= near[:, None])
    in_view = (seen | ~expected_or_deeper).all(1)  # air above the vertex may be cut off, bone may not
    return Rays(outer, inner, in_view)


def cast_vault(
    skull: Volume, pose: Pose, expected: NDArray, reach: float = 25.0, pixels: NDArray | None = None
) -> Rays:
    """Rays [P, P] within ``reach`` mm of the ``expected`` outer radius [P, P], through ``pixels`` (bool [P, P]) or all."""
    chosen = np.ones((PIXELS, PIXELS), bool) if pixels is None else pixels
    middle = expected[chosen]
    rays = cast(skull, pose, directions()[0][chosen], middle - reach, middle + reach)
    outer, inner = np.full(chosen.shape, np.nan), np.full(chosen.shape, np.nan)
    in_view = np.zeros(chosen.shape, bool)
    outer[chosen], inner[chosen], in_view[chosen] = rays.outer, rays.inner, rays.in_view
    return Rays(outer, inner, in_view)


def _crossing(mask: NDArray, start: NDArray, along: NDArray, radius: NDArray, outward: float) -> NDArray:
    """Where the trilinear mask falls through one half within a millimetre of ``radius`` [M]."""
    offsets = np.arange(-1.0, 1.01, 0.25)
    points = start + along[:, None, :] * (radius[:, None] + outward * offsets)[..., None]  # [M, 9, 3]
    value = map_coordinates(
        mask, np.moveaxis(points, -1, 0), output=np.float32, order=1, mode="constant", prefilter=False
    )
    below = value < 0.5
    after = np.maximum(below.argmax(1), 1)
    rows = np.arange(len(radius))
    inside, outside = value[rows, after - 1], value[rows, after]
    share = np.clip((inside - 0.5) / np.maximum(inside - outside, 1e-6), 0, 1)
    shift = np.where(below.any(1), offsets[after - 1] + 0.25 * share, 0.0)
    return radius + outward * shift

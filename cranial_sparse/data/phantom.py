"""A made-up skull for every seed: the mean skull, bent, scaled and thickened at random. For running, not for scoring.

Distances are bent on a lattice of three fine voxels, 1.35 mm, and brought to 0.45 mm by cubic convolution, so that a
512³ skull takes seconds and little memory. All arithmetic is element by element and in a fixed order: a seed gives the
same bits whatever the number of threads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, map_coordinates, spline_filter

from cranial_sparse.completion.frame import SPACING, canonical_lattice
from cranial_sparse.data.atlas import CLIP, Atlas, read_atlas
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume

FACTOR = 3  # fine voxels along a coarse one
KNOT = 9.0  # mm between the points where smooth random fields are drawn
VERTEX = np.array([0.0, 0.0, 75.0])  # mm, stays in place
SLAB = 16  # coarse planes worked on at a time


@dataclass(frozen=True)
class Variation:
    """How far phantoms stray from the mean skull: standard deviations, and the lengths over which they vary, mm."""

    bend: float = 2.6  # mm, symmetric part of the displacement
    skew: float = 1.0  # mm, displacement without symmetry
    bend_length: float = 55.0
    scale: float = 0.03  # of each axis; never more than 5 %
    thickness: float = 0.3  # mm added on each side of the bone, the same everywhere; never more than 0.6
    wave: float = 0.25  # mm added on each side, varying
    wave_length: float = 25.0
    grain: float = 0.06  # mm, roughness of the surface
    grain_length: float = 2.5


def phantom(seed: int, raised: float = 0.0, variation: Variation | None = None, atlas: Atlas | None = None) -> Volume:
    """A skull in one piece, bool [512, 512, 512] at 0.45 mm on the canonical lattice (LPS), cut off below in a plane.

    ``raised`` mm more are missing below, as in a scan that shows the vault alone. ``variation`` and ``atlas`` take
    the place of the usual ones. Raises InputError where the seed is negative, nothing is left, or the shipped atlas
    is damaged.
    """
    if seed < 0:
        raise InputError(f"phantom seed: expected a whole number from 0, got {seed}; choose another")
    atlas = atlas or read_atlas()
    rng = np.random.default_rng(seed)
    fine = canonical_lattice()
    distance, scale = _deform(atlas, coarse_lattice(fine), variation or Variation(), rng)
    bone = np.zeros(fine.shape, bool)
    inside = _occupied(distance)
    box = tuple(slice(FACTOR * s.start, min(FACTOR * s.stop, n)) for s, n in zip(inside, fine.shape, strict=True))
    bone[box] = upsample_sign(distance[inside])[tuple(slice(0, b.stop - b.start) for b in box)]
    _cut(bone, fine, atlas.floor, scale, raised)
    keep_largest(bone[box])
    if not bone.any():
        raise InputError(f"phantom: nothing is left of the skull with {raised} mm cut off below; choose less")
    return Volume(bone, fine)


def random_field(rng: Generator, shape: tuple[int, ...], length: float) -> NDArray[np.float32]:
    """Smooth noise of unit standard deviation: correlation falls to exp(-1/2) over ``length`` lattice steps."""
    sigma = length / np.sqrt(2)  # white noise blurred by s has the covariance exp(-d² / 4 s²)
    margin = int(np.ceil(3 * sigma))
    noise = rng.standard_normal([n + 2 * margin for n in shape], np.float32)
    field = gaussian_filter(noise, sigma, truncate=3.0)[tuple(slice(margin, margin + n) for n in shape)]
    return field / field.std()


def upsample_sign(distance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the field [X, Y, Z], brought to a three times finer lattice [3 X, 3 Y, 3 Z], is negative.

    Coarse voxel i is the middle one of fine voxels 3 i to 3 i + 2; cubic convolution (Keys 1981, a = -1/2).
    """
    field = np.pad(distance, 2, mode="edge")
    field = _thirds(_thirds(field, 2), 1)
    nx, ny, nz = distance.shape
    out = np.empty((FACTOR * nx, FACTOR * ny, FACTOR * nz), bool)
    for start in range(0, nx, SLAB):
        stop = min(start + SLAB, nx)
        out[FACTOR * start : FACTOR * stop] = _thirds(field[start : stop + 4], 0) < 0
    return out


def keep_largest(bone: NDArray[np.bool_]) -> None:
    """Clear all but the largest piece (voxels joined by faces), in place."""
    pieces = np.empty(bone.shape, np.int32)
    label(bone, output=pieces)
    if pieces.max() > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        np.equal(pieces, sizes.argmax(), out=bone)


def coarse_lattice(fine: Geometry) -> Geometry:
    """The lattice of 1.35 mm whose 3³ blocks are the voxels of ``fine``."""
    nx, ny, nz = (-(-n // FACTOR) for n in fine.shape)
    step = FACTOR * SPACING
    x, y, z = fine.to_physical(np.array([(FACTOR - 1) / 2] * 3))
    return Geometry((nx, ny, nz), (step, step, step), (float(x), float(y), float(z)))


def _deform(atlas: Atlas, lattice: Geometry, variation: Variation, rng: Generator) -> tuple[NDArray, NDArray]:
    """Signed distances of the phantom on ``lattice``, mm float32 [X, Y, Z], and its scale along each axis [3]."""
    scale = np.exp(np.clip(rng.normal(0, variation.scale, 3), -0.05, 0.05))
    extent = np.array(lattice.shape) * lattice.spacing
    knots = tuple(int(n) for n in np.ceil(extent / KNOT) + 1)
    bend, skew = (
        np.stack([random_field(rng, knots, variation.bend_length / KNOT) for _ in range(3)]) for _ in range(2)
    )
    bend = bend + bend[:, ::-1] * np.array([-1, 1, 1], np.float32).reshape(3, 1, 1, 1)
    displacement = bend * (variation.bend / bend.std()) + skew * variation.skew
    thickness = random_field(rng, knots, variation.wave_length / KNOT) * variation.wave
    thickness += np.clip(rng.normal(0, variation.thickness), -0.6, 0.6)
    grain = random_field(rng, lattice.shape, variation.grain_length / lattice.spacing[0]) * variation.grain

    # Knots are centred on x = 0 (the lattice is not, by half a fine voxel), so that mirrored knots are mirrored places.
    middle = lattice.to_physical((np.array(lattice.shape) - 1) / 2) * (0, 1, 1)
    corner = middle - (np.array(knots) - 1) / 2 * KNOT
    fixed = _interpolate(displacement, (VERTEX - corner)[:, None] / KNOT)
    coefficients = spline_filter(atlas.distance, order=3, output=np.float32)  # pyright: ignore[reportArgumentType]: stubs know float64 only
    axes = [lattice.origin[a] + lattice.spacing[a] * np.arange(lattice.shape[a]) for a in range(3)]
    distance = np.empty(lattice.shape, np.float32)
    for start in range(0, lattice.shape[0], SLAB):
        part = slice(start, start + SLAB)
        points = np.stack(np.meshgrid(axes[0][part], *axes[1:], indexing="ij")).reshape(3, -1)
        at = (points - corner[:, None]) / KNOT
        source = (points - VERTEX[:, None]) / scale[:, None] + VERTEX[:, None]
        source += _interpolate(displacement, at) - fixed
        index = (source - np.array(atlas.origin)[:, None]) / atlas.step
        mean = map_coordinates(coefficients, index, np.float32, order=3, cval=CLIP, prefilter=False)
        thicker = mean - _interpolate(thickness[None], at)[0]
        distance[part] = thicker.reshape(distance[part].shape) - grain[part]
    return distance, scale


def _interpolate(fields: NDArray, index: NDArray) -> NDArray[np.float32]:
    """Linear interpolation of [C, X, Y, Z] at indices [3, N]: [C, N]."""
    out = np.empty((len(fields), index.shape[1]), np.float32)
    for field, row in zip(fields, out, strict=True):
        map_coordinates(field, index, row, order=1, mode="nearest")
    return out


def _occupied(distance: NDArray) -> tuple[slice, slice, slice]:
    """The box of all bone and one voxel around it."""
    sides = []
    for axis in range(3):
        hit = np.flatnonzero((distance < 1.0).any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (int(hit[0]), int(hit[-1])) if len(hit) else (0, 0)
        sides.append(slice(max(low - 1, 0), min(high + 2, distance.shape[axis])))
    return sides[0], sides[1], sides[2]


def _thirds(field: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Three values for each but the outer two of either end, along ``axis``."""
    field = np.moveaxis(field, axis, 0)
    count = len(field) - 4
    before, at, after = (field[1 + k : 1 + k + count] for k in range(3))
    ahead, behind = field[4:], field[:count]
    # Weights of cubic convolution a third of the way between the middle two of four samples.
    w = [np.float32(n / 27) for n in (-2, 21, 9, -1)]
    out = np.empty((count, FACTOR, *field.shape[1:]), np.float32)
    out[:, 0] = w[0] * after + w[1] * at + w[2] * before + w[3] * behind
    out[:, 1] = at
    out[:, 2] = w[0] * before + w[1] * at + w[2] * after + w[3] * ahead
    return np.moveaxis(out.reshape(FACTOR * count, *field.shape[1:]), 0, axis)


def _cut(bone: NDArray[np.bool_], lattice: Geometry, floor: tuple[float, float], scale: NDArray, raised: float) -> None:
    """Clear all below the plane z = floor[0] + floor[1] y of the mean skull, carried along by ``scale``, in place."""
    _, y, z = (o + s * np.arange(n) for o, s, n in zip(lattice.origin, lattice.spacing, lattice.shape, strict=True))
    height = (z - VERTEX[2]) / scale[2] + VERTEX[2]  # [Z] in the mean skull
    lowest = floor[0] + floor[1] * y / scale[1] + raised  # [Y]
    bone &= height >= lowest[:, None]

"""Another head from this one: moved, stretched, thicker or thinner, of denser or less dense bone.

Pure functions of complete skull and implant, bool [X, Y, Z] on one geometry, and of a generator. The implant stays that
part of the complete skull, whatever becomes of it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial.transform import Rotation

from cranial_sparse.data.augment.scanner import Pair
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box

STRETCH = 0.08  # standard deviation of the logarithm of a length along each of three random axes
KNOT = 30.0  # mm between independent values of thickness or density
SOFT = 1.0  # mm: surfaces move by about as much at most
MOVED = 0.8  # of SOFT, standard deviation of how far they do
BLUR = 0.6  # mm, standard deviation of a scanner's blur: how far density moves a surface
DENSITY = 0.3  # standard deviation of its logarithm


def moved(geometry: Geometry, rng: np.random.Generator) -> Geometry:
    """A random flip, rotation (±8°) and anisotropic scale (±6 %) of the patient, applied to the lattice: no resampling."""
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-8, 8, 3))).as_matrix()
    scale = np.diag(rng.uniform(0.97, 1.03, 3) * rng.uniform(0.97, 1.03))
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    return changed(geometry, turn @ scale @ flip)


def stretched(geometry: Geometry, rng: np.random.Generator) -> Geometry:
    """Longer or shorter along three random axes at right angles: other proportions, in the lattice too."""
    axes = Rotation.random(random_state=rng).as_matrix()
    return changed(geometry, axes * np.exp(rng.normal(0, STRETCH, 3)) @ axes.T)


def changed(geometry: Geometry, change: NDArray) -> Geometry:
    """The lattice after the linear ``change`` [3, 3] of space."""
    steps = change @ geometry.matrix
    spacing = np.linalg.norm(steps, axis=0)
    origin = change @ np.asarray(geometry.origin)
    sx, sy, sz = map(float, spacing)
    ox, oy, oz = map(float, origin)
    return replace(
        geometry, spacing=(sx, sy, sz), origin=(ox, oy, oz), direction=tuple(map(float, (steps / spacing).ravel()))
    )


def thickened(complete: Volume, implant: Volume, rng: np.random.Generator) -> Pair:
    """Both surfaces moved outward or inward by up to about SOFT, smoothly varying over the head.

    Where bone grows, all that was stays; where it shrinks, nothing is added: so thin bone does not break by the blur alone.
    """
    box, soft, part = _soft(complete, implant, SOFT)
    threshold = 1 / (1 + np.exp(2 * MOVED * _smooth(soft.shape, complete.geometry, rng)))
    old = complete.array[box]
    return _with_bone(
        complete, box, np.where(threshold < 0.5, old | (soft > threshold), old & (soft > threshold)), part, soft
    )


def denser(complete: Volume, implant: Volume, rng: np.random.Generator) -> Pair:
    """The bone that a threshold finds where density varies over the head: thin bone opens where it is low."""
    box, soft, part = _soft(complete, implant, BLUR)
    density = np.exp(DENSITY * _smooth(soft.shape, complete.geometry, rng))
    return _with_bone(complete, box, soft * density > 0.5, part, soft)


def _soft(
    complete: Volume, implant: Volume, sigma: float
) -> tuple[tuple[slice, ...], NDArray[np.float32], NDArray[np.float32]]:
    """A box around the bone, and in it the complete skull and the implant blurred by ``sigma`` mm."""
    box = bounding_box(complete.array)
    if box is None:
        raise ValueError("complete: expected some bone, got none")
    steps = sigma / np.array(complete.geometry.spacing)
    more = np.ceil(3 * steps).astype(int)
    grown = tuple(slice(max(0, side.start - int(m)), side.stop + int(m)) for side, m in zip(box, more, strict=True))
    soft, part = (gaussian_filter(v.array[grown].astype(np.float32), steps, truncate=3.0) for v in (complete, implant))
    return grown, soft, part


def _smooth(shape: tuple[int, ...], geometry: Geometry, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random field [X, Y, Z] of unit variance that changes over KNOT mm."""
    knots = [max(2, int(np.ceil(n * step / KNOT)) + 1) for n, step in zip(shape, geometry.spacing, strict=True)]
    coarse = rng.standard_normal(knots).astype(np.float32)
    factors = [n / k for n, k in zip(shape, knots, strict=True)]
    field = zoom(coarse, factors, order=1, mode="nearest", grid_mode=False)
    return (field - field.mean()) / field.std()  # between knots it is their mean, which varies less than they do


def _with_bone(complete: Volume, box: tuple[slice, ...], bone: NDArray, part: NDArray, soft: NDArray) -> Pair:
    """The pair with ``bone`` in the ``box``: the implant is that of it which lies nearer to the old one than to the rest."""
    whole, missing = np.zeros_like(complete.array), np.zeros_like(complete.array)
    whole[box] = bone
    missing[box] = bone & (2 * part > soft)
    return Volume(whole, complete.geometry), Volume(missing, complete.geometry)

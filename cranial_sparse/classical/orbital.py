"""The orbital region as a signed distance field: where rays from the middle of the head meet more than two surfaces.

The same conditional Gaussian as for the maps, over the voxels of a box instead of the pixels of an image: a mean and
modes of the clipped signed distance, and a residual that is correlated nearby and with the other side. An orbit is more like
its own mirror image than like anybody else's, so where the other side is intact, it is laid onto the bone around the hole
and has its say.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates, minimum_filter, uniform_filter

from cranial_sparse.classical.gaussian import Kernel, MapModel, conditional
from cranial_sparse.classical.maps import PIXEL_MM, look_up, to_pixel
from cranial_sparse.classical.radial_model import RadialModel
from cranial_sparse.classical.symmetry import other_side
from cranial_sparse.completion.frame import Pose
from cranial_sparse.completion.resampling import to_lattice
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import IDENTITY, Geometry, Volume

FINER = 3  # voxels of 0.9 mm, on which distances are measured, along a voxel of the box
SPACING = 2.7  # mm
SHAPE = (50, 32, 36)
BOX = Geometry(SHAPE, (SPACING,) * 3, (-SPACING * (SHAPE[0] - 1) / 2, -114.0, -60.0), IDENTITY)  # symmetric about x = 0
CLIP = 6.0  # mm: farther from any surface only the side matters
KERNEL = Kernel(length=15.0, noise=1.0, mirror=0.8)
NEAR = 4.0  # mm: closer to the hole, distances to what is left say nothing of what was there
FADE = 6.0  # mm over which the two maps take over at the faces of the box
ALIKE = 0.3  # mm of standard deviation: where skulls differ by less, deep in the head and far outside, the mean will do
# Of the orbital directions, four train scans show 0.77 to 1.0, and the same cut above the orbits at most 0.02.
LEAST_SHOWN = 0.1
INTACT = (2.0, 8.0)  # mm from the mirror image of the hole: from where on, and from where on wholly


@dataclass(frozen=True)
class OrbitSettings:
    """What is chosen by cross-validation; ``mirrored`` is what the other side counts of the result, where it is intact."""

    kernel: Kernel = KERNEL
    mirrored: float = 0.7
    near: float = NEAR
    conditioning: int = 3000  # voxels, since the cost grows with their cube


SHIPPED_ORBIT = OrbitSettings()


def signed_distance(
    skull: Volume, pose: Pose, box: Geometry = BOX, clip: float = CLIP
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Distance to the surface (mm, positive in bone, clipped) at the voxels of ``box``, and whether the scan shows them."""
    margin = int(np.ceil(clip / box.spacing[0])) + 1
    fine = _finer(box, margin)
    bone = to_lattice(skull, pose, fine).astype(bool)
    step = fine.spacing[0]
    # half a voxel lies between the centre of the last voxel on either side and the surface
    inside = distance_transform_edt(bone) * step - step / 2 if bone.any() else np.zeros(bone.shape)
    outside = distance_transform_edt(~bone) * step - step / 2 if not bone.all() else np.zeros(bone.shape)
    distance = np.where(bone, inside, -outside if bone.any() else -clip)
    middle = slice(margin * FINER + FINER // 2, -margin * FINER, FINER)
    seen = in_scan(skull.geometry, pose, places(box))
    return np.clip(distance[middle, middle, middle], -clip, clip).astype(np.float32), seen


def in_scan(scan: Geometry, pose: Pose, points: NDArray) -> NDArray[np.bool_]:
    """Whether canonical ``points`` [..., 3] (mm) lie between voxels of ``scan``, [...]."""
    index = scan.to_index(pose.to_patient(points))
    return np.asarray(((index >= 0) & (index <= np.array(scan.shape) - 1)).all(-1))


def places(box: Geometry) -> NDArray[np.float64]:
    """Canonical mm of the voxels of ``box``, [X, Y, Z, 3]."""
    return box.to_physical(np.moveaxis(np.indices(box.shape), 0, -1))


def _finer(box: Geometry, margin: int) -> Geometry:
    """Voxels a third as long that fill ``box`` and ``margin`` of its voxels more on every side."""
    spacing = box.spacing[0]
    step = spacing / FINER
    corner = np.asarray(box.origin) - margin * spacing - (spacing - step) / 2
    nx, ny, nz = ((n + 2 * margin) * FINER for n in box.shape)
    return Geometry((nx, ny, nz), (step,) * 3, (float(corner[0]), float(corner[1]), float(corner[2])), IDENTITY)


@dataclass(frozen=True, eq=False)
class Orbit:
    """The completed signed distance (mm) over the orbital region, and how far to trust it over the maps [P, P].

    ``spread`` is its standard deviation (mm), where the completer knows.
    """

    distance: NDArray[np.float64]
    share: NDArray[np.float64]
    spread: NDArray[np.float64] | None = None


def complete_orbit(
    skull: Volume,
    pose: Pose,
    outer: NDArray,
    hole: NDArray,
    model: RadialModel,
    settings: OrbitSettings = SHIPPED_ORBIT,
) -> Orbit | None:
    """The orbital region made whole, or None where the ``hole`` [P, P] stays clear of it.

    ``outer`` [P, P] is the outer radius that the scan shows (mm, NaN: none), by which the other side is laid on.
    """
    share = orbital_share(model.presence)
    if not (share[hole] > 0).any():
        return None
    distance, spread = complete_distance(skull, pose, hole, model.orbit, settings)
    try:
        side, _ = other_side(pose, outer, hole)
    except InputError:  # too little bone to lay it onto
        return Orbit(distance, share, spread)
    start, whole = INTACT
    trust = np.clip((gap_to(hole[::-1]) - start) / (whole - start), 0, 1) * (gap_to(hole) < settings.near)
    opposite, seen = signed_distance(skull, side)
    return Orbit(distance + settings.mirrored * trust * seen * (opposite - distance), share, spread)


def complete_distance(
    skull: Volume, pose: Pose, hole: NDArray, model: MapModel, settings: OrbitSettings = SHIPPED_ORBIT
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed distance (mm) of the complete skull over BOX, completed around the directions of ``hole`` (bool [P, P]), and
    its standard deviation.

    The rest is what the defective ``skull`` shows, and certain.
    """
    distance, seen = signed_distance(skull, pose)
    gap = gap_to(hole)
    target = gap < settings.near
    known = seen & ~target
    filled, spread = distance.astype(np.float64), np.zeros(distance.shape)
    if target.any() and known.any():
        filled[target] = model.mean[target]
        target &= np.sqrt(model.spread**2 + (model.modes**2).sum(0)) > ALIKE
        data = _thinned(known, np.minimum(gap, gap_to(hole[::-1])), settings.conditioning)
        filled[target], spread[target] = conditional(distance, data, target, model, places(BOX), settings.kernel)
    return filled, spread


def gap_to(hole: NDArray) -> NDArray[np.float64]:
    """How far the voxels of BOX are from the directions of ``hole`` (bool [P, P]), across the ray, mm."""
    points = places(BOX)
    radius = np.linalg.norm(points, axis=-1)
    return look_up(distance_transform_edt(~hole), to_pixel(points / radius[..., None])) * (PIXEL_MM * radius / 90.0)


def _thinned(known: NDArray, gap: NDArray, most: int) -> NDArray[np.bool_]:
    """About ``most`` of the ``known`` voxels: the smaller the ``gap`` to the hole or to its mirror image, the denser."""
    chosen = np.zeros_like(known)
    generator = np.random.default_rng(0)
    candidates = np.flatnonzero(known)
    weight = 1.0 / (4.0 + gap.ravel()[candidates]) ** 2
    count = min(most, len(candidates))
    chosen.ravel()[generator.choice(candidates, count, replace=False, p=weight / weight.sum())] = True
    return chosen


def orbital_share(presence: NDArray) -> NDArray[np.float64]:
    """[P, P]: how far the orbital field is to be trusted over the two maps, 1 where skulls have no bone to count on."""
    weakest = minimum_filter(presence, 5)
    weakest[:, weakest.shape[1] // 2 :] = 1.0  # the back has its own gaps, but no orbits
    return uniform_filter(np.clip((0.99 - weakest) / 0.05, 0, 1), 5)


def ends_above_orbits(scan: Geometry, pose: Pose, presence: NDArray, surface: NDArray) -> bool:
    """Whether a ``scan`` shows next to nothing of the orbits, which lie on the ``surface`` [P, P, 3] (mm) where, by
    ``presence`` [P, P], skulls have no bone to count on."""
    return bool(in_scan(scan, pose, surface[orbital_share(presence) > 0.9]).mean() < LEAST_SHOWN)


def distance_at(distance: NDArray, points: NDArray) -> tuple[NDArray, NDArray]:
    """The field over BOX at canonical ``points`` [..., 3] (mm), interpolated linearly, and a weight: 0 at the box's faces."""
    index = BOX.to_index(points)
    value = map_coordinates(distance, np.moveaxis(index, -1, 0), order=1, mode="nearest", prefilter=False)
    within = np.minimum(index, np.array(SHAPE) - 1 - index).min(-1) * SPACING
    return value, np.clip(within / FADE, 0, 1)

"""The radial completer: pose, holes, conditional maps, the orbits apart, and the signed field they imply."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from cranial_sparse.classical.alignment import displaced, displaced_map, inverse, register, ridges
from cranial_sparse.classical.gaussian import Kernel, MapModel, complete_map, complete_map_and_spread
from cranial_sparse.classical.hole import Defect, posed_defect
from cranial_sparse.classical.maps import PIXEL_MM, Rays, directions, look_up, to_pixel
from cranial_sparse.classical.orbital import Orbit, complete_orbit, distance_at
from cranial_sparse.classical.radial_model import AlignedModel, RadialModel, known_tables, shipped_model
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS, RadialSettings
from cranial_sparse.classical.uncertainty import Overlap, expected_overlap
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.geometry import Geometry, Volume

# The outer map's residual was measured on the skulls that its modes were made of: left-out skulls err 2.1 times as far
# as the Gaussian says (root mean square over 24 defects in train), which changes no mean.
OVERCONFIDENT = 2.1
SWOLLEN_REACH = 6.0  # mm from the hole: a rim that partial volume swells is no wider
MOVED_HOLE = (
    0.4  # of a pixel that was in the hole, to be in it where the head is laid on: rather too large than too small
)
FIELD_LEVEL = 1  # 0.9 mm: the surface is smooth, so its zero crossing interpolates well


@dataclass(frozen=True, eq=False)
class Vault:
    """A vault made whole: outer radius and thickness [P, P] in mm around the ``hole`` [P, P], the mean elsewhere.

    ``outer_spread`` and ``inner_spread`` are the standard deviations of both tables [P, P] (mm), where the completer knows.
    """

    outer: NDArray[np.float64]
    thickness: NDArray[np.float64]
    hole: NDArray[np.bool_]
    outer_spread: NDArray[np.float64] | None = None
    inner_spread: NDArray[np.float64] | None = None

    @cached_property
    def beyond(self) -> NDArray[np.float64]:
        """Distance from the hole, mm [P, P], 0 inside."""
        return distance_transform_edt(~self.hole) * PIXEL_MM


def complete_vault(rays: Rays, hole: NDArray, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS) -> Vault:
    """Both maps completed in the ``hole`` and ``settings.completed`` mm around it, conditioned on the rest.

    Done as the head lies, and again with its ridges laid onto those of the mean head; the two err differently, and
    ``settings.aligned`` says what the second counts of the result. Spreads are those of the first.
    """
    rays = _sharp(rays, hole, model, settings)
    first, doubted = _completed(rays, hole, model, settings, spread=True)
    if settings.aligned > 0:
        there = _laid_on(rays, first, model, settings)
        inner = np.where(doubted, np.nan, rays.inner)  # reading between pixels would spread it over its neighbours
        moved = Rays(displaced_map(rays.outer, there), displaced_map(inner, there), rays.in_view)
        moved_hole = displaced(hole.astype(float), there) > MOVED_HOLE
        second, _ = _completed(moved, moved_hole, model.aligned, settings, spread=False)
        back = inverse(there)
        outer, thickness = (
            one + settings.aligned * (displaced(other, back) - one)
            for one, other in ((first.outer, second.outer), (first.thickness, second.thickness))
        )
        first = replace(first, outer=outer, thickness=thickness)
    return replace(first, thickness=np.maximum(first.thickness, 1.5))


def _laid_on(rays: Rays, first: Vault, model: RadialModel, settings: RadialSettings) -> NDArray[np.float64]:
    """The displacement [2, P, P] that lays a head onto the mean one: in the hole by what was made of it ``first``."""
    near = binary_dilation(first.hole, iterations=2)
    outer = np.where(near, first.outer, rays.outer)
    inner = np.where(near, first.outer - first.thickness, rays.inner)
    own = ridges(outer, outer - inner, *known_tables(outer, inner, model.outer.mean))
    return register(replace(own, weight=own.weight * np.where(near, settings.guessed, 1.0)), model.aligned.ridges)


def _completed(
    rays: Rays, hole: NDArray, model: RadialModel | AlignedModel, settings: RadialSettings, spread: bool
) -> tuple[Vault, NDArray[np.bool_]]:
    """One of complete_vault's two, with spreads where asked for, and where it doubted a thickness that was read [P, P]."""
    region, outside = _completed_region(hole, settings), _outside(rays, hole)
    thickness = rays.outer - rays.inner
    outer, outer_spread = _filled(rays.outer, outside, hole, region, model.outer, model, settings.outer, spread)
    # An oblique cut takes more of the inner table than of the outer, and walls that were not recognised make bone near the hole
    # look thin: its thickness is completed from farther away first, and then again with those readings that agree.
    plausible = outside & (thickness > 1) & (thickness < 21)
    safe = plausible & (distance_transform_edt(~hole) * PIXEL_MM > settings.apart)
    rim = plausible & ~safe
    off = thickness - _told(thickness, safe, hole, rim, model.thickness, model, settings.thickness)
    agreeing = rim & (off > -settings.thinner) & (off < settings.reading)
    agreeing &= np.abs(rays.outer - outer) < settings.reading
    thick, thick_spread = _filled(
        thickness, safe | agreeing, hole, region, model.thickness, model, settings.thickness, spread
    )
    if outer_spread is None or thick_spread is None:
        return Vault(outer, thick, hole), rim & ~agreeing
    outer_spread *= OVERCONFIDENT
    return Vault(outer, thick, hole, outer_spread, np.hypot(outer_spread, thick_spread)), rim & ~agreeing


def _completed_region(hole: NDArray, settings: RadialSettings) -> NDArray[np.bool_]:
    return binary_dilation(hole, iterations=round(settings.completed / PIXEL_MM) + 1) & directions()[1]


def _outside(rays: Rays, hole: NDArray) -> NDArray[np.bool_]:
    return np.isfinite(rays.outer) & directions()[1] & ~binary_dilation(hole, iterations=1)


def _sharp(rays: Rays, hole: NDArray, model: RadialModel, settings: RadialSettings) -> Rays:
    """What rays met but for a rim that is swollen."""
    swollen = swollen_rim(rays, _outside(rays, hole), hole, model, settings)
    return replace(rays, outer=np.where(swollen, np.nan, rays.outer))


def swollen_rim(
    rays: Rays, outside: NDArray, hole: NDArray, model: RadialModel, settings: RadialSettings
) -> NDArray[np.bool_]:
    """Pixels [P, P] within SWOLLEN_REACH mm of the ``hole`` where they stand out as partial volume makes a rim stand out; none of
    a sharp one. In 30 sharp rims of train skulls they lie -0.2 to 0.1 mm above what is farther away, in 12 blurred ones 0.3
    to 0.4.
    """
    near = outside & (distance_transform_edt(~hole) * PIXEL_MM < SWOLLEN_REACH)
    if not near.any() or not (outside & ~near).any():
        return np.zeros_like(near)
    told = _told(rays.outer, outside & ~near, hole, near, model.outer, model, settings.outer)
    return near & (np.median((rays.outer - told)[near]) > settings.swollen)


def _told(
    values: NDArray,
    known: NDArray,
    hole: NDArray,
    at: NDArray,
    part: MapModel,
    model: RadialModel | AlignedModel,
    kernel: Kernel,
) -> NDArray[np.float64]:
    """What is ``known`` [P, P] around the ``hole`` tells of the pixels ``at`` [P, P]; the mean elsewhere."""
    told = part.mean.astype(np.float64)
    told[at] = complete_map(np.nan_to_num(values), known, hole, part, model.surface, kernel, at)
    return told


def _filled(
    values: NDArray,
    known: NDArray,
    hole: NDArray,
    at: NDArray,
    part: MapModel,
    model: RadialModel | AlignedModel,
    kernel: Kernel,
    spread: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """As _told, and where asked for the ``spread`` of it [P, P], 0 elsewhere."""
    if not spread:
        return _told(values, known, hole, at, part, model, kernel), None
    filled, deviation = part.mean.astype(np.float64), np.zeros(at.shape)
    filled[at], deviation[at] = complete_map_and_spread(
        np.nan_to_num(values), known, hole, part, model.surface, kernel, at
    )
    return filled, deviation


def depth_in_bone(
    vault: Vault, points: NDArray, orbit: Orbit | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64]]:
    """At canonical ``points`` [..., 3]: signed distance to the nearer completed surface (mm, positive in bone), the
    standard deviation of that surface (mm; None where the completer does not know), and the distance from the hole (mm)."""
    radius = np.linalg.norm(points, axis=-1)
    pixel = to_pixel(points / np.maximum(radius, 1e-6)[..., None])
    outer, thickness = look_up(vault.outer, pixel), look_up(vault.thickness, pixel)
    above, below = outer - radius, radius - (outer - thickness)
    depth = np.minimum(above, below)
    spread: NDArray | None = None
    if vault.outer_spread is not None and vault.inner_spread is not None:
        spread = np.where(above < below, look_up(vault.outer_spread, pixel), look_up(vault.inner_spread, pixel))
    if orbit is not None:
        distance, weight = distance_at(orbit.distance, points)
        weight = weight * look_up(orbit.share, pixel)
        depth += weight * (distance - depth)
        if spread is not None and orbit.spread is not None:
            spread += weight * (distance_at(orbit.spread, points)[0] - spread)
    return depth, spread, look_up(vault.beyond, pixel)


def hole_box(vault: Vault, lattice: Geometry, margin: float = 10.0) -> Geometry:
    """Voxels of ``lattice``, continued as far as needed, around the completed bone and ``margin`` mm more; multiples of 8.

    Not clipped: a head larger than the lattice gets its voxels at the same spacing.
    """
    region = binary_dilation(vault.hole, iterations=2)
    unit = directions()[0][region]
    outer, inner = vault.outer[region, None], (vault.outer - vault.thickness)[region, None]
    index = lattice.to_index(np.concatenate([unit * outer, unit * inner]))
    pad = margin / lattice.spacing[0]
    low = np.floor((index.min(0) - pad) / 8).astype(int) * 8
    high = np.ceil((index.max(0) + pad) / 8).astype(int) * 8
    size = high - low
    return lattice.crop((int(low[0]), int(low[1]), int(low[2])), (int(size[0]), int(size[1]), int(size[2])))


def vault_field(
    vault: Vault, lattice: Geometry, pose: Pose, orbit: Orbit | None = None, settings: RadialSettings = SHIPPED_SETTINGS
) -> Field:
    """Occupancy logits on every voxel of ``lattice``, slab by slab: signed distance to the nearer surface, over 0.5 mm; and,
    where the ``vault`` knows its spread, that and the Dice coefficient it expects.

    Away from the hole the logits fall off, so that the field claims only what is missing and its rim.
    """
    y, z = np.meshgrid(np.arange(lattice.shape[1]), np.arange(lattice.shape[2]), indexing="ij")
    logits = np.empty(lattice.shape, np.float32)
    spreads = None if vault.outer_spread is None else np.empty(lattice.shape, np.float32)
    overlap = Overlap()
    for x in range(lattice.shape[0]):
        points = lattice.to_physical(np.stack([np.full_like(y, x), y, z], -1))
        depth, spread, beyond = depth_in_bone(vault, points, orbit)
        logits[x] = (depth - np.maximum(beyond - settings.rim, 0)) * settings.logit_per_mm
        if spreads is not None and spread is not None:
            spreads[x] = spread
            within = beyond == 0
            overlap += expected_overlap(depth[within], spread[within])
    if spreads is None:
        return Field(torch.from_numpy(logits), lattice, pose)
    facts = {"expected_dsc": overlap.dsc}
    return Field(torch.from_numpy(logits), lattice, pose, facts=facts, spread=torch.from_numpy(spreads))


def radial_completer(skull: Volume, model: RadialModel | None = None) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    Raises InputError where there is no bone or too little of the vault is in view.
    """
    model = model or shipped_model()
    defect = posed_defect(skull, model)
    return None if defect is None else radial_field(skull, defect, model)


def radial_field(
    skull: Volume, defect: Defect, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS
) -> Field:
    """The completed vault, and the orbits where the ``defect`` reaches them, as a field."""
    return completed_field(skull, defect, complete_vault(defect.rays, defect.hole, model, settings), model, settings)


def completed_field(
    skull: Volume, defect: Defect, vault: Vault, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS
) -> Field:
    """A completed ``vault`` around its ``defect`` as a field, with the orbits where it reaches them."""
    orbit = complete_orbit(skull, defect.pose, defect.rays.outer, defect.hole, model, settings.orbit)
    return vault_field(vault, hole_box(vault, canonical_lattice(FIELD_LEVEL)), defect.pose, orbit, settings)

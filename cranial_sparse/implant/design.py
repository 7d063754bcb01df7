"""The whole way from predicted bone to finished solids, one for each defect."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.carve import BESIDE, Site, carve, site_of
from cranial_sparse.implant.checks import FAITHFUL, Checks, Maps, at_most, check_solid
from cranial_sparse.implant.direction import Direction, coarse_points, find_direction, head_middle, mean_normal
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.features import engraved, fixed, over_bone, perforated
from cranial_sparse.implant.field import Field, lattice_along, volume_ml
from cranial_sparse.implant.halves import Piece, met, split
from cranial_sparse.implant.intersections import crossing_count
from cranial_sparse.implant.mesh import Mesh, implant_mesh
from cranial_sparse.implant.settings import ImplantConfig, InsertionConfig
from cranial_sparse.implant.solid import decimated, largest_shell, surface, voxels
from cranial_sparse.implant.surface import Patch, patch, thickened
from cranial_sparse.metrics.boxes import bounding_box, grow

NEAR = 8.0  # mm of skull around the implant that is meshed
MOST_INSIDE = 0.5  # share of an implant that may lie in bone before it is taken for another skull's


@dataclass(frozen=True, eq=False)
class Part:
    """One finished solid. ``field`` [X, Y, Z] on ``lattice`` is what ``mesh`` was made from; ``maps`` are per vertex."""

    mesh: Mesh
    field: Field
    lattice: Geometry
    checks: Checks
    maps: Maps


@dataclass(frozen=True, eq=False)
class Design:
    """All solids; ``volume``: their voxels on the patient's grid, bool; ``notes``: what the user should read."""

    parts: tuple[Part, ...]
    volume: Volume
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no check of any part failed."""
        return all(part.checks.passed for part in self.parts)


def design(skull: Volume, implant: Volume, config: ImplantConfig) -> Design:
    """Make printable solids of the missing bone ``implant`` in the defective ``skull``, both bool [X, Y, Z] on one grid.

    Raises InputError, saying what to do, where the grids differ, the implant is empty, lies in bone, touches none or is too
    small for the clearance, or a feature finds no room.
    """
    if implant.geometry != skull.geometry:
        raise InputError(
            f"implant and skull: expected one grid, got {_grid(implant.geometry)} and {_grid(skull.geometry)};"
            " resample one of them, or give the skull that the implant was made for"
        )
    notes: list[str] = []
    box = bounding_box(implant.array)
    if box is None:
        raise InputError("implant: expected missing bone, got an empty volume; is this the right file?")
    wanted, bone = implant.array[box], skull.array[box]  # whole scans take a tenth of a second for every look at them
    inside = int((wanted & bone).sum())
    if inside > MOST_INSIDE * int(wanted.sum()):
        share = 100 * inside / int(wanted.sum())
        raise InputError(f"implant: {share:.0f} % of it lies inside the skull's bone; is it from this skull?")
    if (overlap := inside * skull.geometry.voxel_volume / 1000) > 0.01:
        notes.append(f"The implant overlapped the skull by {overlap:.2f} ml; that was taken off first.")
    far = coarse_points(skull)
    start = np.array([side.start for side in box])
    parts: list[Part] = []
    refused: list[InputError] = []
    for points in defects(wanted & ~bone, config.refine.debris_ml, skull.geometry, notes):
        try:
            parts += _parts(skull, points + start, far, config, notes)
        except InputError as error:  # the others are no worse for it
            refused.append(error)
            middle = skull.geometry.to_physical((points + start).mean(0)).round().astype(int).tolist()
            size = len(points) * skull.geometry.voxel_volume / 1000
            notes.append(f"NOT MADE: the part of {size:.1f} ml around {tuple(middle)} LPS mm. {error}")
    if not parts:
        raise refused[0]
    if refused:
        left = at_most("parts that were not made", len(refused), "", 0)
        parts = [replace(part, checks=part.checks.and_also(left)) for part in parts]
    whole = np.zeros_like(skull.array)
    for part in parts:
        at, solid = voxels(part.field, part.lattice, skull.geometry)
        whole[at] |= solid & ~skull.array[at]
    return Design(tuple(parts), Volume(whole, skull.geometry), tuple(notes))


def defects(new: NDArray[np.bool_], debris_ml: float, geometry: Geometry, notes: list[str]) -> list[NDArray[np.int64]]:
    """The voxels [N, 3] of each connected part of ``new`` that is not debris, largest first. Raises InputError if none is."""
    labels, count = ndimage.label(new, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())[1:] * geometry.voxel_volume / 1000
    kept = [k for k in np.argsort(-sizes) if sizes[k] >= debris_ml]
    if not kept:
        raise InputError(
            f"implant: expected a part of at least {debris_ml:g} ml, the largest of {count} has {sizes.max():.2f} ml;"
            " lower refine.debris_ml to keep it"
        )
    if dropped := count - len(kept):
        small = sizes.sum() - sizes[kept].sum()
        notes.append(f"{dropped} parts smaller than {debris_ml:g} ml were left out, {small:.2f} ml in all.")
    return [np.argwhere(labels == k + 1) for k in kept]


def _parts(skull: Volume, implant: NDArray, far: NDArray, config: ImplantConfig, notes: list[str]) -> list[Part]:
    """The solid of one defect of voxels ``implant`` [N, 3], or two where it is split."""
    x, y, z = (slice(int(low), int(high) + 1) for low, high in zip(implant.min(0), implant.max(0), strict=True))
    reach = NEAR + over_bone(config.fixation)
    wide, deep, high = (int(np.ceil(reach / step)) for step in skull.geometry.spacing)
    near = grow((x, y, z), (wide, deep, high), skull.array.shape)
    start = (near[0].start, near[1].start, near[2].start)
    geometry = skull.geometry.crop(start, skull.array[near].shape)
    bone, new = Volume(skull.array[near], geometry), Volume(np.zeros(geometry.shape, bool), geometry)
    new.array[tuple((implant - start).T)] = True
    contact = geometry.to_physical(np.argwhere(new.array & ndimage.binary_dilation(bone.array)))
    if len(contact) == 0:
        gap = ndimage.distance_transform_edt(~bone.array, sampling=geometry.spacing) if bone.array.any() else None
        nearest = f"{gap[new.array].min():.1f} mm away" if gap is not None else f"more than {reach:g} mm away"
        raise InputError(f"implant: touches the skull nowhere, the nearest bone is {nearest}; is it from this skull?")
    points = coarse_points(new)
    middle = head_middle(far, points)
    with ThreadPoolExecutor(1) as beside:
        completed = beside.submit(patch, bone, new, config.refine)  # takes as long as the rest together
        pieces = _pieces(far, points, mean_normal(points, middle), config.insertion, notes)
        mesh = implant_mesh(bone)
        sites = [_site(mesh, points, way, config) for points, way, _ in pieces]
    parts = [
        _solid(completed.result(), mesh, middle, contact, far, site, plane, config, notes)
        for site, (_, _, plane) in zip(sites, pieces, strict=True)
    ]
    return _assembled(*parts) if len(parts) == 2 else parts


def _pieces(far: NDArray, points: NDArray, normal: NDArray, config: InsertionConfig, notes: list[str]) -> list[Piece]:
    """The missing bone ``points`` [N, 3] with the direction it goes in along, or its halves with theirs."""
    way = find_direction(far, points, normal, config.cone_deg)
    if way.lost <= config.most_lost:
        return [(points, way, None)]
    halves = split(far, points, normal, config.cone_deg)
    losses = " and ".join(f"{100 * half[1].lost:.2g} %" for half in halves)
    allowed = f"insertion.most_lost is {100 * config.most_lost:g} %"
    told = f"No direction lets it in without losing {100 * way.lost:.2g} % of its volume ({allowed})."
    if config.split:
        notes.append(f"{told} It was split in two, which lose {losses}; they go in in the order of their numbers.")
        return halves
    notes.append(f"{told} Split in two (insertion.split=true) the halves would lose {losses}.")
    return [(points, way, None)]


def _assembled(one: Part, two: Part) -> list[Part]:
    """Both halves in the order in which they go in, each with a check of what it meets of the other on its way."""
    first, second = min(((one, two), (two, one)), key=lambda order: met(order[1].mesh, order[0].mesh, order[1].lattice))
    count = met(second.mesh, first.mesh, second.lattice)
    return [
        replace(part, checks=part.checks.and_also(at_most("collisions with the half put in before it", found, "", 0)))
        for part, found in ((first, 0), (second, count))
    ]


def _site(bone: Mesh, points: NDArray, way: Direction, config: ImplantConfig) -> Site:
    margin = BESIDE + 2.5 + over_bone(config.fixation)
    lattice = lattice_along(points, np.array(way.outward), config.solid.voxel_mm, margin)
    return site_of(bone, points, lattice, config.fit)


def _solid(
    completed: Patch,
    bone: Mesh,
    middle: NDArray,
    contact: NDArray,
    far: NDArray,
    site: Site,
    plane: NDArray | None,
    config: ImplantConfig,
    notes: list[str],
) -> Part:
    fit, lattice = config.fit, site.lattice
    shape = thickened(completed.mesh, completed.implant, middle, fit.thickness_mm, fit.minimum_wall_mm, fit.inset_mm)
    carved = carve(shape, site, fit, plane)
    if not (carved.field < 0).any():
        raise InputError(
            f"fit.clearance_mm: nothing of the implant is left at {fit.clearance_mm:g} mm from the bone; choose a smaller one"
        )
    if fit.temporal_mm > 0 and not (carved.extra > 0).any():
        notes.append("fit.temporal_mm: this implant has no caudal temporal edge, so the gap is the same all around.")
    field, text = engraved(carved.field, lattice, config.engraving)
    fastened = fixed(replace(carved, field=field, text=text), shape, bone, config.fixation)
    taken = text | ~np.asarray((field < 0).any(axis=2))  # tabs get no holes but their own
    if fastened.tabs is not None:
        taken |= fastened.tabs
    field, holes = perforated(fastened.field, lattice, config.perforation, taken)
    if config.perforation.pattern != "none" and holes == 0:
        notes.append(
            f"perforation: no hole of {config.perforation.diameter_mm:g} mm has {config.perforation.margin_mm:g} mm of solid"
            " around it (perforation.margin_mm), so there is none."
        )
    finished = replace(fastened, field=field)
    full = largest_shell(surface(finished.field, lattice))
    mesh = uncrossed(full, config.solid.tolerance_mm)
    lost = {
        **carved.lost_ml,
        "features": volume_ml(carved.field, lattice.spacing[0]) - volume_ml(finished.field, lattice.spacing[0]),
    }
    checks, maps = check_solid(mesh, full, bone, shape, contact, far, replace(finished, lost_ml=lost), config)
    return Part(mesh, finished.field, lattice, checks, maps)


def uncrossed(full: Mesh, tolerance: float) -> Mesh:
    """``full`` decimated as far as ``tolerance`` mm allows without folding a thin edge over itself or losing a groove, if need
    be not at all.
    """
    for factor in (1, 0.5, 0.2):
        mesh = decimated(full, tolerance * factor)
        kept = Scene(mesh).distance(full.vertices[::5]).max() < FAITHFUL
        if kept and crossing_count(mesh.vertices, mesh.triangles) == 0:
            return mesh
    return full


def _grid(geometry: Geometry) -> str:
    size = f"{' × '.join(map(str, geometry.shape))} at {' × '.join(f'{s:.3g}' for s in geometry.spacing)} mm"
    return f"{size} from ({', '.join(f'{v:.4g}' for v in geometry.origin)})"

"""Perforations, fixation and an engraved identifier, cut into or joined to an implant's field."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.carve import Carved
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.field import Field, distance_field, flat_distance, swept
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.settings import EngravingConfig, FixationConfig, PerforationConfig

ABOVE_BONE = 0.2  # mm between a tab and the bone below it
INTO = 4.0  # mm that a tab reaches over the implant
ROOT = 1.5  # mm that it goes into it
BOLDER = 0.2  # mm that a letter's strokes are wider than the font's to every side, so that they print


def perforated(
    field: Field, lattice: Geometry, config: PerforationConfig, taken: NDArray[np.bool_] | None = None
) -> tuple[Field, int]:
    """``field`` with round holes along the last axis in a regular pattern, none nearer than the margin to the rim or to what is
    ``taken`` (bool [X, Y]), and how many there was room for.
    """
    if config.pattern == "none":
        return field, 0
    voxel = lattice.spacing[0]
    room = np.asarray((field < 0).any(axis=2))
    if taken is not None:
        room = room & ~taken
    clear = ndimage.distance_transform_edt(np.pad(room, 1))[1:-1, 1:-1] * voxel
    middles = [
        p
        for p in _pattern(clear.shape, config.pitch_mm / voxel, config.pattern)
        if clear[tuple(np.rint(p).astype(int))] >= config.margin_mm + config.diameter_mm / 2
    ]
    return drilled(field, lattice, np.reshape(middles, (-1, 2)), config.diameter_mm), len(middles)


def drilled(field: Field, lattice: Geometry, middles: NDArray, diameter: float) -> Field:
    """``field`` [X, Y, Z] with round holes of ``diameter`` mm along the last axis at ``middles`` [N, 2], in voxels."""
    if len(middles) == 0:
        return field
    voxel = lattice.spacing[0]
    x, y = np.ogrid[: field.shape[0], : field.shape[1]]
    nearest = np.full(field.shape[:2], np.inf)
    for a, b in middles:
        nearest = np.minimum(nearest, np.hypot(x - a, y - b))
    wall = np.clip(diameter / 2 - nearest * voxel, -2 * voxel, 2 * voxel).astype(np.float32)
    return np.maximum(field, wall[:, :, None])


def _pattern(shape: tuple[int, ...], pitch: float, pattern: str) -> NDArray[np.float64]:
    """Points [N, 2] in voxels ``pitch`` apart inside ``shape``, around its middle."""
    rise = pitch * (np.sqrt(3) / 2 if pattern == "hexagonal" else 1.0)
    rows, columns = (int(n / step) + 2 for n, step in zip(shape, (rise, pitch), strict=True))
    i, j = np.meshgrid(np.arange(-rows, rows + 1), np.arange(-columns, columns + 1), indexing="ij")
    shift = (i % 2) / 2 if pattern == "hexagonal" else 0.0
    points = np.column_stack([(i * rise).ravel(), ((j + shift) * pitch).ravel()]) + np.array(shape) / 2
    return points[((points >= 0) & (points <= np.array(shape) - 1)).all(axis=1)]


def over_bone(config: FixationConfig) -> float:
    """How far tabs reach over the bone, mm."""
    return config.length_mm if config.kind == "tabs" else 0.0


def fixed(carved: Carved, patch: Mesh, bone: Mesh, config: FixationConfig) -> Carved:
    """The implant with tabs over the ``bone``, or screw holes, at places along the rim.

    Places given in the config go to the point of the rim that is closest along the direction of insertion; else ``count`` of
    them are spread evenly along the outline. Raises InputError where there is no room for them.
    """
    if config.kind == "none" or (config.count == 0 and not config.places):
        return carved
    field, lattice, voxel = carved.field, carved.lattice, carved.lattice.spacing[0]
    footprint = np.asarray((field < 0).any(axis=2))
    depth = flat_distance(footprint, voxel, 1e9)  # negative inside
    outline = _outline(footprint)
    if config.places:
        wanted = lattice.to_index(np.array(config.places))[:, :2]
        places = outline[np.linalg.norm(outline[None] - wanted[:, None], axis=2).argmin(axis=1)]
    else:
        places = outline[(np.arange(config.count) * len(outline) / config.count).astype(int)]
    gradient = np.stack(np.gradient(ndimage.gaussian_filter(depth, 3.0)), axis=-1)
    outward = gradient[tuple(np.rint(places).astype(int).T)]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    if config.kind == "screws":
        middles = places - outward * config.margin_mm / voxel
        room = -depth[tuple(np.clip(np.rint(middles).astype(int), 0, np.array(depth.shape) - 1).T)]
        if (room < config.hole_mm).any():
            raise InputError(
                f"fixation: {int((room < config.hole_mm).sum())} of {len(places)} screw holes {config.margin_mm:g} mm from the"
                " rim do not fit into the implant; give other places or a smaller margin"
            )
        return replace(carved, field=drilled(field, lattice, middles, config.hole_mm))
    start, end = places - outward * INTO / voxel, places + outward * (config.length_mm - config.width_mm / 2) / voxel
    flat = _capsules(depth.shape, start, end, config.width_mm / 2, voxel)
    tab = _tab(carved, patch, bone, flat, footprint, config.thickness_mm)
    return replace(carved, field=drilled(np.minimum(field, tab), lattice, end, config.hole_mm), tabs=flat < voxel)


def _tab(carved: Carved, patch: Mesh, bone: Mesh, flat: Field, footprint: NDArray[np.bool_], thickness: float) -> Field:
    """A plate over the patch's outer surface where ``flat`` is negative, rooted in the implant, lifted off the bone on its way
    out too; ``thickness`` mm above the surface.
    """
    lattice, voxel = carved.lattice, carved.lattice.spacing[0]
    where = (flat < 2 * voxel)[:, :, None]
    above = distance_field(patch, Scene(patch), lattice, int(np.ceil(max(thickness, ROOT) / voxel)) + 1, where)
    off = swept(distance_field(bone, Scene(bone), lattice, 2, where))
    top = above.shape[2] - 1 - np.argmax((above < 0)[:, :, ::-1], axis=2)
    outer = np.arange(above.shape[2]) >= (top - int(np.ceil((ROOT + 1) / voxel)))[:, :, None]
    floor = np.where(footprint, -ROOT, 0)[:, :, None]
    plate = np.maximum(np.maximum(above - thickness, floor - above), np.maximum(flat[:, :, None], ABOVE_BONE - off))
    there = outer & where & np.asarray((above < 0).any(axis=2))[:, :, None]
    return np.where(there, plate, np.float32(2 * voxel)).astype(np.float32)


def _capsules(shape: tuple[int, ...], start: NDArray, end: NDArray, radius: float, voxel: float) -> Field:
    """Flat signed distance [X, Y] mm to strips with round ends from ``start`` to ``end`` [N, 2], in voxels."""
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    nearest = np.full(shape, np.inf)
    for a, b in zip(start, end, strict=True):
        along = b - a
        share = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / (along @ along), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1]))
    return (nearest * voxel - radius).astype(np.float32)


def _outline(footprint: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The longest outline of ``footprint`` as points [N, 2], evenly spaced."""
    from skimage.measure import find_contours

    lines = find_contours(np.pad(ndimage.gaussian_filter(footprint.astype(float), 1.5), 1), 0.5)
    line = max(lines, key=len) - 1
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, length[-1], max(8, int(length[-1])), endpoint=False)
    return np.clip(
        np.column_stack([np.interp(at, length, line[:, k]) for k in range(2)]), 0, np.array(footprint.shape) - 1
    )


def engraved(field: Field, lattice: Geometry, config: EngravingConfig) -> tuple[Field, NDArray[np.bool_]]:
    """``field`` with the text cut in where the footprint is widest, readable from the side it is on, and its box [X, Y].

    Raises InputError where the text does not fit, is deeper than half the wall there, or has what cannot be engraved.
    """
    taken = np.zeros(field.shape[:2], bool)
    if not config.text:
        return field, taken
    _check_letters(config.text)
    voxel = lattice.spacing[0]
    letters = _letters(config.text, config.height_mm / voxel)
    upward = field if config.side == "outer" else field[:, :, ::-1]
    if config.side == "inner":
        letters = letters[::-1]  # seen from below
    solid = field < 0
    footprint = np.asarray(solid.any(axis=2))
    room = ndimage.distance_transform_edt(np.pad(footprint, 1))[1:-1, 1:-1]
    middle = np.array(np.unravel_index(int(room.argmax()), room.shape))
    corner = middle - np.array(letters.shape) // 2
    box = tuple(slice(max(0, int(c)), max(0, int(c) + n)) for c, n in zip(corner, letters.shape, strict=True))
    fits = footprint[box].shape == letters.shape and bool(footprint[box][letters].all())
    if not fits or solid.sum(axis=2)[box][letters].min() * voxel < 2 * config.depth_mm:
        raise InputError(
            f"engraving.text: '{config.text}' at {config.height_mm:g} mm does not fit on this implant; shorten it, or choose a"
            " smaller height or depth"
        )
    taken[box] = True
    flat = np.full(footprint.shape, 2 * voxel, np.float32)
    flat[box] = flat_distance(letters, voxel, 2 * voxel) - BOLDER
    depth = (_top(upward) - np.arange(field.shape[2])[None, None, :]) * voxel
    groove = np.maximum(flat[:, :, None], depth - config.depth_mm)
    cut = np.maximum(upward, -groove)
    return np.ascontiguousarray(cut if config.side == "outer" else cut[:, :, ::-1], np.float32), taken


def _top(field: Field) -> NDArray[np.float64]:
    """Height [X, Y, 1] in voxels of the highest zero of a field, between voxels; 0 where it has none."""
    solid = field < 0
    top = field.shape[2] - 1 - np.argmax(solid[:, :, ::-1], axis=2)
    above = np.minimum(top + 1, field.shape[2] - 1)
    inner, outer = (np.take_along_axis(field, at[:, :, None], axis=2) for at in (top, above))
    height = top[:, :, None] + inner / np.minimum(inner - outer, -1e-6)
    return np.where(np.asarray(solid.any(axis=2))[:, :, None], height, 0.0)


def _check_letters(text: str) -> None:
    """A character that the font lacks would come out as a box, and as the same box as any other."""
    from PIL import ImageFont

    font = ImageFont.load_default(size=32)

    def drawn(character: str) -> bytes:
        return bytes(font.getmask(character))

    missing = drawn("\ue000")  # of private use: no font that is not made for it has one
    lacking = [c for c in dict.fromkeys(text) if not c.isprintable() or (drawn(c) == missing and c != " ")]
    if lacking:
        named = ", ".join(repr(c) for c in lacking)
        raise InputError(f"engraving.text: expected characters that can be engraved, got {named}; use A-Z, a-z and 0-9")
    if not text.strip():
        raise InputError(
            "engraving.text: expected characters to engrave, got spaces alone; give none to engrave nothing"
        )


def _letters(text: str, height: float) -> NDArray[np.bool_]:
    """A mask [X, Y] of ``text``, its capitals ``height`` voxels high, x along the line and y up."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=4 * height / 0.7)  # capitals have 0.7 of it; drawn large, then reduced
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    picture = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(picture).text((4 - left, 4 - top), text, fill=255, font=font)
    small = picture.resize((max(1, picture.width // 4), max(1, picture.height // 4)), Image.Resampling.BOX)
    return np.asarray(small).T[:, ::-1] > 96

"""Axial, coronal and sagittal pictures of skull and implant, as radiologists hold them.

The planes follow the scan's own axes, each named after the anatomical axis it is closest to; nothing is resampled.
Patient right is on the left of axial and coronal pictures, anterior on the left of sagittal ones, superior on top.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.geometry import Geometry, Plane, Volume
from cranial_sparse.metrics.boxes import Box, bounding_box, grow, joint_box, whole
from cranial_sparse.report.png import encode_png

COUNT = 15  # pictures per plane
LEVELS = 8  # shades of each edge
GROUND, BONE, IMPLANT, OUTLINE, LINE = (
    np.array(c, float) for c in ((16, 20, 26), (205, 208, 211), (214, 110, 40), (255, 190, 120), (90, 200, 230))
)
MARGIN = 12  # mm of air kept around the head


@dataclass(frozen=True)
class Picture:
    """One slice: PNG bytes, the patient coordinate of its plane, mm, and where that is in the box shown, from 0 to 1."""

    png: bytes
    position: float
    share: float


@dataclass(frozen=True)
class View:
    """The pictures of one plane. ``letters`` name the left, right, upper and lower edge; ``size`` is in mm.

    ``axes``: which of L, P, S (0, 1, 2) is its normal, runs along its columns and along its rows; S runs up.
    """

    name: str
    axis: str
    axes: tuple[int, int, int]
    letters: str
    size: tuple[float, float]
    pictures: tuple[Picture, ...]


# Plane, letter of its normal's axis, normal, columns, rows (axes of an L, P, S ordered array), edge letters.
PLANES = (
    ("Axial", "S", 2, 0, 1, "RLAP"),
    ("Coronal", "P", 1, 0, 2, "RLSI"),
    ("Sagittal", "L", 0, 1, 2, "APSI"),
)


def slice_views(skull: Volume, implant: Volume, plane: Plane | None = None, count: int = COUNT) -> tuple[View, ...]:
    """``count`` pictures per plane, spread over the implant, or over the skull where there is no implant.

    Both volumes are bool [X, Y, Z] on one grid; a ``plane`` of symmetry is a line in those that cross it.
    """
    order, signs = anatomical_axes(skull.geometry)
    spacing = skull.geometry.spacing
    frame, focus = _frame(skull, implant)
    arrays = [to_lps(v.array[frame], order, signs) for v in (skull, implant)]
    if plane is not None:
        arrays.append(to_lps(on_plane(plane, skull.geometry, frame), order, signs))
    steps = [spacing[axis] for axis in order]
    views = []
    for name, axis, normal, columns, rows, letters in PLANES:
        source = order[normal]  # the array axis that the plane cuts
        indices = _spread(focus[source], count)
        pictures = []
        for index in indices if signs[normal] > 0 else indices[::-1]:
            place = index - frame[source].start
            place = place if signs[normal] > 0 else arrays[0].shape[normal] - 1 - place
            cut = (slice(None),) * normal + (place,)
            # Axes left after the cut keep their order, columns first: turn to [rows, columns], superior on top.
            shown = arrays if plane is None or normal != np.argmax(np.abs(plane.normal)) else arrays[:2]
            flat = [a[cut].T[::-1] if rows == 2 else a[cut].T for a in shown]
            centre = [(side.start + side.stop - 1) / 2 for side in focus]
            centre[source] = index
            position = skull.geometry.to_physical(np.array(centre))[normal]
            pictures.append(
                Picture(encode_png(paint(*flat), palette()), float(position), (place + 0.5) / arrays[0].shape[normal])
            )
        size = (arrays[0].shape[columns] * steps[columns], arrays[0].shape[rows] * steps[rows])
        views.append(View(name, axis, (normal, columns, rows), letters, size, tuple(pictures)))
    return tuple(views)


def anatomical_axes(geometry: Geometry) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """For L, P and S: which array axis is closest to it, and whether that axis runs along (1) or against it (-1)."""
    cosines = geometry.matrix / np.linalg.norm(geometry.matrix, axis=0)
    order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[row, axis]) for row, axis in enumerate(p)))
    signs = [1 if cosines[row, axis] > 0 else -1 for row, axis in enumerate(order)]
    return (order[0], order[1], order[2]), (signs[0], signs[1], signs[2])


def to_lps(array: NDArray, order: tuple[int, int, int], signs: tuple[int, int, int]) -> NDArray:
    """A view of ``array`` with axes to the patient's left, posterior and superior; copies nothing."""
    return array.transpose(order)[tuple(slice(None, None, s) for s in signs)]


def on_plane(plane: Plane, geometry: Geometry, box: Box) -> NDArray[np.bool_]:
    """The voxels of ``box`` that ``plane`` runs through: within half a voxel of it along some axis."""
    slope = geometry.matrix.T @ plane.normal  # mm off the plane per voxel
    start = np.asarray(geometry.origin) - plane.point + geometry.matrix @ [side.start for side in box]
    ramps = np.ogrid[tuple(slice(side.stop - side.start) for side in box)]
    off = sum(np.float32(s) * ramp.astype(np.float32) for s, ramp in zip(slope, ramps, strict=True))
    return np.abs(off + np.float32(np.dot(plane.normal, start))) <= np.abs(slope).max() / 2


def paint(
    bone: NDArray[np.bool_], implant: NDArray[np.bool_], line: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """Palette indices [H, W] of one slice: soft edges for both, a line around the implant, and where ``line`` is set."""
    shade = [np.rint(ndimage.gaussian_filter(m.astype(np.float32), 0.6) * (LEVELS - 1)) for m in (bone, implant)]
    indices = (shade[1] * LEVELS + shade[0]).astype(np.uint8)
    if line is not None:
        indices[line] = LEVELS**2 + 1
    indices[implant & ~ndimage.binary_erosion(implant)] = LEVELS**2
    return indices


def palette() -> NDArray[np.uint8]:
    """RGB [LEVELS² + 2, 3]: bone shade fastest, implant shade over it, then the outline and the line."""
    colours = []
    for over in np.linspace(0, 1, LEVELS):
        for under in np.linspace(0, 1, LEVELS):
            below = GROUND + under * (BONE - GROUND)
            colours.append(below + over * (IMPLANT - below))
    return np.rint([*colours, OUTLINE, LINE]).astype(np.uint8)


def _frame(skull: Volume, implant: Volume) -> tuple[Box, Box]:
    """The box every picture shows (the head and some air) and the box the pictures are spread over."""
    head = joint_box(skull.array, implant.array) or whole(skull.array)
    x, y, z = (int(np.ceil(MARGIN / step)) for step in skull.geometry.spacing)
    return grow(head, (x, y, z), skull.array.shape), bounding_box(implant.array) or head


def _spread(side: slice, count: int) -> list[int]:
    """Up to ``count`` different indices, evenly over ``side`` and off its very ends."""
    positions = np.linspace(side.start, side.stop - 1, count + 2)[1:-1]
    return [int(i) for i in np.unique(np.rint(positions))]

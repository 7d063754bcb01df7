"""Shaded pictures of a skull and an implant, drawn from the volume itself; no display, no mesh."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from cranial_sparse.metrics.boxes import bounding_box
from cranial_sparse.report.surfaces import block_mean

View = Literal["front", "side", "top"]
# Axes of the picture's columns, rows and of the line of sight, each with the sign in which it runs, for an array whose
# axes run to the patient's left, posterior and superior.
VIEWS: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "front": ((0, 1), (2, -1), (1, 1)),
    "side": ((1, 1), (2, -1), (0, -1)),
    "top": ((0, -1), (1, 1), (2, -1)),
}
PIXEL = 0.9  # mm
BONE, IMPLANT, GROUND = (np.array(c) for c in ((0.95, 0.91, 0.83), (0.86, 0.40, 0.16), (1.0, 1.0, 1.0)))
LIGHT = np.array([-0.45, -0.55, 0.70])  # right, down, towards the eye: from the upper left


def shaded(
    occupancy: NDArray[np.bool_],
    view: View,
    implant: NDArray[np.bool_] | None = None,
    spacing: tuple[float, float, float] = (0.45, 0.45, 0.45),
) -> NDArray[np.uint8]:
    """RGB [H, W, 3] of ``occupancy`` [X, Y, Z] (axes to left, posterior, superior; ``spacing`` in mm), orthographic.

    ``front`` looks at the face, ``side`` at the left side with the face to the left, ``top`` from above with the face
    up. ``implant`` [X, Y, Z] is drawn in orange together with the skull. A pixel is 0.9 mm. Light falls from the upper
    left; hollows darken with their depth below their surroundings.
    """
    field = _field(occupancy if implant is None else occupancy | implant, view, spacing)
    field = gaussian_filter(field, 0.6).astype(np.float32, copy=False)
    depth = _first_crossing(field)
    hit = np.isfinite(depth)
    rows, columns = np.indices(depth.shape)
    surface = np.stack([columns, rows, np.where(hit, depth, 0)]).astype(np.float32)
    normal = np.stack([map_coordinates(g, surface, order=1) for g in np.gradient(gaussian_filter(field, 1.1))])
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    # Occupancy rises into the bone and depth runs away from the eye, so the outward normal is minus the gradient.
    light = LIGHT / np.linalg.norm(LIGHT) * (-1, -1, 1)
    lambert = np.clip(np.tensordot(light, normal, 1), 0, 1)
    glow = (0.30 + 0.70 * lambert) * _ambient(depth, hit)
    colour = np.broadcast_to(BONE, (*depth.shape, 3))
    if implant is not None:
        behind = np.stack([columns, rows, surface[2] + 0.5])
        share = map_coordinates(_field(implant, view, spacing), behind, order=1)
        colour = np.where(share[..., None] > 0.3, IMPLANT, colour)
    picture = np.where(hit[..., None], colour * glow[..., None], GROUND)
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _field(mask: NDArray[np.bool_], view: View, spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Share of bone [columns, rows, depth] on a lattice of PIXEL mm, the eye at depth zero."""
    nx, ny, nz = (max(1, round(PIXEL / step)) for step in spacing)
    field = np.zeros([-(-size // n) for size, n in zip(mask.shape, (nx, ny, nz), strict=True)], np.float32)
    box = bounding_box(mask)
    if box is not None:  # most of a scan is air: only blocks with bone are counted
        blocks = [slice(s.start // n, -(-s.stop // n)) for s, n in zip(box, (nx, ny, nz), strict=True)]
        voxels = (slice(b.start * n, b.stop * n) for b, n in zip(blocks, (nx, ny, nz), strict=True))
        field[tuple(blocks)] = block_mean(mask[tuple(voxels)], (nx, ny, nz))
    scale = [step * n / PIXEL for step, n in zip(spacing, (nx, ny, nz), strict=True)]
    if not np.allclose(scale, 1, atol=1e-3):
        field = np.asarray(zoom(field, scale, order=1))
    axes = VIEWS[view]
    return field.transpose([axis for axis, _ in axes])[tuple(slice(None, None, sign) for _, sign in axes)]


def _first_crossing(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth [rows, columns], between voxels, where each line of sight first meets one half; inf where it never does."""
    solid = field >= 0.5
    first = solid.argmax(axis=2)
    column, row = np.indices(first.shape)
    here, before = field[column, row, first], field[column, row, np.maximum(first - 1, 0)]
    depth = first - np.clip((here - 0.5) / np.maximum(here - before, 1e-6), 0, 1)
    return np.where(solid.any(axis=2), depth, np.inf).astype(np.float32).T


def _ambient(depth: NDArray[np.float32], hit: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of the sky [rows, columns] a point sees, guessed from how far it lies behind its surroundings."""
    share = np.ones_like(depth)
    weight = hit.astype(np.float32)
    for radius, strength in ((3.0, 0.9), (10.0, 0.8)):
        around = gaussian_filter(np.where(hit, depth, 0), radius) / np.maximum(gaussian_filter(weight, radius), 1e-3)
        share /= 1 + strength * np.clip(depth - around, 0, 4 * radius, where=hit, out=np.zeros_like(depth)) / (
            2 * radius
        )
    return share

"""One table of the patient's bone as landmarks see it: a radius along every direction, and where it is known."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from cranial_sparse.classical.maps import directions, look_up, to_pixel

SMOOTHED = 2.0  # pixels, about 4 mm: over which the normal of a rough surface is taken


def along(radius: NDArray, points: NDArray) -> NDArray[np.float64]:
    """``points`` [..., 3] (mm) moved along their rays to the surface of ``radius`` [P, P] (mm)."""
    unit = points / np.linalg.norm(points, axis=-1, keepdims=True)
    return unit * look_up(radius, to_pixel(unit))[..., None]


def filled(radius: NDArray, known: NDArray) -> NDArray[np.float64]:
    """``radius`` [P, P] where ``known`` [P, P], the nearest known one elsewhere."""
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return radius[tuple(nearest)]


@dataclass(frozen=True, eq=False)
class Surface:
    """``radius`` [P, P] in mm, something everywhere, and the pixels [P, P] where it was ``known`` from the scan."""

    radius: NDArray[np.float64]
    known: NDArray[np.bool_]

    def sees(self, points: NDArray) -> NDArray[np.bool_]:
        """Whether each of ``points`` [N, 3] lies on rays whose four nearest pixels are all known."""
        unit = points / np.linalg.norm(points, axis=-1, keepdims=True)
        pixel = to_pixel(unit)
        inside = ((pixel >= 0) & (pixel <= len(self.known) - 1)).all(-1)
        return inside & (look_up(self.known.astype(np.float64), pixel) > 0.999)

    def tangents(self, points: NDArray) -> NDArray[np.float64]:
        """Two orthonormal directions [N, 2, 3] in the surface at ``points`` [N, 3]."""
        unit = points / np.linalg.norm(points, axis=-1, keepdims=True)
        normal = np.stack([look_up(part, to_pixel(unit)) for part in self._normals], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        helper = np.eye(3)[np.abs(normal).argmin(-1)]
        first = np.cross(normal, helper)
        first /= np.linalg.norm(first, axis=-1, keepdims=True)
        return np.stack([first, np.cross(normal, first)], axis=1)

    @cached_property
    def _normals(self) -> list[NDArray[np.float64]]:
        points = directions()[0] * gaussian_filter(self.radius, SMOOTHED)[..., None]
        normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        return list(np.moveaxis(normals, -1, 0))

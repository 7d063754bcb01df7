"""Where voxels are: index (i, j, k) of an array [X, Y, Z] to LPS millimetres, exactly as the file says.

Everywhere in this package a volume is an array ``[X, Y, Z]`` whose index order is the file's own axis order
(the first axis is the one NRRD and NIfTI store fastest), and space is LPS: x to the patient's left, y to the
posterior, z to the superior, in mm.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Geometry:
    """A voxel lattice: ``shape`` voxels of ``spacing`` mm, centre of voxel (0, 0, 0) at ``origin`` (LPS, mm).

    ``direction`` is a row-major 3×3 matrix whose columns are the unit directions of the array's axes. It may be
    oblique, flipped, or (after shearing by gantry tilt) not orthogonal.

    Raises ValueError where spacing is not positive or the matrix is singular.
    """

    shape: tuple[int, int, int]
    spacing: Triple
    origin: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY

    def __post_init__(self) -> None:
        if min(self.spacing) <= 0 or not np.isfinite(self.spacing).all():
            raise ValueError(f"spacing: expected three positive lengths in mm, got {self.spacing}")
        if len(self.direction) != 9 or abs(np.linalg.det(self.matrix)) < 1e-9 * np.prod(self.spacing):
            raise ValueError(f"direction: expected an invertible row-major 3x3 matrix, got {self.direction}")

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """[3, 3] columns are one voxel's step along each axis, in mm."""
        return np.reshape(self.direction, (3, 3)).astype(np.float64) * np.asarray(self.spacing)

    @cached_property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm³."""
        return float(abs(np.linalg.det(self.matrix)))

    def to_physical(self, index: NDArray) -> NDArray[np.float64]:
        """Voxel indices [..., 3], integer or fractional, to LPS mm [..., 3]."""
        return np.asarray(index) @ self.matrix.T + self.origin

    def to_index(self, points: NDArray) -> NDArray[np.float64]:
        """LPS mm [..., 3] to fractional voxel indices [..., 3]."""
        return (np.asarray(points) - self.origin) @ np.linalg.inv(self.matrix).T

    def crop(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> "Geometry":
        """The lattice of ``array[start : start + shape]``."""
        origin = self.to_physical(np.asarray(start))
        return Geometry(shape, self.spacing, (float(origin[0]), float(origin[1]), float(origin[2])), self.direction)


@dataclass(frozen=True)
class Plane:
    """All points x with ``normal · (x - point) = 0``; LPS, mm, the normal of unit length."""

    point: Triple
    normal: Triple


@dataclass(frozen=True, eq=False)
class Volume:
    """An array [X, Y, Z] and where it is."""

    array: NDArray
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise ValueError(f"volume: array is {self.array.shape} but its geometry says {self.geometry.shape}")


def c_ordered(array: NDArray) -> NDArray:
    """An array [X, Y, Z] with its last axis contiguous: itself, or a copy made plane by plane, which for one in the order
    of files takes a tenth of the time that NumPy needs to walk across memory."""
    if array.flags.c_contiguous:
        return array
    copy = np.empty(array.shape, array.dtype)
    for y in range(array.shape[1]):
        copy[:, y] = np.ascontiguousarray(array[:, y].T).T
    return copy

"""Solids as implicit functions of points in the vault's frame: millimetres to the border, negative inside.

Values are true distances or a close stand-in near the border. ``scaled`` grows a shape about its own anchor; ``ball``
is a sphere that holds it, (centre, radius), so that most voxels of a scan are dismissed at once.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ball = tuple[NDArray[np.float64], float]
FILLET = 6.0  # mm, rounding where spheres meet


@dataclass(frozen=True, eq=False)
class Blob:
    """Spheres grown together: ``centres`` [K, 3], ``radii`` [K]. The first centre is the anchor."""

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]

    def __call__(self, local: NDArray) -> NDArray:
        nearness = np.zeros(len(local), local.dtype)
        for centre, radius in zip(self.centres.astype(local.dtype), self.radii, strict=True):
            away = np.linalg.norm(local - centre, axis=1) - radius
            nearness += np.exp(np.minimum(-away / FILLET, 30))
        return -FILLET * np.log(np.maximum(nearness, 1e-30))

    def scaled(self, factor: float) -> "Blob":
        anchor = self.centres[0]
        return Blob(anchor + factor * (self.centres - anchor), self.radii * factor)

    @property
    def ball(self) -> Ball:
        reach = np.linalg.norm(self.centres - self.centres[0], axis=1) + self.radii
        return self.centres[0], float(reach.max()) + FILLET * np.log(len(self.radii))


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """Semi-axes ``radii`` [3], mm, along the rows of ``axes`` [3, 3]."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    radii: NDArray[np.float64]

    def __call__(self, local: NDArray) -> NDArray:
        offset = (local - self.centre.astype(local.dtype)) @ self.axes.T.astype(local.dtype)
        size = self.radii.astype(local.dtype)
        inside = np.linalg.norm(offset / size, axis=1)
        # First-order distance; below half way to the centre its gradient fades and the value no longer matters.
        return (inside - 1) * inside / np.maximum(np.linalg.norm(offset / size**2, axis=1), 1e-6)

    def scaled(self, factor: float) -> "Ellipsoid":
        return replace(self, radii=self.radii * factor)

    @property
    def ball(self) -> Ball:
        return self.centre, float(self.radii.max())


@dataclass(frozen=True, eq=False)
class Prism:
    """A rounded rectangle in the plane of ``axes[0]`` and ``axes[1]``, cut through along ``axes[2]`` [3, 3].

    ``half`` [2] are half widths, ``corner`` the rounding radius, ``bosses`` the radius of a cylinder standing on each
    corner (0: none). With ``half`` equal to ``corner`` it is a cylinder. ``depth`` bounds it to both sides.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    half: NDArray[np.float64]
    corner: float
    depth: float
    bosses: float = 0.0

    def __call__(self, local: NDArray) -> NDArray:
        offset = np.abs((local - self.centre.astype(local.dtype)) @ self.axes.T.astype(local.dtype))
        half = self.half.astype(local.dtype)
        over = offset[:, :2] - (half - self.corner)
        plan = np.linalg.norm(np.maximum(over, 0), axis=1) + np.minimum(over.max(axis=1), 0) - self.corner
        if self.bosses:
            plan = np.minimum(plan, np.linalg.norm(offset[:, :2] - half, axis=1) - self.bosses)
        return np.maximum(plan, offset[:, 2] - self.depth)

    def scaled(self, factor: float) -> "Prism":
        return replace(self, half=self.half * factor, corner=self.corner * factor)

    @property
    def ball(self) -> Ball:
        return self.centre, float(np.hypot(np.hypot(*self.half) + self.bosses, self.depth))


@dataclass(frozen=True, eq=False)
class Flap:
    """A bone flap sawn out between burr holes, its wall everywhere along the local normal.

    Points are mapped to the plane that keeps distance and bearing from the flap's middle along the vault: ``axes``
    [3, 3] rows are the two directions of that plane and the outward radius, ``radius`` the vault's radius there.
    ``outline`` [K] is the saw line's distance, mm, at K even bearings; ``holes`` [H, 2] are the burr holes' centres in
    the plane, ``bore`` their radius.
    """

    axes: NDArray[np.float64]
    radius: float
    outline: NDArray[np.float64]
    holes: NDArray[np.float64]
    bore: float

    def __call__(self, local: NDArray) -> NDArray:
        offset = local @ self.axes.T.astype(local.dtype)
        across = np.hypot(offset[:, 0], offset[:, 1])
        distance = self.radius * np.arctan2(across, offset[:, 2])  # mm along the vault
        bearing = np.arctan2(offset[:, 1], offset[:, 0]) / (2 * np.pi) % 1 * len(self.outline)
        slot = bearing.astype(int)
        ring = np.append(self.outline, self.outline[:2]).astype(local.dtype)
        saw = ring[slot] + (ring[slot + 1] - ring[slot]) * (bearing - slot).astype(local.dtype)
        value = distance - saw
        unit = offset[:, :2] / np.maximum(across, 1e-3)[:, None]
        for hole in self.holes.astype(local.dtype):
            value = np.minimum(value, np.linalg.norm(unit * distance[:, None] - hole, axis=1) - self.bore)
        return value

    def scaled(self, factor: float) -> "Flap":
        return replace(self, outline=self.outline * factor, holes=self.holes * factor)

    @property
    def ball(self) -> Ball:
        # The chord is shorter than the arc; the margin covers where the vault is wider than at the flap's middle.
        reach = max(self.outline.max(), np.linalg.norm(self.holes, axis=1).max(initial=0) + self.bore)
        return self.axes[2] * self.radius, float(1.3 * reach + 30)


Shape = Blob | Ellipsoid | Prism | Flap

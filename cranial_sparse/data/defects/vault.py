"""The cranial vault in its own frame: a centre, the head's horizontal, and a smooth outer surface.

Defects are placed and bounded in this frame, so that they lie on the vault, go through its whole thickness and leave
skull base, face and the far side alone. Everything is in the millimetres of the points it was fitted to: LPS of the
scan or a canonical frame, as long as +x is left, +y posterior and +z superior to within some 25 degrees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError

CENTRE_DEPTH = 75.0  # mm below the vertex: about the middle of the braincase
RIM_HEIGHT = -20.0  # mm, local z of the upper orbital rims: this fixes the head's pitch, and the vault ends here
SHELL = (-9.0, 24.0)  # mm below the outer surface that count as vault bone; leaves headbands and skull base apart
ORDER = 6  # of the surface's spherical harmonics: within 2-3 mm of a vault, blind to sutures and fixtures
MIN_POINTS = 2000
CHUNK = 65536  # points per pass, so that the basis stays in cache

_EXPONENTS = np.array([(i, j, n - i - j) for n in (ORDER, ORDER - 1) for i in range(n + 1) for j in range(n + 1 - i)])


@dataclass(frozen=True, eq=False)
class Vault:
    """The frame of one skull, in mm.

    ``centre`` [3] lies 75 mm below the vertex in the middle of the head. The rows of ``rotation`` [3, 3] are the
    head's left, posterior and superior directions. ``surface`` [49] is the outer radius as spherical harmonics of
    the local direction; ``forehead`` is the local y of the brow above the orbits.
    """

    centre: NDArray[np.float64]
    rotation: NDArray[np.float64]
    surface: NDArray[np.float64]
    forehead: float

    def to_local(self, points: NDArray) -> NDArray[np.float32]:
        """Points [N, 3] in the head's own axes, mm from the centre."""
        return (points - self.centre.astype(points.dtype)).astype(np.float32) @ self.rotation.T.astype(np.float32)

    def to_points(self, local: NDArray) -> NDArray[np.float64]:
        """The inverse of ``to_local``."""
        return np.asarray(local, np.float64) @ self.rotation + self.centre

    def radius(self, directions: NDArray) -> NDArray:
        """Outer radius, mm [N], along local unit vectors [N, 3]."""
        return _harmonics(directions) @ self.surface.astype(directions.dtype)

    def surface_point(self, azimuth: float, elevation: float) -> NDArray[np.float64]:
        """Local surface point [3] at angles in degrees: azimuth 0 is anterior, 90 left; elevation 90 is up."""
        a, e = np.radians((azimuth, elevation))
        return self.project(np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)]))

    def project(self, local: NDArray) -> NDArray[np.float64]:
        """The local point [3] moved along its radius onto the outer surface."""
        direction = np.asarray(local, np.float64) / np.linalg.norm(local)
        return direction * self.radius(direction[None])[0]

    def outside_shell(self, local: NDArray, floor_drop: float = 0.0) -> NDArray:
        """How far local points [N, 3] are outside the vault's shell of bone, mm [N]: negative inside.

        ``floor_drop`` lowers the end of the vault, at the height of the orbital rims, by so many mm.
        """
        outside = np.empty(len(local), local.dtype)
        for start in range(0, len(local), CHUNK):
            part = local[start : start + CHUNK]
            distance = np.linalg.norm(part, axis=1)
            depth = self.radius(part / np.maximum(distance, 1e-3)[:, None]) - distance
            below = RIM_HEIGHT - floor_drop - part[:, 2]
            outside[start : start + CHUNK] = np.maximum(np.maximum(SHELL[0] - depth, depth - SHELL[1]), below)
        return outside


def fit_vault(points: NDArray) -> Vault:
    """The vault of bone ``points`` [N, 3], mm: all bone voxels of a skull or an even sample of them.

    The outer surface is a robust fit, so a headband, a tube or an existing hole hardly move it. Deterministic.
    Raises InputError where there is no vault to see.
    """
    if len(points) < MIN_POINTS:
        raise InputError(f"skull: expected at least {MIN_POINTS} bone points to find a vault, got {len(points)}")
    points = np.asarray(points[:: -(-len(points) // 300_000)], np.float64)
    vertex = np.quantile(points[:, 2], 0.9995)  # a speck above the head is no vertex
    upper = points[(points[:, 2] < vertex - 20) & (points[:, 2] > vertex - 90), :2]
    if len(upper) < MIN_POINTS // 4 or min(np.ptp(upper, axis=0)) < 80:
        raise InputError("skull: expected the upper 90 mm of a head, +z superior, in mm; check spacing and orientation")
    sides = np.quantile(upper, (0.002, 0.998), axis=0)
    offset = points - (*sides.mean(0), vertex - CENTRE_DEPTH)
    rim = _orbital_rims(offset)
    pitch = 0.0
    if rim is not None:
        pitch = np.arctan2(-rim[1], -rim[0]) - np.arcsin(-RIM_HEIGHT / np.hypot(*rim))
    cos, sin = np.cos(pitch), np.sin(pitch)
    rotation = np.array([(1, 0, 0), (0, cos, sin), (0, -sin, cos)])
    centre = np.array([*sides.mean(0), vertex - CENTRE_DEPTH])
    surface = _fit_surface(offset @ rotation.T)
    forehead = -np.sqrt(np.hypot(*rim) ** 2 - RIM_HEIGHT**2) if rim is not None else -82.0
    return Vault(centre, rotation, surface, float(forehead))


def _harmonics(directions: NDArray) -> NDArray:
    """Basis [N, 49] of all spherical harmonics up to ORDER: on the sphere the monomials of two successive degrees
    span exactly those, because x² + y² + z² = 1 lifts every lower degree by two."""
    powers = [np.ones_like(directions)]
    for _ in range(ORDER):
        powers.append(powers[-1] * directions)
    table = np.stack(powers).transpose(2, 0, 1)  # [3, ORDER + 1, N]
    x, y, z = _EXPONENTS.T
    return (table[0, x] * table[1, y] * table[2, z]).T


def _fit_surface(local: NDArray) -> NDArray:
    """Harmonics [49] of the outer radius of bone at ``local`` [N, 3]."""
    distance = np.linalg.norm(local, axis=1)
    direction = local / np.maximum(distance, 1e-3)[:, None]
    seen = direction[:, 2] > -0.4  # a little below the vault, to hold the fit at its end
    direction, distance = direction[seen], distance[seen]
    patch = np.round((direction + 1) * 24).astype(int) @ (1, 64, 4096)  # about 4 mm wide
    order = np.lexsort((distance, patch))
    outermost = order[np.append(np.flatnonzero(np.diff(patch[order])), len(order) - 1)]
    direction, outer = direction[outermost], distance[outermost]
    basis = _harmonics(direction)
    ridge = 1e-6 * len(basis) * np.eye(basis.shape[1])
    weight, surface = np.ones(len(basis)), np.zeros(basis.shape[1])
    for scale in (20.0, 10.0, 6.0, 4.0, 4.0, 4.0):  # mm, of a shrinking Cauchy loss
        system = basis.T * weight
        surface = np.linalg.solve(system @ basis + ridge, system @ outer)
        weight = 1 / (1 + ((outer - basis @ surface) / scale) ** 2)
    return surface


def _orbital_rims(offset: NDArray) -> tuple[float, float] | None:
    """(y, z) of the upper orbital rims from the centre: where, coming down, the front of the bone falls back."""
    rims = []
    for side in (-1, 1):
        column = offset[np.abs(offset[:, 0] * side - 32) < 5]
        level = np.floor((CENTRE_DEPTH - column[:, 2]) / 2).astype(int)  # slabs of 2 mm, from the vertex down
        inside = (level >= 0) & (level < 75) & (column[:, 1] < 0)
        front = np.full(75, np.inf)
        np.minimum.at(front, level[inside], column[inside, 1])
        for slab in range(25, 70):
            brow = front[slab - 4 : slab + 1].min()
            if np.isfinite(brow) and front[slab + 2 : slab + 5].min() > brow + 10:
                rims.append((brow, CENTRE_DEPTH - 2 * slab - 2))
                break
    if not rims:
        return None  # the scan ends above the orbits
    y, z = np.mean(rims, axis=0)
    return float(y), float(z)

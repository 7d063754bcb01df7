"""Registration of heads by their distances: a linear map first, then demons.

Everything is in the frame of a vault (``data/defects/vault.py``). Linear maps by Gauss-Newton with a Cauchy loss; demons with the
symmetric forces of Vercauteren et al. (2009, after Thirion 1998), coarse to fine.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from cranial_sparse.data.defects.vault import Vault
from cranial_sparse.geometry import Volume

BAND = 8.0  # mm, the distances that registration sees
POINTS = 10_000  # around a surface, that a linear map is fitted to


def _generators() -> NDArray[np.float64]:
    """[9, 3, 3]: turns about x, y, z; growth; and the five other stretches and shears."""
    turns = np.array(
        [[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]]
    )
    pairs = [np.roll(np.diag([1.0, -1.0, 0.0]), (k, k), (0, 1)) for k in range(2)]
    shears = [
        np.eye(3)[[1, 0, 2]] - np.diag([0, 0, 1.0]),
        np.eye(3)[[2, 1, 0]] - np.diag([0, 1.0, 0]),
        np.eye(3)[[0, 2, 1]] - np.diag([1.0, 0, 0]),
    ]
    return np.array([*turns, np.eye(3), *pairs, *shears], np.float64)


GENERATORS = _generators()
RIGID, SIMILARITY, AFFINE = 3, 4, 9  # how many of the generators a map is made of


@dataclass(frozen=True)
class Lattice:
    """Points every ``step`` mm from ``low`` to ``high``."""

    step: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        nx, ny, nz = (round((b - a) / self.step) + 1 for a, b in zip(self.low, self.high, strict=True))
        return nx, ny, nz

    def axes(self) -> list[NDArray]:
        return [a + self.step * np.arange(n) for a, n in zip(self.low, self.shape, strict=True)]

    def points(self) -> NDArray[np.float32]:
        """[3, X, Y, Z] mm."""
        return np.stack(np.meshgrid(*self.axes(), indexing="ij")).astype(np.float32)

    def sample(self, values: NDArray, points: NDArray, order: int = 1) -> NDArray[np.float32]:
        """``values`` [X, Y, Z] of this lattice at mm ``points`` [3, ...]; the border value goes on outside."""
        low = np.reshape(self.low, (3, *[1] * (points.ndim - 1))).astype(np.float32)
        index = (points - low) / np.float32(self.step)
        found = map_coordinates(values, index, np.float32, order=order, mode="nearest")
        return found.astype(np.float32, copy=False)


OWN = Lattice(1.2, (-96, -117, -96), (96, 117, 90))  # of a skull's distances, in the frame of its vault
COMMON = Lattice(3.0, (-84, -111, -96), (84, 111, 84))  # of what skulls are brought onto


def signed_distance(bone: NDArray[np.bool_], step: float) -> NDArray[np.float32]:
    """Distance in mm to the faces between bone and air, negative in bone (Maurer et al. 2003)."""
    image = sitk.GetImageFromArray(bone.astype(np.uint8))
    to_voxels = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False)
    distance = sitk.GetArrayFromImage(to_voxels)  # from the outermost voxels of the bone, which are at zero
    return (distance.astype(np.float32) - 0.5) * step


def distance_field(skull: Volume, vault: Vault) -> NDArray[np.int8]:
    """[2, X, Y, Z] over OWN: signed distance in tenths of a millimetre, and whether the scan sees the place."""
    geometry = skull.geometry
    corners = np.vstack([np.zeros(3), np.eye(3)]) * OWN.step + OWN.low
    index = geometry.to_index(vault.to_points(corners))
    offset, matrix = index[0], (index[1:] - index[0]).T  # lattice index to scan index
    # Bone goes on beyond the scan, so that its cut end does not look like a surface.
    grey = skull.array.view(np.uint8) * np.uint8(255)
    bone = affine_transform(grey, matrix, offset, OWN.shape, np.uint8, order=1, mode="nearest") >= 128
    seen = np.ones(OWN.shape, bool)
    steps = np.ogrid[tuple(slice(n) for n in OWN.shape)]
    for row, start, size in zip(matrix, offset, geometry.shape, strict=True):
        at = sum(m * n for m, n in zip(row, steps, strict=True)) + start
        seen &= (at >= 0) & (at <= size - 1)
    tenths = np.rint(np.clip(signed_distance(bone, OWN.step), -12.7, 12.7) * 10)
    return np.stack([tenths, seen]).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Target:
    """What skulls are brought onto: distance, mm, and share of scans that see; [X, Y, Z] each."""

    distance: NDArray[np.float32]
    seen: NDArray[np.float32]
    lattice: Lattice = COMMON


@dataclass(frozen=True, eq=False)
class Warp:
    """From the target's space to a skull's own frame: p -> linear @ (p + displacement(p)) + shift, mm."""

    linear: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    shift: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    displacement: NDArray | None = None  # float32 [3, X, Y, Z]
    lattice: Lattice = COMMON  # of the displacement

    @property
    def scale(self) -> float:
        """How much longer lengths are in the skull's frame, on average."""
        return float(np.linalg.det(self.linear) ** (1 / 3))

    def linearly(self, points: NDArray) -> NDArray[np.float32]:
        """``points`` [3, ...], already displaced, in the skull's frame."""
        mapped = np.tensordot(self.linear.astype(np.float32), points, 1)
        return mapped + self.shift.astype(np.float32).reshape(3, *[1] * (points.ndim - 1))

    def at(self, points: NDArray) -> NDArray[np.float32]:
        """The displacement at mm points [3, ...]."""
        if self.displacement is None:
            return np.zeros_like(points)
        return np.stack([self.lattice.sample(u, points) for u in self.displacement])

    def __call__(self, points: NDArray) -> NDArray[np.float32]:
        """``points`` [3, ...] of the target's space in the skull's frame."""
        return self.linearly(points + self.at(points))


def fit_linear(target: Target, skull: NDArray, start: Warp, freedom: int = SIMILARITY) -> Warp:
    """The first ``freedom`` generators and a shift, from ``start``, so that the distances of ``skull`` [2, X, Y, Z] (as
    distance_field gives them) meet the target's around its surface: Gauss-Newton with a Cauchy loss."""
    near = (np.abs(target.distance) < 3) & (target.seen > 0.5)
    every = max(1, int(near.sum()) // POINTS)
    points, wanted = target.lattice.points()[:, near][:, ::every], target.distance[near][::every]
    distance, seen = skull
    warp = start

    def residual(warp: Warp) -> tuple[NDArray, NDArray]:
        q = warp.linearly(points)
        met = np.clip(OWN.sample(distance, q) / 10, -BAND, BAND) / warp.scale
        return met - wanted, OWN.sample(seen, q, order=0)

    def changed(warp: Warp, x: NDArray) -> Warp:
        return Warp(
            warp.linear @ expm(np.tensordot(x[:-3], GENERATORS[:freedom], 1)), warp.shift + warp.linear @ x[-3:]
        )

    delta = np.array([0.005] * freedom + [0.5] * 3)
    prior = np.diag([10.0] * freedom + [1e-3] * 3)
    for _ in range(12):
        error, inside = residual(warp)
        slope = np.stack([(residual(changed(warp, d))[0] - error) for d in np.diag(delta)], axis=1) / delta
        trust = inside / (1 + (error / 3) ** 2)
        system = (slope.T * trust) @ slope + prior
        warp = changed(warp, -np.linalg.solve(system, (slope.T * trust) @ error))
    return warp


def demons(target: Target, lattice: Lattice, skull: NDArray, warp: Warp, steps: int) -> Warp:
    """Refine the displacement on ``lattice`` until the warped ``skull`` [2, X, Y, Z] meets the target, where both are seen."""
    points = lattice.points()
    shown = target.lattice.sample(target.seen, points) > 0.5
    u = warp.at(points)
    wanted = np.clip(target.lattice.sample(target.distance, points), -BAND, BAND)
    slope = np.stack(list(np.gradient(wanted, lattice.step)))
    distance, seen = skull
    inside = np.ones(lattice.shape, np.float32)
    blur = partial(gaussian_filter, truncate=2.5)
    for step in range(steps):
        q = warp.linearly(points + u)
        if step % 4 == 0:  # the edge of the scan hardly moves in between
            inside = OWN.sample(seen, q, order=0) * shown
        moving = np.clip(OWN.sample(distance, q) / (10 * warp.scale), -BAND, BAND)
        error = (moving - wanted) * inside
        both = (slope + np.stack(list(np.gradient(moving, lattice.step)))) / 2
        force = -error / ((both**2).sum(0) + (error / (0.7 * lattice.step)) ** 2 + 1e-2) * both
        u = np.stack([blur(a + blur(f, 1.0), 0.8) for a, f in zip(u, force, strict=True)])
    return replace(warp, displacement=u.astype(np.float32), lattice=lattice)

"""The direction an implant goes in along: the one that loses the least of it to undercut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.geometry import Volume

COARSE = 1.6  # mm: the loss is a share of a volume, and the solid is made exactly later
TILT = 0.02  # share of volume that a direction one radian off the mean normal must gain: straight in is easier
FIRST, NEXT, ROUNDS = 150, 12, 3
THINNED = 4  # of so many points one is looked at in the first round


@dataclass(frozen=True)
class Direction:
    """``outward``: unit vector the implant leaves along, LPS. ``lost``: share of its volume in the way of the bone."""

    outward: tuple[float, float, float]
    lost: float


def find_direction(bone: NDArray, implant: NDArray, normal: NDArray, cone_deg: float) -> Direction:
    """Try directions up to ``cone_deg`` from ``normal`` [3], coarse to fine, on ``coarse_points`` [N, 3] of both, mm."""
    normal = normal / np.linalg.norm(normal)
    tried = cone(normal, np.radians(cone_deg), FIRST)
    spread = np.radians(cone_deg) * 2 / np.sqrt(FIRST)
    for number in range(ROUNDS):
        thin, cell = (THINNED, THINNED ** (1 / 3) * COARSE) if number == 0 else (1, COARSE)
        lost = np.array([blocked_share(bone[::thin], implant[::thin], one, cell) for one in tried])
        best = int(np.argmin(lost + TILT * np.arccos(np.clip(tried @ normal, -1, 1))))
        way, share = tried[best], float(lost[best])
        tried = cone(way, spread, NEXT)  # itself first
        spread /= 2.5
    return Direction((float(way[0]), float(way[1]), float(way[2])), share)


def blocked_share(bone: NDArray, implant: NDArray, outward: NDArray, cell: float = COARSE) -> float:
    """Share of the points ``implant`` [N, 3] with a point of ``bone`` [M, 3] further ``outward`` in the same column.

    Columns are ``cell`` mm wide, the points about as far apart.
    """
    u, v = frame(outward)
    axes = np.column_stack([u, v])
    flat = implant @ axes / cell
    low = np.floor(flat.min(axis=0)).astype(int)
    shape = np.floor(flat.max(axis=0)).astype(int) - low + 1
    at = np.floor(flat).astype(int) - low
    other = np.floor(bone @ axes / cell).astype(int) - low
    inside = ((other >= 0) & (other < shape)).all(axis=1)
    highest = np.full(shape, -np.inf)
    np.maximum.at(highest, tuple(other[inside].T), bone[inside] @ outward)
    return float((highest[tuple(at.T)] > implant @ outward + cell / 2).mean())


def cone(axis: NDArray, angle: float, count: int) -> NDArray[np.float64]:
    """``count`` unit vectors [n, 3] spread evenly (a Fibonacci spiral) within ``angle`` of ``axis``, itself first."""
    k = np.arange(count)
    height = 1 - (1 - np.cos(angle)) * k / max(1, count - 1)
    turn = np.pi * (3 - np.sqrt(5)) * k
    radius = np.sqrt(np.maximum(0, 1 - height**2))
    u, v = frame(axis)
    return radius[:, None] * (np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * v) + height[:, None] * axis


def frame(axis: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that make a right-handed frame with the unit vector ``axis`` as the third."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    u = np.cross(helper, axis)
    u /= np.linalg.norm(u)
    return u, np.cross(axis, u)


def head_middle(bone: NDArray, implant: NDArray) -> NDArray[np.float64]:
    """A point [3] well inside the cranial cavity: the middle of the sphere that best fits the implant and bone near it.

    Algebraic least squares over points [N, 3], mm.
    """
    near = bone[np.linalg.norm(bone - implant.mean(axis=0), axis=1) < 90]
    points = np.concatenate([near, implant])
    left = np.column_stack([2 * points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(left, (points**2).sum(axis=1), rcond=None)
    return solution[:3]


def mean_normal(implant: NDArray, middle: NDArray) -> NDArray[np.float64]:
    """Mean direction [3] of points [N, 3] from the ``middle`` of the head."""
    radial = implant - middle
    mean = (radial / np.linalg.norm(radial, axis=1, keepdims=True)).mean(axis=0)
    return mean / np.linalg.norm(mean)


def coarse_points(volume: Volume, detail: float = COARSE) -> NDArray[np.float64]:
    """Middles [N, 3], LPS mm, of the blocks about ``detail`` mm wide that are half full; of any that are not empty if none is."""
    nx, ny, nz = (max(1, round(detail / step)) for step in volume.geometry.spacing)
    share = block_mean(volume.array, (nx, ny, nz))
    filled = np.argwhere(share >= min(0.5, float(share.max()))) if share.size and share.max() > 0 else np.zeros((0, 3))
    factor = np.array([nx, ny, nz])
    return volume.geometry.to_physical(filled * factor + (factor - 1) / 2)


def block_mean(mask: NDArray[np.bool_], factor: tuple[int, int, int]) -> NDArray[np.float32]:
    """Share of set voxels in each block of ``factor`` voxels; the last blocks are filled up with empty ones."""
    counts: NDArray = mask.view(np.uint8)
    for axis, step in enumerate(factor):
        layers = np.moveaxis(counts, axis, 0)
        total = layers[::step].astype(np.uint16)
        for k in range(1, min(step, len(layers))):  # reduceat takes five times as long
            part = layers[k::step]
            total[: len(part)] += part
        counts = np.moveaxis(total, 0, axis)
    return counts.astype(np.float32) / np.float32(np.prod(factor))

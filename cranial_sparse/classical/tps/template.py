"""Landmarks, curves and surface semilandmarks on the mean vault of a radial model, the template that goes to every patient.

All coordinates are canonical mm. The landmarks were placed on the atlas; a model's mean takes them to its own tables along
their rays, so that one that has not seen a skull has its own template. Where the atlas has a feature, the landmark was read
from its mid-plane or its width: nasion, glabella, vertex, opisthocranion, euryon. The others are approximate, since a mean
skull has no sutures: bregma and lambda lie as far along the mid-sagittal arc as frontal and parietal arcs are long on average
(Martin's M26 and M27, about 127 mm each), inion about 65 mm below lambda, and metopion, the frontal and parietal tubers,
frontotemporale, frontozygomatic suture, pterion and asterion where anatomy has them beside those.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from scipy.spatial.distance import cdist

from cranial_sparse.classical.maps import look_up, to_pixel
from cranial_sparse.classical.radial_model import RadialModel
from cranial_sparse.classical.tps.surface import along

MIDLINE = {
    "nasion": (0, -86, -33), "glabella": (0, -90, -19), "metopion": (0, -80, 34), "bregma": (0, -38, 66),
    "vertex": (0, 6, 76), "lambda": (0, 72, 44), "opisthocranion": (0, 91, -4), "inion": (0, 91, -19),
}  # fmt: skip
LEFT = {
    "frontal tuber": (32, -74, 25), "frontotemporale": (48, -63, -6), "frontozygomatic": (52, -61, -30),
    "pterion": (57, -36, -13), "parietal tuber": (54, 32, 48), "euryon": (68, 11, 5), "asterion": (54, 52, -36),
}  # fmt: skip
PLACES = {
    **MIDLINE,
    **{f"left {name}": place for name, place in LEFT.items()},
    **{f"right {name}": (-x, y, z) for name, (x, y, z) in LEFT.items()},
}
NAMES = tuple(PLACES)
RING = np.array([(0, -90, 4), (68, 0, 0), (0, 1, 0)], float)  # mm: half axes and middle of the ellipse around the head
APART = 10.0  # mm between semilandmarks
LOWEST = np.cos(np.deg2rad(108.0))  # of z along a ray: below, the base of the skull is not vault


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a whole skull: homologous ``points`` [N, 3] on it (mm), and its ``radius`` [P, P] everywhere (mm)."""

    points: NDArray[np.float64]
    radius: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Template:
    """N points on both tables, the anatomical landmarks of NAMES first, in their order.

    ``before`` and ``after`` [N] are the neighbours along a curve, a point itself where it lies on none; ``opposite`` [N]
    is the point of the other side.
    """

    outer: Table
    inner: Table
    before: NDArray[np.intp]
    after: NDArray[np.intp]
    opposite: NDArray[np.intp]


@lru_cache(maxsize=8)
def template(model: RadialModel) -> Template:
    """The template on a ``model``'s mean tables; the same every time, in a tenth of a second."""
    outer = model.outer.mean.astype(np.float64)
    inner = outer - model.thickness.mean
    named = along(outer, np.array(list(PLACES.values()), np.float64))
    points, before, after = _with_curves(named, outer)
    points = np.concatenate([points, _between(points, outer, model.presence)])
    alone = np.arange(len(before), len(points))
    before, after = np.concatenate([before, alone]), np.concatenate([after, alone])
    opposite = cdist(points * [-1, 1, 1], points).argmin(1)
    return Template(Table(points, outer), Table(along(inner, points), inner), before, after, opposite)


def _with_curves(named: NDArray, outer: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The named points and those of two curves, and the neighbours of each along its curve.

    The mid-sagittal arc from glabella to inion, on which named points lie too, and a ring around the head at its widest.
    """
    at = {name: named[NAMES.index(name)] for name in MIDLINE}
    start, stop = _turn(at["glabella"]), _turn(at["inion"])
    angle = np.linspace(start, stop, 2000)
    arc = _spaced(along(outer, np.stack([0 * angle, -np.cos(angle), np.sin(angle)], -1)), 0.0)
    arc = arc[cdist(arc, named).min(1) > APART / 2]
    angle = np.linspace(0, np.pi, 2000)
    ring = RING[0] * np.cos(angle)[:, None] + RING[1] * np.sin(angle)[:, None] + RING[2]
    left = _spaced(along(outer, ring), APART / 2)
    left = left[cdist(left, named).min(1) > APART / 2]
    points = np.concatenate([named, arc, left, left[::-1] * [-1, 1, 1]])
    before, after = np.arange(len(points)), np.arange(len(points))
    on_arc = np.flatnonzero(points[:, 0] == 0)
    on_arc = on_arc[np.argsort(_turn(points[on_arc]))]
    before[on_arc[1:]], after[on_arc[:-1]] = on_arc[:-1], on_arc[1:]
    closed = np.arange(len(named) + len(arc), len(points))
    before[closed], after[closed] = np.roll(closed, 1), np.roll(closed, -1)
    return points, before, after


def _turn(points: NDArray) -> NDArray[np.float64]:
    """Angle of ``points`` [..., 3] about the left-right axis: 0 in front, a right angle at the vertex."""
    return np.mod(np.arctan2(points[..., 2], -points[..., 1]) + np.pi / 2, 2 * np.pi) - np.pi / 2


def _spaced(line: NDArray, first: float) -> NDArray[np.float64]:
    """Points every ten millimetres or so along a ``line`` [N, 3], the first and the last ``first`` mm from its ends."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = round(float(length[-1] - 2 * first) / APART) + 1
    wanted = np.linspace(first, length[-1] - first, count)
    return np.stack([np.interp(wanted, length, part) for part in line.T], -1)


def _between(taken: NDArray, outer: NDArray, presence: NDArray) -> NDArray[np.float64]:
    """Points all over the vault, ten millimetres apart and from those ``taken``, the same on both sides.

    On a Fibonacci sphere (Swinbank and Purser 2006), where practically every skull has bone.
    """
    count = int(4 * np.pi * np.median(outer) ** 2 / APART**2)
    k = np.arange(count) + 0.5
    height, turn = 1 - 2 * k / count, np.pi * (1 + np.sqrt(5)) * k
    flat = np.sqrt(1 - height**2)
    unit = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], -1)
    sure = minimum_filter(presence, 5) > 0.99
    points = along(outer, unit[(height > LOWEST) & look_up(sure.astype(float), to_pixel(unit)).astype(bool)])
    points = points[(points[:, 0] > APART / 2) & (cdist(points, taken).min(1) > 0.7 * APART)]
    return np.concatenate([points, points * [-1, 1, 1]])

"""Whether a triangle surface passes through itself."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def crossing_count(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> int:
    """How many pairs of triangles [T, 3] that share no vertex cut through each other.

    Every edge of one is tested against the face of the other (Möller and Trumbore 1997), in double precision; faces that
    only touch, or lie in one plane, do not count.
    """
    corners = vertices.astype(np.float64)[triangles]  # [T, 3, 3]
    found = 0
    for first, second in _close_pairs(corners):
        apart = (triangles[first][:, :, None] != triangles[second][:, None, :]).all(axis=(1, 2))
        first, second = first[apart], second[apart]
        crosses = np.zeros(len(first), bool)
        for one, other in ((first, second), (second, first)):
            for k in range(3):
                crosses |= _pierces(corners[one, k], corners[one, (k + 1) % 3], corners[other])
        found += int(crosses.sum())
    return found


def _close_pairs(corners: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of triangles [T, 3, 3] whose boxes overlap, each once: a sweep along x inside cells of y and z."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    cell = max(1e-9, float(np.quantile(high - low, 0.9)))
    first = np.floor((low[:, 1:] - low[:, 1:].min(axis=0)) / cell).astype(np.int64)
    last = np.floor((high[:, 1:] - low[:, 1:].min(axis=0)) / cell).astype(np.int64)
    size = last - first + 1
    owner = np.repeat(np.arange(len(corners)), size.prod(axis=1))
    within = np.arange(len(owner)) - np.repeat(np.cumsum(size.prod(axis=1)) - size.prod(axis=1), size.prod(axis=1))
    y = first[owner, 0] + within // size[owner, 1]
    z = first[owner, 1] + within % size[owner, 1]
    key = y * (int(last[:, 1].max()) + 1) + z
    order = np.lexsort((low[owner, 0], key))
    owner, key = owner[order], key[order]
    start, stop = low[owner, 0], high[owner, 0]
    alive = np.arange(len(owner))
    gap = 0
    while len(alive):
        gap += 1
        alive = alive[alive + gap < len(owner)]
        other = alive + gap
        near = (key[other] == key[alive]) & (start[other] <= stop[alive])
        alive, other = alive[near], other[near]
        a, b = owner[alive], owner[other]
        overlap = ((low[a] <= high[b]) & (low[b] <= high[a])).all(axis=1)
        # A pair met in several cells counts in the one that holds the corner of its common box.
        corner = np.maximum(first[a], first[b])
        here = corner[:, 0] * (int(last[:, 1].max()) + 1) + corner[:, 1] == key[alive]
        pick = overlap & here
        yield a[pick], b[pick]


def _pierces(start: NDArray, end: NDArray, face: NDArray) -> NDArray[np.bool_]:
    """Whether segments [N, 3] cross the inside of triangles [N, 3, 3]."""
    a, b, c = face[:, 0], face[:, 1] - face[:, 0], face[:, 2] - face[:, 0]
    along = end - start
    across = np.cross(along, c)
    volume = np.einsum("ij,ij->i", b, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / volume
        to = start - a
        u = np.einsum("ij,ij->i", to, across) * inverse
        turned = np.cross(to, b)
        v = np.einsum("ij,ij->i", along, turned) * inverse
        t = np.einsum("ij,ij->i", c, turned) * inverse
        eps = 1e-9
        return (volume != 0) & (u > eps) & (v > eps) & (u + v < 1 - eps) & (t > eps) & (t < 1 - eps)

"""Stations along the rim of a finished implant, and what is measured there: gap, step outside, step inside.

Everything is seen along the insertion direction: both surfaces as height maps that rays find on the finished meshes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.mesh import Mesh

PIXEL = 0.4  # mm between the rays
SPACING = 1.0  # mm between stations, and how far from one its gap is looked for
JOINED = 2.5  # mm beyond the gap meant: a station further from all places where the missing bone joined the skull is a free edge
SHEET = 0.25  # mm: what is no further than this from the completed surface belongs to it
OPEN = 1.0  # mm more than the gap meant: bone further across than that is apart from the rim
ACROSS = 8.0  # mm: beyond, it is another bone
WITHIN = 5.0  # mm inward of the rim, where a free edge is no longer rounded and the surface goes as it would go on
DEPTHS = (0.0, 1.0, 2.0, 3.0)  # mm below the outer rim at which bone is looked for
BESIDE_TAB = 3  # voxels of the lattice beside a tab at which the rim is not measured
BELOW = 6.0  # mm above or below the implant's surface: bone further away is another surface
INSIDE, OUTSIDE = 1.5, 2.5  # mm of implant and of bone, either side of the rim, that a step is read from
STEEP = 0.35  # least cosine between a surface and the direction for its height to mean something


@dataclass(frozen=True, eq=False)
class Rim:
    """``points`` [N, 3] LPS mm along the outer rim, and per station mm; NaN where there is nothing to measure.

    ``gap``: smallest distance from implant to bone through the thickness. ``outer``: how far the implant's outer surface
    stands out over the bone's, continued across the gap. ``inner`` [M], at the points ``below`` [M, 3] of the inner rim: how
    far its inner surface lies below the bone's.
    ``free`` bool [N]: no bone to join here, and ``tabbed`` bool [N]: under a tab; nothing is measured at either. ``apart`` bool
    [N]: free, but there is bone straight across, so that something of the defect stays open.
    """

    points: NDArray[np.float64]
    gap: NDArray[np.float64]
    outer: NDArray[np.float64]
    below: NDArray[np.float64]
    inner: NDArray[np.float64]
    free: NDArray[np.bool_]
    tabbed: NDArray[np.bool_]
    apart: NDArray[np.bool_]


class Heights(NamedTuple):
    """Highest and lowest point of a surface along the direction, [X, Y] mm above the lattice's floor; NaN where it is not."""

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]


def rim(
    solid: Mesh,
    bone: Scene,
    patch: Scene,
    samples: NDArray,
    contact: NDArray,
    lattice: Geometry,
    wanted: NDArray,
    tabs: NDArray[np.bool_] | None = None,
) -> Rim:
    """Measure the rim of ``solid``; ``samples`` [M, 3] are points all over its surface, LPS mm.

    ``patch`` is the surface of skull and implant together: what a ray meets on it is a table, what it meets elsewhere the wall
    of a cut. ``contact`` [K, 3] are places where the missing bone joined the skull: a station with none nearby lies on a
    free edge, such as that of an orbit or of the scan. ``lattice`` has the direction of insertion as its last axis; the gap
    is meant to be ``wanted`` [X, Y] mm, and below ``tabs`` bool [X, Y] nothing is measured either.
    """
    rays = ray_lattice(lattice)
    seen = heights(Scene(solid), rays)
    implant = Heights(on_surface(seen.top, patch, rays, 1), on_surface(seen.bottom, patch, rays, -1))
    around = heights(bone, rays, beyond(implant.bottom) - BELOW)  # the first surface from above, and under the implant
    axes = np.reshape(lattice.direction, (3, 3))
    flat = ((samples - np.asarray(lattice.origin)) @ axes)[:, :2]
    joins = cKDTree(contact) if len(contact) else None
    distance = bone.distance(samples).astype(np.float64)
    rims = []
    for mine, theirs, sign in ((implant.top, around.top, 1), (implant.bottom, around.bottom, -1)):
        theirs = on_surface(np.where(np.abs(theirs - beyond(mine)) < BELOW, theirs, np.nan), patch, rays, sign)
        outline = stations(~np.isnan(mine))
        height = beyond(mine)[tuple(np.rint(outline).astype(int).T)]
        points = np.column_stack([outline * PIXEL, height]) @ axes.T + lattice.origin
        free = np.ones(len(outline), bool)
        if joins is not None:
            free = joins.query(points)[0] > JOINED + under(wanted, lattice, points)
        tabbed = np.zeros(len(outline), bool)
        if tabs is not None:
            tabbed = under(ndimage.binary_dilation(tabs, iterations=BESIDE_TAB), lattice, points)
        hidden = free | tabbed
        rims.append((outline, points, free, tabbed, np.where(hidden, np.nan, sign * steps(outline, mine, theirs))))
    (outline, points, free, tabbed, outer), (_, below, _, _, inner) = rims
    near = cKDTree(flat).query_ball_point(outline * PIXEL, SPACING)
    gap = np.array([distance[i].min() if i else np.nan for i in near])
    gap[free | tabbed] = np.nan
    free &= ~tabbed
    open_by = across(points, outward(outline, ~np.isnan(implant.top)) @ axes[:, :2].T, bone, patch)
    apart = free & (open_by > OPEN + under(wanted, lattice, points)) & (open_by < ACROSS)
    return Rim(points, gap, outer, below, inner, free, tabbed, apart)


def outward(outline: NDArray, footprint: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Unit vectors [N, 2] away from the ``footprint`` [X, Y] at places [N, 2] of its outline, in pixels."""
    away = ndimage.distance_transform_edt(~footprint) - ndimage.distance_transform_edt(footprint)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(away, 3.0)), axis=-1)
    found = slope[tuple(np.clip(np.rint(outline).astype(int), 0, np.array(footprint.shape) - 1).T)]
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def across(points: NDArray, away: NDArray, bone: Scene, patch: Scene) -> NDArray[np.float64]:
    """How far it is from ``points`` [N, 3] of an outer rim to bone, mm [N], inf where there is none: below the completed surface
    ``patch`` and along it, in the directions ``away`` [N, 3].
    """
    _, normals = patch.closest(
        points - WITHIN * away
    )  # where a prediction ends short, its rim is an edge of the patch as well
    along = away - np.einsum("ij,ij->i", away, normals)[:, None] * normals
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    hits = [bone.cast(points - depth * normals, along) for depth in DEPTHS]
    return np.min(hits, axis=0).astype(np.float64)


def under(flat: NDArray, lattice: Geometry, points: NDArray) -> NDArray:
    """The values of ``flat`` [X, Y] that points [N, 3] lie above or below along the lattice's last axis."""
    at = np.clip(np.rint(lattice.to_index(points)[:, :2]).astype(int), 0, np.array(flat.shape) - 1)
    return flat[at[:, 0], at[:, 1]]


def on_surface(height: NDArray, surface: Scene, rays: Geometry, up: int) -> NDArray[np.float64]:
    """A height map [X, Y] with NaN where its points are off a ``surface``, or on a side of it that does not face ``up`` (±1)."""
    index = np.argwhere(~np.isnan(height))
    at = height[tuple(index.T)]
    points = rays.to_physical(np.column_stack([index, at / PIXEL]))
    closest, normals = surface.closest(points)
    off = np.linalg.norm(points - closest, axis=1) > SHEET
    off |= normals @ np.reshape(rays.direction, (3, 3))[:, 2] * up < STEEP / 2
    out = height.copy()
    out[tuple(index[off].T)] = np.nan
    return out


def ray_lattice(lattice: Geometry) -> Geometry:
    """The same box with rays ``PIXEL`` apart."""
    shape = [int(np.ceil(n * lattice.spacing[0] / PIXEL)) + 1 for n in lattice.shape]
    return Geometry((shape[0], shape[1], shape[2]), (PIXEL,) * 3, lattice.origin, lattice.direction)


def heights(scene: Scene, rays: Geometry, floor: NDArray | None = None) -> Heights:
    """Where rays from above and from below meet the surface; from below they start at ``floor`` [X, Y], mm."""
    x, y, z = rays.shape
    index = np.stack(np.meshgrid(np.arange(x), np.arange(y), indexing="ij"), axis=-1).reshape(-1, 2)
    up = np.reshape(rays.direction, (3, 3))[:, 2]
    high = (z + 25 / PIXEL) * np.ones((x * y, 1))
    start = rays.to_physical(np.concatenate([index, high], axis=1))
    top = high[:, 0] * PIXEL - scene.cast(start, -up)
    low = (-25.0 * np.ones(x * y)) if floor is None else floor.reshape(-1)
    start = rays.to_physical(np.concatenate([index, low[:, None] / PIXEL], axis=1))
    bottom = low + scene.cast(start, up)
    top[~np.isfinite(top)] = np.nan
    bottom[~np.isfinite(bottom)] = np.nan
    return Heights(top.reshape(x, y).astype(np.float64), bottom.reshape(x, y).astype(np.float64))


def beyond(values: NDArray) -> NDArray[np.float64]:
    """A height map [X, Y] continued over its NaN by the nearest number."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros_like(values)
    index = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[tuple(index)]


def stations(footprint: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points [N, 2] in pixels about ``SPACING`` mm apart along all outlines of the footprint."""
    from skimage.measure import find_contours

    found = []
    for line in find_contours(np.pad(ndimage.gaussian_filter(footprint.astype(float), 1.0), 1), 0.5):
        line = line - 1
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]) * PIXEL
        if length[-1] < 10:
            continue
        at = np.arange(0, length[-1], SPACING)
        found.append(np.column_stack([np.interp(at, length, line[:, k]) for k in range(2)]))
    return np.concatenate(found) if found else np.zeros((0, 2))


def steps(outline: NDArray, implant: NDArray, bone: NDArray) -> NDArray[np.float64]:
    """How far above the bone's height map [X, Y] the implant's stands at each station [N, 2], along the surface's normal, mm.

    A quadric (a plane and its curvatures) is fitted to both sides at once with one unknown for the offset between them. With one
    curvature for both directions, brows read as steps: true bone cut out and put back had 0.3 to 0.9 mm, 95th percentile of
    four frontoorbital defects, and has 0.2 to 0.3; moved outward it stands out by as much with either.
    """
    grids = [np.argwhere(~np.isnan(m)) for m in (implant, bone)]
    hidden = ~np.isnan(implant)[tuple(grids[1].T)]  # bone under the implant's footprint is not its neighbour
    grids[1] = grids[1][~hidden]
    trees = [cKDTree(grid) if len(grid) else None for grid in grids]
    out = np.full(len(outline), np.nan)
    if trees[0] is None or trees[1] is None:
        return out
    inside = trees[0].query_ball_point(outline, INSIDE / PIXEL)
    outside = trees[1].query_ball_point(outline, OUTSIDE / PIXEL)
    for k, place in enumerate(outline):
        if len(inside[k]) < 6 or len(outside[k]) < 8:
            continue
        a, b = grids[0][inside[k]], grids[1][outside[k]]
        z = np.concatenate([implant[tuple(a.T)], bone[tuple(b.T)]])
        xy = (np.concatenate([a, b]) - place) * PIXEL
        new = np.concatenate([np.ones(len(a)), np.zeros(len(b))])
        out[k] = _offset(xy, z, new)
    return out


def _offset(xy: NDArray, z: NDArray, new: NDArray) -> float:
    """The offset of ``new`` points over the others in a robust fit of a quadric, along the normal; NaN if steep."""
    x, y = xy.T
    design = np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y, new])
    weight = np.ones(len(z))
    for _ in range(4):  # edges, sutures, a second table seen through the gap
        root = np.sqrt(weight)[:, None]
        solution, *_ = np.linalg.lstsq(design * root, z * root[:, 0], rcond=None)
        rest = np.abs(z - design @ solution)
        weight = 1 / np.maximum(1, rest / 0.15) ** 2
    cosine = 1 / np.sqrt(1 + solution[1] ** 2 + solution[2] ** 2)
    if cosine < STEEP or (weight[new == 0] > 0.25).sum() < 6 or (weight[new > 0] > 0.25).sum() < 4:
        return np.nan
    return float(solution[-1] * cosine)

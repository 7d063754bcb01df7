"""From the completed surface to the implant as a signed distance field: gap, way out, edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.field import Field, common, distance_field, flat_distance, swept, volume_ml
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.settings import FitConfig

CAUDAL = 45.0, 65.0  # degrees from straight down along the rim: all of the temporal gap, none of it
BESIDE = 2.5  # mm around the prediction that the implant may reach to
LATERAL = 0.4  # least share of left-right in the direction of insertion for an implant that has a temporal edge


@dataclass(frozen=True, eq=False)
class Carved:
    """``field`` [X, Y, Z] mm, negative inside the implant. ``lost_ml`` says what each step took away of ``whole_ml``.

    ``opening`` bool [X, Y]: where the missing bone is seen along the last axis. ``tabs`` bool [X, Y]: where
    tabs reach over it and the bone. ``extra`` [X, Y] mm: how much more than the clearance the gap is meant to be. ``text`` bool
    [X, Y]: where something is engraved.
    """

    field: Field
    opening: NDArray[np.bool_]
    extra: Field
    lattice: Geometry
    whole_ml: float
    lost_ml: dict[str, float]
    tabs: NDArray[np.bool_] | None = None
    text: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Site:
    """Where a solid is to be, as far as the skull and the way in decide it.

    ``seeds`` [N, 3] are voxels of ``lattice`` in the missing bone, ``flat`` bool [X, Y] where it is seen along the last axis
    and ``columns`` bool [X, Y] what the implant may reach. ``distance`` [X, Y, Z] is the bone's signed distance in mm, exact
    near the bone in those columns. ``extra`` [X, Y] mm: see Carved.
    """

    lattice: Geometry
    seeds: NDArray[np.integer]
    flat: NDArray[np.bool_]
    columns: NDArray[np.bool_]
    distance: Field
    extra: Field


def site_of(bone: Mesh, predicted: NDArray, lattice: Geometry, config: FitConfig) -> Site:
    """The site of a solid that goes in against the lattice's last axis, in ``bone``, a closed mesh in LPS mm.

    ``predicted`` [N, 3] are points all over the missing bone, LPS mm, no more than 2 mm apart.
    """
    voxel = lattice.spacing[0]
    seeds = np.rint(lattice.to_index(predicted)).astype(int)
    seeds = seeds[((seeds >= 0) & (seeds < lattice.shape)).all(axis=1)]
    flat = np.zeros(lattice.shape[:2], bool)
    flat[seeds[:, 0], seeds[:, 1]] = True
    columns = np.asarray(ndimage.distance_transform_edt(~flat) * voxel < BESIDE)
    width = int(np.ceil((config.clearance_mm + config.temporal_mm) / voxel)) + 1
    distance = distance_field(bone, Scene(bone), lattice, width, columns[:, :, None])
    return Site(lattice, seeds, flat, columns, distance, temporal_gap(lattice, columns, config.temporal_mm))


def carve(patch: Mesh, site: Site, config: FitConfig, plane: NDArray | None = None) -> Carved:
    """The part of the solid ``patch`` that can leave its ``site`` along the last axis at ``clearance_mm`` from the bone.

    The patch is closed, LPS mm. The implant is the part of the rest that holds most of the seeds. A ``plane`` [4] keeps it to
    n · x <= d, less half the clearance.
    """
    lattice, voxel = site.lattice, site.lattice.spacing[0]
    inside = distance_field(patch, Scene(patch), lattice, 1, site.columns[:, :, None])
    if plane is not None:
        inside = np.maximum(inside, behind(plane, lattice, config.clearance_mm / 2))
    gap = site.distance - config.clearance_mm - site.extra[:, :, None]
    fields = [np.maximum(inside, -each) for each in (site.distance, gap)]
    fields.append(common(inside, -swept(gap), voxel))
    feathers = thin_edges(fields[-1], voxel, config.minimum_edge_mm)
    fields.append(common(fields[-1], feathers[:, :, None], voxel) if (feathers > 0).any() else fields[-1])
    final = largest(fields[-1], site.seeds)
    sizes = [volume_ml(field, voxel) for field in (*fields, final)]
    lost = dict(zip(("clearance", "undercut", "edges", "loose parts"), (-np.diff(sizes)).tolist(), strict=True))
    opening = np.asarray((fields[0] < 0).any(axis=2)) & ndimage.binary_dilation(site.flat, iterations=round(1 / voxel))
    return Carved(final, opening, site.extra, lattice, sizes[0], lost)


def behind(plane: NDArray, lattice: Geometry, gap: float) -> Field:
    """Signed distance [X, Y, Z] to a half space n · x <= d - ``gap``, mm; ``plane`` is (n, d), n of unit length."""
    normal, offset = plane[:3], float(plane[3]) - gap
    slope = normal @ lattice.matrix
    ramps = np.ogrid[tuple(slice(n) for n in lattice.shape)]
    x, y, z = (np.float32(s) * r.astype(np.float32) for s, r in zip(slope, ramps, strict=True))
    return x + y + z + np.float32(normal @ np.asarray(lattice.origin) - offset)


def largest(field: Field, seeds: NDArray[np.integer]) -> Field:
    """``field`` with only the connected part that holds most of the voxels ``seeds`` [N, 3], its cavities filled.

    All outside where none holds any.
    """
    far = np.float32(np.abs(field).max())
    labels, count = ndimage.label(field < 0)
    votes = np.bincount(labels[tuple(seeds.T)], minlength=count + 1)[1:]
    if votes.sum() == 0:
        return np.full_like(field, far)
    keep = labels == votes.argmax() + 1
    around, _ = ndimage.label(~keep)
    cavity = ~keep & (around != around[0, 0, 0])
    return np.where(keep, field, np.where(cavity, -far, np.maximum(field, np.where(labels > 0, far, field))))


def thin_edges(field: Field, voxel: float, least: float) -> Field:
    """Flat signed distance [X, Y], positive where the solid is thinner than ``least`` mm and borders on nothing: feathers.

    Thickness is the run along the last axis times the cosine of the outer surface's slope.
    """
    solid = field < 0
    run = solid.sum(axis=2) * voxel
    footprint = run > 0
    top = (solid.shape[2] - 1 - np.argmax(solid[:, :, ::-1], axis=2)).astype(np.float32) * voxel
    weight = ndimage.gaussian_filter(footprint.astype(np.float32), 2.0)
    smooth = np.where(
        footprint, ndimage.gaussian_filter(np.where(footprint, top, 0), 2.0) / np.maximum(weight, 1e-6), 0
    )
    slope = np.hypot(*np.gradient(smooth, voxel))
    slope[~ndimage.binary_erosion(footprint)] = 0
    thin = footprint & (run / np.sqrt(1 + slope**2) < least)
    thin = ndimage.binary_opening(thin, np.ones((2, 2)))
    # Only what hangs on the edge: a thin place in the middle is a matter of the wall, not of the edge.
    labels, _ = ndimage.label(thin)
    rim = footprint & ~ndimage.binary_erosion(footprint)
    thin = np.isin(labels, np.unique(labels[thin & rim]))
    return -flat_distance(thin, voxel, 2 * voxel)


def temporal_gap(lattice: Geometry, flat: NDArray[np.bool_], extra: float) -> Field:
    """How much more gap [X, Y] mm the caudal temporal edge gets: ``extra`` within 45° of straight down, 0 beyond 65°.

    Angles are around the middle of the implant's footprint ``flat`` bool [X, Y], seen along the insertion direction. 0 for an
    implant that does not go in from the side.
    """
    axes = np.reshape(lattice.direction, (3, 3))
    if extra == 0 or not flat.any() or abs(axes[0, 2]) < LATERAL:
        return np.zeros(flat.shape, np.float32)
    down = -axes[2, :2]  # (0, 0, -1) in the plane
    length = np.hypot(*down)
    if length < 1e-6:
        return np.zeros(flat.shape, np.float32)
    middle = np.argwhere(flat).mean(axis=0)
    x, y = np.ogrid[: flat.shape[0], : flat.shape[1]]
    along = ((x - middle[0]) * down[0] + (y - middle[1]) * down[1]) / length
    far = np.maximum(np.hypot(x - middle[0], y - middle[1]), 1e-6)
    angle = np.degrees(np.arccos(np.clip(along / far, -1, 1)))
    share = np.clip((CAUDAL[1] - angle) / (CAUDAL[1] - CAUDAL[0]), 0, 1)
    return (extra * share * share * (3 - 2 * share)).astype(np.float32)

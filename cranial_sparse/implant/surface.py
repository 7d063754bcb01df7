"""The completed skull around the implant as one surface, smooth over the implant and tangent to the bone around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.mesh import Mesh, iso_surface
from cranial_sparse.implant.settings import RefineConfig
from cranial_sparse.implant.topology import directed_edges, signed_volume
from cranial_sparse.io.affine import as_triple
from cranial_sparse.trilinear import resample_field

DETAIL = 1.0  # mm between the vertices of the patch: enough for what fairing leaves
FRINGE = 0.8  # mm of bone next to the implant whose surface may give way: union and blur have rounded its edge


@dataclass(frozen=True, eq=False)
class Patch:
    """The surface of skull and implant together. ``free`` bool [V]: vertices that fairing may move.

    ``implant`` bool [V]: those that lie on the implant.
    """

    mesh: Mesh
    free: NDArray[np.bool_]
    implant: NDArray[np.bool_]


def patch(skull: Volume, implant: Volume, config: RefineConfig) -> Patch:
    """The closed surface of both bool volumes [X, Y, Z], on one grid, cut off at the array's borders.

    Cracks between the two are closed first, then ``faired``. Vertices are LPS mm, about ``DETAIL`` apart.
    """
    lattice = lattice_of(skull.geometry, DETAIL)
    bone, new = (sample(v, lattice, DETAIL / 2) for v in (skull, implant))
    field = np.minimum(bone + new, 1.0)
    to_new, to_bone = (np.asarray(ndimage.distance_transform_edt(f < 0.5), np.float32) for f in (new, bone))
    filled = cracks(field, to_new, config.closing_mm / DETAIL)
    field = np.where(filled, 1, field)
    to_changed = np.asarray(ndimage.distance_transform_edt((new < 0.5) & ~filled), np.float32)
    field = np.asarray(ndimage.gaussian_filter(field, 0.6, truncate=3.0), np.float32)
    index, triangles = iso_surface(np.pad(field, 1), 0.5)
    index = index - 1
    points = lattice.to_physical(index)
    if signed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    # The bone that was there is truth up to FRINGE from the first voxel that is new.
    at = np.clip(index, 0, np.array(field.shape) - 1).T
    to_new, to_bone, to_changed = (
        ndimage.map_coordinates(f, at, order=1) * DETAIL for f in (to_new, to_bone, to_changed)
    )
    new = to_bone > to_new  # of its own voxels a surface may be a whole one away
    free = new | (to_changed < FRINGE)
    weight = np.clip(to_bone / max(config.rim_mm, 1e-6), 0, 1) ** 4  # a plate bends over the fourth root of its pull
    if config.fairing_mm > 0:
        points = faired(points, triangles, free, weight, config.fairing_mm)
    mesh = Mesh(points.astype(np.float32), np.ascontiguousarray(triangles, np.int32))
    return Patch(mesh, free, new)


def cracks(field: NDArray[np.float32], to_new: NDArray[np.float32], radius: float) -> NDArray[np.bool_]:
    """What a closing of ``field`` > ½ by ``radius`` voxels adds no further than that from the implant.

    ``to_new`` is the distance to the implant in voxels; all are [X, Y, Z].
    """
    solid = field > 0.5
    out = ndimage.distance_transform_edt(~solid) > radius
    closed = np.asarray(ndimage.distance_transform_edt(~out)) > radius
    return closed & (to_new <= radius) & ~solid


def faired(
    points: NDArray[np.float64],
    triangles: NDArray[np.integer],
    free: NDArray[np.bool_],
    weight: NDArray[np.floating],
    length: float,
) -> NDArray[np.float64]:
    """Move the ``free`` vertices [V, 3] to the thin plate through the others that stays near where they were.

    Minimises |L x|² + Σ λ w |x - p|², L the umbrella Laplacian over edges of mean length h and λ = (2π h / length)⁴ / 16:
    a wave as long as ``length`` mm keeps half its height where w is 1; where w is 0 the neighbours alone decide. The
    plate is tangent to the fixed vertices, since L counts on those beside free ones too (Botsch and Kobbelt 2004).
    """
    n = len(points)
    edges = directed_edges(triangles)
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1)
    laplacian = (sparse.identity(n) - sparse.diags(1 / degree) @ graph).tocsr()
    spacing = float(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1).mean())
    pull = (2 * np.pi * spacing / length) ** 4 / 16 * weight[free]
    touched = np.asarray(abs(laplacian[:, free]).sum(axis=1)).ravel() > 0
    rows = laplacian[touched]
    inner, outer = rows[:, free], rows[:, ~free]
    system = (inner.T @ inner + sparse.diags(pull)).tocsc()
    right = -inner.T @ (outer @ points[~free]) + pull[:, None] * points[free]
    factor = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    moved = points.copy()
    moved[free] = factor.solve(right)
    return moved


def thickened(
    mesh: Mesh, implant: NDArray[np.bool_], centre: NDArray, fixed: float, least: float, inset: float
) -> Mesh:
    """Move the inner vertices of the ``implant`` so that it is ``fixed`` mm thick, or at least ``least``, less ``inset``.

    Outer vertices face away from ``centre`` (LPS mm, inside the head) and stay. Thickness is the distance of an inner vertex
    to the outer surface; ``fixed`` 0 keeps the bone's.
    """
    if fixed == 0 and inset == 0 and least == 0:
        return mesh
    points, normals = mesh.vertices.astype(np.float64), vertex_normals(mesh)
    facing = np.einsum("ij,ij->i", normals, points - centre)
    outer, inner = np.flatnonzero(implant & (facing > 0)), np.flatnonzero(implant & (facing < 0))
    if len(outer) == 0 or len(inner) == 0:
        return mesh
    distance, nearest = cKDTree(points[outer]).query(points[inner])
    base, normal = points[outer[nearest]], normals[outer[nearest]]
    thickness = np.einsum("ij,ij->i", base - points[inner], normal)  # along the outer normal: a vertex is not a surface
    thickness = np.where(thickness > 0, thickness, distance)
    wanted = np.full_like(thickness, fixed) if fixed > 0 else np.maximum(thickness - inset, least)
    move = np.zeros(len(points))
    move[inner] = wanted - thickness
    for _ in range(3):  # no kinks where the limit sets in
        move = np.where(np.isin(np.arange(len(points)), inner), _spread(mesh, move), 0.0)
    direction = np.zeros_like(points)
    direction[inner] = -normal
    return Mesh((points + move[:, None] * direction).astype(np.float32), mesh.triangles)


def _spread(mesh: Mesh, values: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = directed_edges(mesh.triangles)
    total = np.bincount(edges[:, 0], values[edges[:, 1]], len(values))
    count = np.bincount(edges[:, 0], minlength=len(values))
    return np.where(count > 0, (values + total) / (count + 1), values)


def vertex_normals(mesh: Mesh) -> NDArray[np.float64]:
    """Unit normals [V, 3], the faces around a vertex weighted by area."""
    corners = mesh.vertices.astype(np.float64)[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(mesh.triangles[:, corner], face[:, axis], len(total))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return total / np.where(length > 0, length, 1)


def lattice_of(geometry: Geometry, spacing: float) -> Geometry:
    """A lattice of cubes over the whole of ``geometry``, along its axes (made orthogonal)."""
    q, r = np.linalg.qr(geometry.matrix)
    q = q * np.sign(np.diag(r))
    corners = geometry.to_physical(np.array(np.meshgrid(*[(0, n - 1) for n in geometry.shape])).reshape(3, -1).T)
    return lattice_around(corners, q, spacing)


def lattice_around(points: NDArray, axes: NDArray, spacing: float, margin: float = 0.0) -> Geometry:
    """Cubes of ``spacing`` mm along the orthonormal columns of ``axes`` around points [N, 3] and ``margin`` mm more."""
    local = points @ axes
    low, high = local.min(axis=0) - margin, local.max(axis=0) + margin
    x, y, z = (int(n) + 1 for n in np.ceil((high - low) / spacing))
    return Geometry((x, y, z), (spacing,) * 3, as_triple(axes @ low), tuple(axes.ravel().tolist()))


def sample(volume: Volume, lattice: Geometry, sigma: float) -> NDArray[np.float32]:
    """A bool volume blurred by ``sigma`` mm and read at every voxel of ``lattice``, trilinear, 0 outside."""
    field = np.asarray(
        ndimage.gaussian_filter(
            volume.array.astype(np.float32), [sigma / step for step in volume.geometry.spacing], truncate=2.5
        )
    )
    matrix = np.linalg.inv(volume.geometry.matrix) @ lattice.matrix
    offset = volume.geometry.to_index(np.asarray(lattice.origin))
    return resample_field(field, matrix, offset, lattice.shape, 0.0)

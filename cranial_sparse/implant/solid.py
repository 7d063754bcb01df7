"""From a field to one clean solid, and back to voxels."""

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.field import Field
from cranial_sparse.implant.mesh import Mesh, iso_surface
from cranial_sparse.implant.topology import signed_volume, vertex_parts
from cranial_sparse.metrics.boxes import Box, bounding_box, reached
from cranial_sparse.trilinear import resample_field

CLEAR = 0.005  # mm: a surface nearer to a lattice point than this makes triangles there that a program that welds would lose


def surface(field: Field, lattice: Geometry) -> Mesh:
    """Where ``field`` (mm) is 0, within 0.005 mm, in LPS mm; closed, since the field is positive at the lattice's borders or
    padded there."""
    clear = np.where(np.abs(field) < CLEAR, np.copysign(CLEAR, field), field)
    index, triangles = iso_surface(np.pad(clear, 1, constant_values=1.0), 0.0)
    points = lattice.to_physical(index - 1)
    if signed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    return Mesh(points.astype(np.float32), np.ascontiguousarray(triangles, np.int32))


def largest_shell(mesh: Mesh) -> Mesh:
    """``mesh`` itself where it is one shell, else that of its shells with the most vertices."""
    label = vertex_parts(len(mesh.vertices), mesh.triangles)
    if label.max() == 0:
        return mesh
    keep = label == np.bincount(label).argmax()
    number = np.cumsum(keep) - 1
    return Mesh(mesh.vertices[keep], number[mesh.triangles[keep[mesh.triangles[:, 0]]]].astype(np.int32))


def decimated(mesh: Mesh, tolerance: float) -> Mesh:
    """The same solid with the fewest triangles that keep within ``tolerance`` mm of it, still manifold (manifold3d).

    Of separate shells the largest is kept. Raises ValueError where ``mesh`` is not a closed, oriented manifold.
    """
    from manifold3d import Error, Manifold
    from manifold3d import Mesh as ManifoldMesh

    body = Manifold(ManifoldMesh(np.ascontiguousarray(mesh.vertices), np.ascontiguousarray(mesh.triangles, np.uint32)))
    if body.status() != Error.NoError:
        raise ValueError(f"implant surface is not a manifold: {body.status()}")
    light = max(body.simplify(tolerance).decompose(), key=Manifold.volume).to_mesh()
    vertices = np.array(light.vert_properties, np.float32)[:, :3]  # its own arrays are read-only
    return Mesh(vertices.copy(), np.array(light.tri_verts, np.int32))


def voxels(field: Field, lattice: Geometry, grid: Geometry) -> tuple[Box, NDArray[np.bool_]]:
    """The solid on another ``grid``: the box of voxels around it, and those whose centres are inside."""
    solid = bounding_box(field < 0)
    if solid is None:
        return (slice(0), slice(0), slice(0)), np.zeros((0, 0, 0), bool)
    box = grid.to_index(lattice.to_physical(reached(solid)))
    low = np.clip(np.floor(box.min(axis=0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(box.max(axis=0)).astype(int) + 1, 0, grid.shape)
    high = np.maximum(low, high)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    if (high == low).any():
        return (x, y, z), np.zeros(high - low, bool)
    matrix = np.linalg.inv(lattice.matrix) @ grid.matrix
    offset = lattice.to_index(grid.to_physical(low))
    size = (x.stop - x.start, y.stop - y.start, z.stop - z.start)
    return (x, y, z), resample_field(field, matrix, offset, size, 1.0) < 0

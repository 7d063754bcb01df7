"""Surface meshes in patient coordinates (LPS mm): STL, PLY, and a closed surface as voxels."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.affine import as_triple
from cranial_sparse.io.payload import read_bytes, write_atomic

MESH_SUFFIXES = (".stl", ".ply")
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_PLY_NAMES = {
    1: b"char uchar int8 uint8",
    2: b"short ushort int16 uint16",
    4: b"int uint float int32 uint32 float32",
    8: b"double float64",
}
_PLY_SIZES = {name: size for size, names in _PLY_NAMES.items() for name in names.split()}
_PLY_DAMAGED = "not a PLY file, or cut off before its last vertex or face; export it again"
_MARGIN = 4  # voxels of air around a voxelized mesh
_MAX_VOXELS = 1 << 30


def read_mesh(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices [V, 3] mm and triangles [T, 3] of an STL or PLY file, equal corners merged.

    Raises InputError where the file is missing, damaged, holds no triangles or has vertices that are not finite.
    """
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(f"{path}: expected a mesh ({', '.join(MESH_SUFFIXES)}), got '{path.suffix}'")
    data = read_bytes(path)
    vertices, triangles = _parse_stl(data, path) if path.suffix.lower() == ".stl" else _read_ply(data, path)
    if len(triangles) == 0:
        raise InputError(f"{path}: no triangles in this file; export a closed surface mesh")
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise InputError(f"{path}: corrupt, its triangles name vertices that are not there; export it again")
    if not np.isfinite(vertices).all():
        raise InputError(f"{path}: vertices that are not finite (NaN or infinite); repair or export the mesh again")
    return _merge(vertices, triangles)


def write_mesh(path: str | Path, vertices: NDArray, triangles: NDArray) -> None:
    """Write vertices [V, 3] mm and triangles [T, 3] as binary STL or PLY, atomically. Raises InputError."""
    path = Path(path)
    match path.suffix.lower():
        case ".stl":
            write_atomic(path, _stl_chunks(np.asarray(vertices), np.asarray(triangles)))
        case ".ply":
            write_atomic(path, _ply_chunks(np.asarray(vertices), np.asarray(triangles)))
        case suffix:
            raise InputError(f"{path}: can write {', '.join(MESH_SUFFIXES)}, got '{suffix}'")


def voxelize(vertices: NDArray, triangles: NDArray, spacing: float = 0.45, source: str = "mesh") -> Volume:
    """Bool volume [X, Y, Z] whose voxels' centres lie inside a closed surface, axes along LPS, ``spacing`` mm apart.

    Each column of voxels along z is crossed by the surface an even number of times; a voxel is inside where the count
    below it is odd, whichever way the triangles face. Raises InputError where the surface is open or its box too large.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    shape = np.ceil((high - low) / spacing).astype(int) + 2 * _MARGIN
    if np.prod(shape, dtype=float) > _MAX_VOXELS:
        raise InputError(
            f"{source}: {' × '.join(map(str, shape))} voxels of {spacing:g} mm are too many; is the mesh in mm?"
        )
    # Half a voxel and a bit: columns through vertices on a round lattice would have to break ties everywhere.
    origin = low - (_MARGIN - 0.5 - 1e-4 * np.array([1.0, np.sqrt(2.0), np.sqrt(3.0)])) * spacing
    crossings = np.zeros((shape[0], shape[1], shape[2] + 1), np.uint8)  # wraps at 256, which keeps what is odd odd
    for start in range(0, len(triangles), 1 << 18):
        corners = (vertices[triangles[start : start + (1 << 18)]] - origin) / spacing  # [T, 3, 3] in voxels
        _count_crossings(corners, crossings)
    inside = np.bitwise_xor.accumulate(crossings & 1, axis=2).view(bool)
    if inside[:, :, -1].sum() > 1e-3 * max(1, np.count_nonzero(inside.any(axis=2))):  # type: ignore
        raise InputError(f"{source}: the surface is not closed; repair it (fill its holes) before use")
    # A column that slips through a crack would fill to the top: leave it empty.
    inside &= ~inside[:, :, -1:]
    geometry = Geometry((int(shape[0]), int(shape[1]), int(shape[2])), (spacing, spacing, spacing), as_triple(origin))
    return Volume(np.ascontiguousarray(inside[:, :, :-1]), geometry)


def _count_crossings(corners: NDArray, crossings: NDArray[np.uint8]) -> None:
    """Add one at the first voxel above every crossing of a column (x, y) with a triangle of [T, 3, 3], in voxels."""
    low = np.ceil(corners[:, :, :2].min(axis=1)).astype(np.int64)  # [T, 2] first column inside the triangle's box
    count = np.floor(corners[:, :, :2].max(axis=1)).astype(np.int64) - low + 1
    hit = np.flatnonzero((count > 0).all(axis=1))
    total = count[hit].prod(axis=1)
    first = np.cumsum(total) - total
    owner = np.repeat(np.arange(len(hit)), total)
    within = np.arange(total.sum()) - first[owner]
    width = count[hit][owner, 1]
    columns = low[hit][owner] + np.stack([within // width, within % width], axis=1)  # [K, 2]
    triangle = corners[hit][owner]  # [K, 3, 3]

    # Signed areas against the three edges. An edge is computed from its lower end whichever triangle asks, so that
    # neighbours agree to the bit and no column is counted twice or missed along their common edge.
    sides = []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        start, end = triangle[:, a], triangle[:, b]
        swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
        start, end = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
        edge, to = end[:, :2] - start[:, :2], columns - start[:, :2]
        left = edge[:, 0] * to[:, 1] - edge[:, 1] * to[:, 0] >= 0
        sides.append(left ^ swap)
    inside = (sides[0] == sides[1]) & (sides[1] == sides[2])
    triangle, columns = triangle[inside], columns[inside]

    normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    steep = normal[:, 2] != 0
    triangle, columns, normal = triangle[steep], columns[steep], normal[steep]
    offset = ((columns - triangle[:, 0, :2]) * normal[:, :2]).sum(axis=1) / normal[:, 2]
    height = np.clip(np.ceil(triangle[:, 0, 2] - offset), 0, crossings.shape[2] - 1).astype(np.int64)
    np.add.at(crossings.reshape(-1), np.ravel_multi_index((*columns.T, height), crossings.shape), 1)


def _merge(vertices: NDArray, triangles: NDArray) -> tuple[NDArray, NDArray]:
    """Give equal vertices one number, axis by axis: several times faster than ``np.unique`` over rows."""
    first = label = np.zeros(len(vertices), np.int64)
    for column in vertices.T:
        values, rank = np.unique(column, return_inverse=True)
        _, first, label = np.unique(label * len(values) + rank, return_index=True, return_inverse=True)
    return vertices[first], label[triangles]


def _parse_stl(data: bytes, path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Binary or text, told apart by the size that a binary file's triangle count implies."""
    count = int.from_bytes(data[80:84], "little") if len(data) >= 84 else -1
    if count >= 0 and len(data) == 84 + count * _STL_TRIANGLE.itemsize:
        corners = np.frombuffer(data, _STL_TRIANGLE, count, 84)["corners"].reshape(-1, 3)
    elif data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:1000]:
        words = data.split()
        starts = np.flatnonzero(np.array(words) == b"vertex")
        try:
            corners = np.array([words[start + 1 : start + 4] for start in starts], np.float64).reshape(-1, 3)
        except ValueError:
            raise InputError(f"{path}: corrupt or cut off STL text; export it again") from None
        if len(corners) % 3 or words[-1] == b"vertex" or b"endsolid" not in data[-200:]:
            raise InputError(f"{path}: corrupt or cut off STL text; export it again")
    else:
        raise InputError(
            f"{path}: not an STL file, or cut off ({len(data)} bytes for {count} triangles); export it again"
        )
    vertices = corners.astype(np.float64)
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def _read_ply(data: bytes, path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if not data.startswith(b"ply") or b"end_header" not in data:  # told before a missing library is
        raise InputError(f"{path}: {_PLY_DAMAGED}")
    o3d = import_open3d(f"{path}: reading PLY")
    with quiet_open3d(o3d):
        mesh = o3d.io.read_triangle_mesh(path)
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles).astype(np.int64)
    check_ply(data, len(vertices), len(triangles), path)
    return vertices, triangles


def check_ply(data: bytes, vertices: int, triangles: int, path: Path) -> None:
    """Raises InputError where a file holds less than its header promises: Open3D keeps what it got, or zeros."""
    header, _, body = data.partition(b"end_header")
    elements = {name: int(count) for name, count in re.findall(rb"element (\w+) (\d+)", header)}
    of_vertex = header.partition(b"element vertex")[2].partition(b"element")[0]
    row = sum(_PLY_SIZES.get(name, 0) for name in re.findall(rb"property (\w+)", of_vertex))
    count = elements.get(b"vertex", -1)
    held = body.count(b"\n") if b"format ascii" in header else (len(body) - 1) // max(1, row)
    if vertices != count or held < count or triangles < elements.get(b"face", 0):
        raise InputError(f"{path}: {_PLY_DAMAGED}")


@contextmanager
def quiet_open3d(o3d) -> Iterator[None]:
    """Open3D and the PLY library below it print complaints of their own; ours is the one line that follows."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_open3d(purpose: str):
    """The open3d module. Raises InputError, saying how to get it, where it or its system library is missing."""
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise InputError(
            f"{purpose} needs open3d, which does not load ({error});"
            " install open3d-cpu, and the system package libusb-1.0-0 on Debian or Ubuntu"
        ) from None
    return open3d


def _stl_chunks(vertices: NDArray, triangles: NDArray) -> Iterable[bytes]:
    record = np.zeros(len(triangles), _STL_TRIANGLE)
    corners = vertices[triangles]  # [T, 3, 3]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    record["corners"] = corners
    record["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    yield b"cranial_sparse, LPS, mm".ljust(80, b"\0") + len(triangles).to_bytes(4, "little")
    yield record.tobytes()


def _ply_chunks(vertices: NDArray, triangles: NDArray) -> Iterable[bytes]:
    yield (
        "ply\nformat binary_little_endian 1.0\ncomment LPS, mm\n"
        f"element vertex {len(vertices)}\nproperty double x\nproperty double y\nproperty double z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    yield np.ascontiguousarray(vertices, "<f8").tobytes()
    faces = np.empty(len(triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, triangles
    yield faces.tobytes()

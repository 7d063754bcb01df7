"""Points with normals as PLY, through Open3D."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cranial_sparse.errors import InputError
from cranial_sparse.io.mesh import check_ply, import_open3d, quiet_open3d
from cranial_sparse.io.payload import read_bytes, write_atomic
from cranial_sparse.points import Points


def write_points(path: str | Path, points: Points) -> None:
    """Write a binary PLY with normals, LPS mm, atomically. Raises InputError where open3d or the folder is missing."""
    path = Path(path)
    o3d = import_open3d(f"{path}: writing PLY")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.positions.astype(np.float64)))
    cloud.normals = o3d.utility.Vector3dVector(points.normals.astype(np.float64))
    with TemporaryDirectory() as folder:
        part = Path(folder) / "points.ply"
        if not o3d.io.write_point_cloud(part, cloud):
            raise InputError(f"{path}: open3d could not write {len(points.positions)} points; is the disk full?")
        write_atomic(path, [part.read_bytes()])


def read_points(path: str | Path) -> Points:
    """Read a PLY of points with normals. Raises InputError where it is damaged, empty or has no normals."""
    path = Path(path)
    data = read_bytes(path)
    o3d = import_open3d(f"{path}: reading PLY")
    with quiet_open3d(o3d):
        cloud = o3d.io.read_point_cloud(path)
    positions, normals = np.asarray(cloud.points), np.asarray(cloud.normals)
    check_ply(data, len(positions), 0, path)
    if len(positions) == 0 or normals.shape != positions.shape:
        raise InputError(
            f"{path}: expected points with normals, got {len(positions)} points and {len(normals)} normals"
        )
    return Points(positions.astype(np.float32), normals.astype(np.float32))

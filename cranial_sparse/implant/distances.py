"""Distances from points to a surface, rays against it: Open3D's ray-casting scene, one line each."""

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.io.mesh import import_open3d


class Scene:
    """A surface that can be asked; raises InputError where Open3D does not load."""

    def __init__(self, mesh: Mesh) -> None:
        o3d = import_open3d("implant design")
        self._scene = o3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(mesh.triangles, np.uint32)
        )
        self.distance(np.zeros((1, 3)))  # the first question builds its tree; from then on several threads may ask

    def distance(self, points: NDArray) -> NDArray[np.float32]:
        """Unsigned distances [N] of points [N, 3], mm."""
        return self._scene.compute_distance(np.ascontiguousarray(points, np.float32)).numpy()

    def signed_distance(self, points: NDArray) -> NDArray[np.float32]:
        """Distances [N] of points [N, 3], negative inside the closed surface, mm."""
        return self._scene.compute_signed_distance(np.ascontiguousarray(points, np.float32)).numpy()

    def closest(self, points: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The closest points [N, 3] of the surface, and the unit normals [N, 3] of the triangles they lie on."""
        found = self._scene.compute_closest_points(np.ascontiguousarray(points, np.float32))
        return found["points"].numpy(), found["primitive_normals"].numpy()

    def cast(self, origins: NDArray, directions: NDArray) -> NDArray[np.float32]:
        """How far [N] rays from ``origins`` [N, 3] along unit ``directions`` [N, 3] or [3] go; inf where they hit nothing."""
        rays = np.empty((len(origins), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origins, directions
        return self._scene.cast_rays(rays)["t_hit"].numpy()

"""An implant that goes in whole along no direction, in two halves that go in one after the other."""

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.checks import DENSITY, sampled
from cranial_sparse.implant.direction import Direction, find_direction
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.insertion import sweep
from cranial_sparse.implant.mesh import Mesh

Piece = tuple[NDArray, Direction, NDArray | None]  # points [N, 3], the way out, the plane [4] to stay behind


def split(bone: NDArray, points: NDArray, normal: NDArray, cone_deg: float) -> list[Piece]:
    """Two halves of ``points`` [N, 3], each with its own direction and the plane [4] it stays behind (n · x <= d).

    The cut is across the longest side of the implant.
    """
    centred = points - points.mean(axis=0)
    axis = np.linalg.svd(centred - np.outer(centred @ normal, normal), full_matrices=False)[2][0]
    at = float(points.mean(axis=0) @ axis)
    halves: list[Piece] = []
    for side in (1.0, -1.0):
        half = points[(points @ axis - at) * side <= 0]
        plane = np.append(axis * side, at * side)
        own = half - bone.mean(axis=0)
        own = (own / np.linalg.norm(own, axis=1, keepdims=True)).mean(axis=0)
        halves.append((half, find_direction(bone, half, normal + own, cone_deg), plane))
    return halves


def met(coming: Mesh, there: Mesh, lattice: Geometry) -> int:
    """Rays that meet the half that is ``there`` while the other one comes in along the last axis of its ``lattice``."""
    return sweep(coming, sampled(coming, DENSITY), there, Scene(there), np.zeros((0, 3)), lattice).collisions

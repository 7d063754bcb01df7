"""Proof that a finished implant can be moved in: the solid swept along its direction against the skull."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.geometry import Geometry
from cranial_sparse.implant.direction import COARSE, blocked_share
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.mesh import Mesh

ASIDE = 2 * COARSE  # mm: coarse points of the mesh itself can lie just outside its box
SHIFTS = (0.5, 1.5, 4.0)  # mm out of place at which the least gap is measured


@dataclass(frozen=True)
class Sweep:
    """``collisions``: rays along the way that meet bone (0: free). ``rays``: how many were cast. ``least_gap``: mm."""

    collisions: int
    rays: int
    least_gap: float


def sweep(solid: Mesh, samples: NDArray, bone: Mesh, scene: Scene, far: NDArray, lattice: Geometry) -> Sweep:
    """Move ``solid`` out along the lattice's last axis to infinity and count what it meets.

    A vertex or sample of the solid that starts a ray outward must meet no bone, and a vertex of the bone that starts one
    inward must meet no solid: together all contacts of a vertex with a face, either way. Beyond the ``bone`` mesh, which
    holds what is near, points ``far`` [N, 3] of the whole skull (``coarse_points``) stand in its way.
    """
    outward = np.reshape(lattice.direction, (3, 3))[:, 2]
    starts = np.concatenate([solid.vertices, samples])
    hits = int(np.isfinite(scene.cast(starts, outward)).sum())
    local = lattice.to_index(bone.vertices)
    columns = ((local[:, :2] >= 0) & (local[:, :2] <= np.array(lattice.shape[:2]) - 1)).all(axis=1)
    hits += int(np.isfinite(Scene(solid).cast(bone.vertices[columns], -outward)).sum())
    low, high = bone.vertices.min(axis=0) - ASIDE, bone.vertices.max(axis=0) + ASIDE
    beyond = far[((far < low) | (far > high)).any(axis=1)]
    if len(beyond):
        hits += round(blocked_share(beyond, samples, outward, COARSE) * len(samples))
    near = samples[scene.distance(samples) < 1.5]
    gaps = [float(scene.distance(near + shift * outward).min()) for shift in SHIFTS] if len(near) else [np.inf]
    return Sweep(hits, len(starts) + int(columns.sum()), min(gaps))

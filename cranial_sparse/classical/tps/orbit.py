"""The orbital region, where rays meet more than two surfaces: the atlas's own distances, bent to the patient."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.maps import PIXEL_MM, look_up, to_pixel
from cranial_sparse.classical.orbital import BOX, CLIP, NEAR, Orbit, orbital_share, signed_distance
from cranial_sparse.classical.tps.patient import Placed
from cranial_sparse.classical.tps.spline import fit_spline
from cranial_sparse.classical.tps.template import Template
from cranial_sparse.completion.frame import Pose
from cranial_sparse.data.atlas import Atlas, read_atlas
from cranial_sparse.geometry import Volume

REACH = 30.0  # mm from the hole: bone there says by how much the bent distances must still change
SMOOTHING = 20.0  # mm
PITCH = np.deg2rad(-9.09)  # about x: how the atlas is turned in the canonical frame, as estimate_pose finds it
SHIFT = np.array([0.0, -0.60, -0.27])  # mm, likewise
MEASURED = 1200  # voxels, since the cost grows with their cube


def bend_orbit(
    skull: Volume, pose: Pose, hole: NDArray, placed: Placed, template: Template, presence: NDArray
) -> Orbit | None:
    """Signed distance (mm) over the orbital region, or None where the ``hole`` [P, P] stays clear of it.

    The spline runs from the patient's points to the template's, so that the atlas can be read at every voxel. What the
    defective ``skull`` shows corrects it, as fitted_to_rim does for maps.
    """
    share = orbital_share(presence)
    if not (share[hole] > 0).any():
        return None
    points = BOX.to_physical(np.moveaxis(np.indices(BOX.shape), 0, -1)).reshape(-1, 3)
    outer, inner = placed.outer.seen, placed.inner.seen
    back = fit_spline(
        np.concatenate([placed.outer.points[outer], placed.inner.points[inner]]),
        np.concatenate([template.outer.points[outer], template.inner.points[inner]]),
    )
    atlas = read_atlas()
    index = atlas_index(back(points), atlas)
    bent = -map_coordinates(atlas.distance, index.T, order=1, mode="nearest", prefilter=False)
    bent = np.clip(bent, -CLIP, CLIP).astype(np.float64)
    distance, seen = signed_distance(skull, pose)
    radius = np.linalg.norm(points, axis=1)
    gap = look_up(distance_transform_edt(~hole), to_pixel(points / radius[:, None])) * (PIXEL_MM * radius / 90.0)
    known = np.flatnonzero(seen.ravel() & (gap > NEAR) & (gap < REACH))
    if len(known) >= 4:
        chosen = np.random.default_rng(0).permutation(known)[:MEASURED]
        change = fit_spline(points[chosen], (distance.ravel() - bent)[chosen, None], SMOOTHING)(points)[:, 0]
        bent += change
    return Orbit(bent.reshape(BOX.shape), share)


def atlas_index(points: NDArray, atlas: Atlas) -> NDArray[np.float64]:
    """Voxels [..., 3] of the ``atlas`` at canonical ``points`` [..., 3] (mm)."""
    turn = Rotation.from_rotvec([PITCH, 0, 0]).as_matrix()
    return (points @ turn.T + SHIFT - np.asarray(atlas.origin)) / atlas.step

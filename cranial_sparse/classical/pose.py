"""Find a skull's pose by laying its outer table onto the mean radial map."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.maps import INNERMOST, OUTERMOST, PIXELS, cast, directions, look_up, to_pixel
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

VERTEX_HEIGHT = 75.0  # mm from the canonical origin to the vertex of the mean skull
ROUNDS, STEPS = 4, 30


def estimate_pose(skull: Volume, mean_outer: NDArray) -> tuple[Pose, float]:
    """Rigid pose of a skull (bool [X, Y, Z]) and its size relative to the mean map ``mean_outer`` [P, P] (mm).

    Robust to holes, missing faces and fixtures: outer points are cast from outside, fitted by iteratively
    reweighted Gauss-Newton (Geman-McClure weights), and cast again from the new pose.

    Raises InputError where there is no bone or too little vault is in view.
    """
    unit = _sparse_directions()
    pose, size = first_guess(skull), 1.0
    for _ in range(ROUNDS):
        rays = cast(skull, pose, unit, np.full(len(unit), INNERMOST), np.full(len(unit), OUTERMOST), step=1.0)
        met = np.isfinite(rays.outer)
        if met.mean() < 0.3:
            raise InputError(
                f"skull: only {met.mean():.0%} of the vault is in view, expected at least 30 %; "
                "give a scan that shows the vault above the orbits"
            )
        points = pose.to_patient(unit[met] * rays.outer[met, None])
        pose, size = _fit(points, pose, mean_outer)
    return pose, size


def _sparse_directions() -> NDArray[np.float64]:
    unit, inside = directions()
    return unit[::3, ::3][inside[::3, ::3]]


def first_guess(skull: Volume) -> Pose:
    """Axes as the header says, centre below the vertex and in the middle of the upper 100 mm of bone."""
    index = np.argwhere(skull.array[::4, ::4, ::4]) * 4
    if len(index) == 0:
        raise InputError("skull: the volume holds no bone; give a mask or CT that shows a skull")
    points = skull.geometry.to_physical(index)
    top = np.quantile(points[:, 2], 0.9999)
    upper = points[points[:, 2] > top - 100]
    low, high = np.quantile(upper[:, :2], [0.002, 0.998], axis=0)
    return Pose(np.eye(3), np.array([*((low + high) / 2), top - VERTEX_HEIGHT]))


def _fit(points: NDArray, pose: Pose, mean_outer: NDArray) -> tuple[Pose, float]:
    rotation, centre, size = pose.rotation, pose.centre, 1.0

    def residual(rotation: NDArray, centre: NDArray, size: float) -> tuple[NDArray, NDArray]:
        local = (points - centre) @ rotation
        radius = np.linalg.norm(local, axis=1)
        pixel = to_pixel(local / radius[:, None])
        on_disc = (np.hypot(*(pixel - (PIXELS - 1) / 2).T) < PIXELS / 2 - 1) & (local[:, 2] > -30)
        return radius - size * look_up(mean_outer, pixel), on_disc

    # weak priors keep directions that the points do not determine where they are
    prior = np.diag([0.1] * 3 + [1e-4] * 3 + [1.0])
    for _ in range(STEPS):
        error, used = residual(rotation, centre, size)
        scale = max(4.0, 1.5 * float(np.median(np.abs(error[used]))))
        weight = used / (1 + (error / scale) ** 2) ** 2
        jacobian = np.empty((len(points), 7))
        for k in range(3):
            turn = Rotation.from_rotvec(1e-3 * np.eye(3)[k]).as_matrix()
            jacobian[:, k] = (residual(rotation @ turn, centre, size)[0] - error) / 1e-3
            jacobian[:, 3 + k] = (residual(rotation, centre + 0.1 * rotation[:, k], size)[0] - error) / 0.1
        jacobian[:, 6] = (residual(rotation, centre, size + 1e-3)[0] - error) / 1e-3
        normal = (jacobian * weight[:, None]).T
        step = -np.linalg.solve(normal @ jacobian + prior, normal @ error)
        rotation = rotation @ Rotation.from_rotvec(step[:3]).as_matrix()
        centre, size = centre + rotation @ step[3:6], size + step[6]
        if np.abs(step[:3]).max() < 1e-4 and np.abs(step[3:6]).max() < 0.01:
            break
    return Pose(rotation, centre), float(size)

"""Where a head is its own mirror image: the mid-sagittal plane, and reflections laid onto the head.

Everything happens on maps of the outer radius (classical/maps.py): a point of the reflected head is off by its radius less
the map's in its direction. Robust Gauss-Newton (Geman-McClure weights), so that a hole, a fixture or an asymmetric bump
does not pull; the scheme of pose.py, without a shape model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.maps import INNERMOST, OUTERMOST, PIXEL_MM, cast_vault, directions, look_up, to_pixel
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

REFLECTION = np.array([-1.0, 1.0, 1.0])
ROUNDS, STEPS = 3, 15
SLOPE = np.repeat([1e-3, 0.1], 3)  # rad, mm: by which derivatives are taken
SCALE = 2.0  # mm: an error that counts for a quarter
LEAST = 200  # pixels that a reflection must meet
TURN, SHIFT = 0.1, 5.0  # rad, mm: about how far the first guess of the plane may be off
NEIGHBOURHOOD = 40.0  # mm of bone around a hole that the reflected head is laid onto
MOVED = np.repeat([0.05, 3.0], 3)  # rad, mm: how far a reflected head may have to go for that


@dataclass(frozen=True, eq=False)
class Motion:
    """Rigid: ``p -> rotation @ p + shift`` (mm)."""

    rotation: NDArray[np.float64]  # [3, 3]
    shift: NDArray[np.float64]  # [3]

    def __call__(self, points: NDArray) -> NDArray[np.float64]:
        return points @ self.rotation.T + self.shift


def lay_onto(points: NDArray, outer: NDArray, spread: NDArray) -> tuple[Motion, float]:
    """The motion that lays ``points`` [N, 3] onto the surface of radius ``outer`` [P, P] (NaN: unknown), mm.

    ``spread`` [6] are standard deviations of turns (rad) and shifts (mm) about x, y, z before anything is seen; 0 holds
    one back. Also the median distance that is left, mm. Raises InputError where too few points meet the surface.
    """
    free = spread > 0
    precision = np.zeros(6)
    precision[free] = spread[free] ** -2.0
    motion, state, left = Motion(np.eye(3), np.zeros(3)), np.zeros(6), np.inf
    for _ in range(STEPS):
        at = motion(points)
        error = _off_surface(at, outer)
        met = np.isfinite(error)
        if met.sum() < LEAST:
            raise InputError("no side to mirror: the reflected head meets too little bone; choose another --system")
        left = float(np.median(np.abs(error[met])))
        scale = max(SCALE, 1.5 * left)
        slopes = [(_off_surface(_nudged(at, axis), outer) - error) / SLOPE[axis] for axis in range(6)]
        jacobian = np.stack(slopes, axis=1)
        used = met & np.isfinite(jacobian).all(1)
        weight = 1 / (1 + (error[used] / scale) ** 2) ** 2
        normal = (jacobian[used] * weight[:, None]).T
        system, side = normal @ jacobian[used] + np.diag(precision), normal @ error[used] + precision * state
        step = np.zeros(6)
        step[free] = -np.linalg.solve(system[np.ix_(free, free)], side[free])
        turn = Rotation.from_rotvec(step[:3]).as_matrix()
        motion, state = Motion(turn @ motion.rotation, turn @ motion.shift + step[3:]), state + step
        if np.abs(step[:3]).max() < 1e-4 and np.abs(step[3:]).max() < 0.01:
            break
    return motion, left


def mirrored_points(outer: NDArray) -> NDArray[np.float64]:
    """The surface of radius ``outer`` [P, P], reflected in x = 0: [N, 3] mm, by every second pixel that is known."""
    unit = directions()[0][::2, ::2]
    known = np.isfinite(outer[::2, ::2])
    return unit[known] * outer[::2, ::2][known, None] * REFLECTION


def symmetric_pose(skull: Volume, pose: Pose) -> tuple[Pose, float]:
    """``pose`` turned and shifted so that x = 0 is the mid-sagittal plane of ``skull`` (bool [X, Y, Z]).

    Also the asymmetry: the median distance of the outer table from its reflection, mm. Raises InputError where too
    little of the vault has its counterpart in view.
    """
    expected = np.full(directions()[1].shape, (INNERMOST + OUTERMOST) / 2)
    left = np.inf
    for _ in range(ROUNDS):
        rays = cast_vault(skull, pose, expected, (OUTERMOST - INNERMOST) / 2)
        outer = np.where(directions()[1], rays.outer, np.nan)
        motion, left = lay_onto(mirrored_points(outer), outer, np.array([0, TURN, TURN, SHIFT, 0, 0]))
        # a reflection in the plane that is half as far off
        half = Rotation.from_rotvec(Rotation.from_matrix(motion.rotation).as_rotvec() / 2).as_matrix()
        pose = Pose(pose.rotation @ half, pose.centre + pose.rotation @ motion.shift / 2)
    return pose, left


def reflected(pose: Pose, motion: Motion) -> Pose:
    """Where to look in the patient to see the reflected head, moved by ``motion``, in the frame of ``pose``.

    Its ``rotation`` is a reflection too.
    """
    rotation = pose.rotation * REFLECTION @ motion.rotation.T
    return Pose(rotation, pose.centre - rotation @ motion.shift)


def other_side(pose: Pose, outer: NDArray, hole: NDArray, neighbourhood: float = NEIGHBOURHOOD) -> tuple[Pose, float]:
    """The reflected head, laid onto the bone within ``neighbourhood`` mm of the ``hole`` [P, P]: no head is symmetric,
    but a part of one nearly is.

    ``outer`` [P, P] is the outer radius in ``pose`` (mm; NaN: unknown). Gives where to look, as ``reflected`` does, and the
    median distance that is left around the hole, mm. Raises InputError where too little bone is met.
    """
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    around = np.where((beyond > 0) & (beyond < neighbourhood) & directions()[1], outer, np.nan)
    motion, left = lay_onto(mirrored_points(outer), around, MOVED)
    return reflected(pose, motion), left


def _off_surface(points: NDArray, outer: NDArray) -> NDArray[np.float64]:
    radius = np.linalg.norm(points, axis=-1)
    return radius - look_up(outer, to_pixel(points / radius[:, None]))


def _nudged(points: NDArray, axis: int) -> NDArray[np.float64]:
    """``points`` [N, 3] turned (0 to 2) or shifted (3 to 5) a little."""
    if axis < 3:
        return points @ Rotation.from_rotvec(SLOPE[axis] * np.eye(3)[axis]).as_matrix().T
    return points + SLOPE[axis] * np.eye(3)[axis - 3]

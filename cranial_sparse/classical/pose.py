"""Find a skull's pose by laying its outer table onto the radial shape model."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cranial_sparse.bricks import from_dense, largest_component, to_dense
from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.maps import INNERMOST, OUTERMOST, PIXELS, cast, directions, look_up, to_pixel
from cranial_sparse.classical.reorient import Attempt, turned_poses
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume, c_ordered

VERTEX_HEIGHT = 75.0  # mm from the canonical origin to the vertex of the mean skull
ROUNDS, STEPS = 4, 20
LEAST_VAULT = 0.3  # of the rays must meet bone
CORRELATED = 15.0  # mm²: the variance of a point times how many neighbours say the same as it does
TURN = np.array([0.2, 0.1, 0.1])  # rad about x, y, z: how far heads are turned from their header; they nod most
SHIFT = 15.0  # mm: how far they are from where their bounding box puts them
PITCHES = (-0.5, -0.25, 0.0, 0.25)  # rad: a vault alone looks much the same when it nods, so several starts compete
UNSURE = 4.0  # mm: an error that counts half as much as no bone at all, when they are compared
TURNED, SHIFTED = 1e-3, 0.1  # rad, mm: by which derivatives are taken
LARGEST_TURN = 0.05  # rad in one step, so that the first steps, far from linear, stay in reach
# What is no skull is refused. Of the rays that meet bone, 0.970 to 0.996 end within 4 mm of the fitted table on 24 train
# skulls, whole, with their own defect and with others cut, and on slices of 5 mm; 0.44 on a box of 150 mm, 0.15 to 0.48
# on noise. Their sizes are 0.92 to 1.05 of the mean; 1.32 to 1.51 with the spacing 1.5 times too long.
NEAR, LEAST_NEAR = 4.0, 0.6
# 0.93 and more where heads with a defect were found that had been turned by 20, 35 and 50 degrees (38 of 48); 0.54 to
# 0.84 where not, also by 110 (none of 16).
FOUND_NEAR = 0.9
SMALLEST, LARGEST = 0.7, 1.25
NO_VAULT = f"less than {LEAST_VAULT:.0%} of the vault is in view; give a scan that shows the vault above the orbits"


class Fit(NamedTuple):
    """Where a head was found: ``cost``, ``pose``, ``outer`` radius [P, P] (mm), and of the rays that meet bone the share
    that does so ``near`` it."""

    cost: float
    pose: Pose
    outer: NDArray[np.float64]
    near: float


def estimate_pose(skull: Volume, model: MapModel) -> tuple[Pose, NDArray[np.float64]]:
    """Rigid pose of a skull (bool [X, Y, Z]), and its outer radius [P, P] in mm by the mean and modes of ``model``.

    Pose and shape are found together, as the most probable ones: with a large part missing, a rigid fit alone turns
    the head to make up for its shape. Robust to holes, missing faces and fixtures: outer points are cast from
    outside, fitted by iteratively reweighted Gauss-Newton (Geman-McClure weights), and cast again from the new pose. Where
    that does not find a head near the header's axes, its largest piece is looked at alone, without a headrest, and then all
    rotations are searched.

    Raises InputError where there is no bone, too little vault is in view, or it does not look like a skull.
    """
    found = _fit_upright(skull, model)
    if found is None or found.near < FOUND_NEAR:
        alone = largest_piece(skull)
        found = max(found, _fit_upright(alone, model), key=lambda fit: fit.near if fit else 0.0)
        if found is None or found.near < FOUND_NEAR:
            found = _fit_turned(alone, model) or found
    if found is None:
        raise InputError(NO_VAULT)
    pose, outer, near = found.pose, found.outer, found.near
    size = float(np.mean(outer / model.mean))
    if not SMALLEST <= size <= LARGEST:
        raise InputError(
            f"this does not look like a skull: it measures {size:.2f} times the mean one, expected {SMALLEST:g} to"
            f" {LARGEST:g}; check spacing and segmentation"
        )
    if near < LEAST_NEAR:
        raise InputError(
            f"this does not look like a skull: {near:.0%} of its surface lies within {NEAR:g} mm of a vault's shape,"
            f" expected {LEAST_NEAR:.0%} or more; check spacing and segmentation, and whether the vault is in the scan"
        )
    return pose, outer


def largest_piece(skull: Volume) -> Volume:
    """The largest connected part of a skull (bool [X, Y, Z]): without headrest, holder and tubes that do not touch it."""
    pieces = from_dense(torch.from_numpy(c_ordered(skull.array)))
    return Volume(to_dense(largest_component(pieces), skull.array.shape).numpy(), skull.geometry)


def fit_pose(skull: Volume, model: MapModel) -> tuple[Pose, NDArray[np.float64], float]:
    """As estimate_pose, for anything, near the header's axes; and of the rays that meet it, the share that does so near
    the fitted radius.

    Raises InputError where there is no bone or too little vault is in view.
    """
    found = _fit_upright(skull, model)
    if found is None:
        raise InputError(NO_VAULT)
    return found.pose, found.outer, found.near


def _fit_upright(skull: Volume, model: MapModel) -> Fit | None:
    guess = first_guess(skull)
    starts = [Pose(Rotation.from_rotvec([pitch, 0, 0]).as_matrix() @ guess.rotation, guess.centre) for pitch in PITCHES]
    fits = [fit for start in starts if (fit := _fit_from(start, guess, skull, model, _sparse_directions(3), ROUNDS))]
    return min(fits, key=lambda fit: fit.cost) if fits else None


def _fit_turned(skull: Volume, model: MapModel) -> Fit | None:
    """The first fit, of those that start anywhere, that is a head's beyond doubt."""
    few = _sparse_directions(6)

    def attempt(rotation: NDArray) -> Attempt | None:
        start = first_guess(skull, rotation)
        fit = _fit_from(start, start, skull, model, few, ROUNDS // 2)
        return (fit.cost * CORRELATED / (len(few) * UNSURE**2), fit.pose) if fit else None

    for pose in turned_poses(attempt):
        fit = _fit_from(pose, pose, skull, model, _sparse_directions(3), ROUNDS)
        if fit and fit.near >= FOUND_NEAR:
            return fit
    return None


def _fit_from(
    start: Pose, guess: Pose, skull: Volume, model: MapModel, unit: NDArray[np.float64], rounds: int
) -> Fit | None:
    """What is reached from ``start`` by rays along ``unit`` [M, 3]; None where too little bone is met there."""
    mean, modes = model.mean.astype(np.float64), model.modes.astype(np.float64)
    pose, shape = start, np.zeros(len(modes))
    inmost, outmost = np.full(len(unit), INNERMOST), np.full(len(unit), OUTERMOST)
    for _ in range(rounds):
        rays = cast(skull, pose, unit, inmost, outmost, step=1.0)
        met = np.isfinite(rays.outer)
        if met.mean() < LEAST_VAULT:
            return None
        points = pose.to_patient(unit[met] * rays.outer[met, None])
        pose, shape = _fit(points, pose, shape, guess, mean, modes)
    outer = mean + np.tensordot(shape, modes, 1)
    error = cast(skull, pose, unit, inmost, outmost, step=1.0).outer - look_up(outer, to_pixel(unit))
    misfit = np.where(np.isfinite(error), error**2 / (error**2 + UNSURE**2), 1.0) * UNSURE**2
    state, precision = _state(pose, guess, shape)
    near = np.abs(error[np.isfinite(error)]) < NEAR
    cost = float(misfit.sum() / CORRELATED + precision @ state**2)
    return Fit(cost, pose, outer, float(near.sum() / max(1, near.size)))


def _state(pose: Pose, guess: Pose, shape: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the priors are about, [6 + K]: turn (rad) and shift (mm) from the guess, modes; and their precisions."""
    turned = Rotation.from_matrix(guess.rotation.T @ pose.rotation).as_rotvec()
    shifted = pose.rotation.T @ (pose.centre - guess.centre)
    precision = np.concatenate([TURN**-2.0, np.full(3, SHIFT**-2.0), np.ones(len(shape))])
    return np.concatenate([turned, shifted, shape]), precision


def _sparse_directions(every: int) -> NDArray[np.float64]:
    unit, inside = directions()
    return unit[::every, ::every][inside[::every, ::every]]


def first_guess(skull: Volume, rotation: NDArray | None = None) -> Pose:
    """Axes by ``rotation`` [3, 3] or, without, as the header says; centre below the vertex and in the middle of the upper
    100 mm of bone. Raises InputError where there is none."""
    rotation = np.eye(3) if rotation is None else rotation
    index = np.argwhere(skull.array[::4, ::4, ::4]) * 4
    if len(index) == 0:
        raise InputError("the volume holds no bone; give a mask or CT that shows a skull")
    points = skull.geometry.to_physical(index) @ rotation
    top = np.quantile(points[:, 2], 0.9999)
    upper = points[points[:, 2] > top - 100]
    low, high = np.quantile(upper[:, :2], [0.002, 0.998], axis=0)
    return Pose(rotation, rotation @ [*((low + high) / 2), top - VERTEX_HEIGHT])


def _fit(
    points: NDArray, pose: Pose, shape: NDArray, guess: Pose, mean: NDArray, modes: NDArray
) -> tuple[Pose, NDArray[np.float64]]:
    rotation, centre = pose.rotation, pose.centre
    outer = mean + np.tensordot(shape, modes, 1)
    images = np.ascontiguousarray(np.moveaxis(modes, 0, -1))  # [P, P, K]
    turns = Rotation.from_rotvec(TURNED * np.eye(3)).as_matrix()  # [3, 3, 3]

    def radius_error(local: NDArray) -> tuple[NDArray, NDArray]:  # local [..., 3]: canonical mm
        radius = np.linalg.norm(local, axis=-1)
        pixel = to_pixel(local / radius[..., None])
        return radius - look_up(outer, pixel), pixel

    for _ in range(STEPS):
        local = (points - centre) @ rotation
        error, pixel = radius_error(local)
        on_disc = np.hypot(*(pixel - (PIXELS - 1) / 2).T) < PIXELS / 2 - 1
        used = on_disc & (local[:, 2] > -30)
        scale = max(2.0, 1.5 * float(np.median(np.abs(error[used]))))
        weight = used / (1 + (error / scale) ** 2) ** 2 / CORRELATED
        moved = np.concatenate([local @ turns, local - SHIFTED * np.eye(3)[:, None]])  # [6, M, 3]
        change = (radius_error(moved)[0] - error) / np.repeat([TURNED, SHIFTED], 3)[:, None]
        jacobian = np.concatenate([change.T, -look_up(images, pixel)], axis=1)  # [M, 6 + K]
        state, precision = _state(Pose(rotation, centre), guess, shape)
        normal = (jacobian * weight[:, None]).T
        step = -np.linalg.solve(normal @ jacobian + np.diag(precision), normal @ error + precision * state)
        step *= min(1.0, LARGEST_TURN / (np.abs(step[:3]).max() + 1e-12))
        rotation = rotation @ Rotation.from_rotvec(step[:3]).as_matrix()
        centre, shape = centre + rotation @ step[3:6], shape + step[6:]
        outer = mean + np.tensordot(shape, modes, 1)
        if np.abs(step[:3]).max() < 3e-4 and np.abs(step[3:6]).max() < 0.03:
            break
    return Pose(rotation, centre), shape

"""The statistical shape model as a completer: modes fitted to what is there, robustly, and the residual at the rim.

No defect mask is needed to fit: where the model wants bone and the scan has none the error is large, and such voxels lose
their weight (Geman-McClure, iteratively reweighted least squares with a Gaussian prior on the modes).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates, spline_filter

from cranial_sparse.classical.gaussian import Kernel, MapModel, conditional_mean
from cranial_sparse.classical.hole import Defect, posed_defect
from cranial_sparse.classical.maps import PIXEL_MM, look_up, to_pixel
from cranial_sparse.classical.orbital import places, signed_distance
from cranial_sparse.classical.radial import FIELD_LEVEL, Vault, hole_box
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS
from cranial_sparse.classical.ssm_model import BOX, CLIP, ShapeModel, shipped_shape_model
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.geometry import Geometry, Volume

LOGIT_PER_MM, RIM = SHIPPED_SETTINGS.logit_per_mm, SHIPPED_SETTINGS.rim


@dataclass(frozen=True)
class Fit:
    """How modes are fitted; experiments.cross_validate --system ssm compares other values."""

    ridge: float = 30.0  # voxels that say the same thing: what a mode's prior is worth against them
    scale: float = 2.0  # mm: an error that counts for a quarter
    residual: float = 15.0  # mm, correlation length of what the modes leave over


SHIPPED_FIT = Fit()
STEPS = 12
NEAR_SURFACE = 6.0  # mm from the mean surface: farther away, distances say little
GAP = 4.0  # mm: closer to the hole, distances to what is left say nothing of what was there
REACH = 25.0  # mm around the hole, in which the residual is read
NOISE = 1.0  # mm
CONDITIONING = 1500  # voxels, since the cost grows with their cube
THICKNESS = 10.0  # mm, generous, for the box around the hole


def ssm_completer(
    skull: Volume, model: ShapeModel | None = None, radial: RadialModel | None = None, fit: Fit = SHIPPED_FIT
) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    ``radial`` gives pose and hole, as for all systems. Raises InputError where there is no bone or too little of the
    vault is in view.
    """
    model, radial = model or shipped_shape_model(), radial or shipped_model()
    defect = posed_defect(skull, radial)
    return None if defect is None else ssm_field(skull, defect, model, fit)


def ssm_field(skull: Volume, defect: Defect, model: ShapeModel, fit: Fit) -> Field:
    """The fitted modes and the residual around the ``defect``, as a field."""
    pose, expected, hole = defect.pose, defect.expected, defect.hole
    distance, seen = signed_distance(skull, pose, BOX, CLIP)
    shape = fit_modes(distance, seen, model, fit)
    completed = complete_fields(distance, seen, hole, shape, model, fit)
    lattice = hole_box(Vault(expected, np.full_like(expected, THICKNESS), hole), canonical_lattice(FIELD_LEVEL))
    facts = {"modes": [round(float(value), 3) for value in shape]}
    return Field(torch.from_numpy(field_logits(completed, hole, lattice)), lattice, pose, facts=facts)


def fit_modes(distance: NDArray, seen: NDArray, model: ShapeModel, fit: Fit) -> NDArray[np.float64]:
    """Modes' coefficients [K], in standard deviations, of a skull with ``distance`` [X, Y, Z] over BOX where ``seen``."""
    mean, modes = model.fields.mean, model.fields.modes
    used = seen & (np.abs(mean) < NEAR_SURFACE)
    used[1::2, ::2] = used[::2, 1::2] = False  # half of them say as much
    target = torch.from_numpy((distance[used] - mean[used]).astype(np.float32))
    basis = torch.from_numpy(np.ascontiguousarray(modes[:, used]))  # [K, V]
    tolerance = torch.from_numpy(model.fields.spread[used] ** 2 + np.float32(NOISE**2))
    shape = torch.zeros(len(modes))
    for _ in range(STEPS):
        error = target - shape @ basis
        weight = 1 / (tolerance * (1 + (error / fit.scale) ** 2) ** 2 * fit.ridge)
        weighted = basis * weight
        shape = torch.linalg.solve(weighted @ basis.T + torch.eye(len(modes)), weighted @ target)
    return shape.double().numpy()


def complete_fields(
    distance: NDArray, seen: NDArray, hole: NDArray, shape: NDArray, model: ShapeModel, fit: Fit
) -> NDArray[np.float64]:
    """Signed distance (mm) over BOX, completed near the ``hole`` (bool [P, P]); elsewhere what the scan shows."""
    points = places(BOX)
    radius = np.linalg.norm(points, axis=-1)
    gap = look_up(distance_transform_edt(~hole), to_pixel(points / radius[..., None])) * (PIXEL_MM * radius / 90.0)
    modelled = model.fields.mean + np.tensordot(shape, model.fields.modes, 1)
    relevant = np.abs(modelled) < CLIP
    target, known = (gap < GAP + RIM) & relevant, seen & (gap >= GAP) & (gap < REACH) & relevant
    filled = distance.astype(np.float64)
    if target.any():
        filled[gap < GAP + RIM] = modelled[gap < GAP + RIM]
    if target.any() and known.any():
        rest = MapModel(modelled.astype(np.float32), np.zeros((0, *modelled.shape), np.float32), model.fields.spread)
        kernel = Kernel(fit.residual, NOISE, 0.0)
        filled[target] = conditional_mean(distance, _thinned(known), target, rest, points, kernel)
    return filled


def field_logits(distance: NDArray, hole: NDArray, lattice: Geometry) -> NDArray[np.float32]:
    """Occupancy logits on ``lattice`` from ``distance`` over BOX (cubic interpolation), fading beyond the rim."""
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    logits = np.empty(lattice.shape, np.float32)
    coefficients = spline_filter(distance, 3)
    y, z = np.meshgrid(np.arange(lattice.shape[1]), np.arange(lattice.shape[2]), indexing="ij")
    for x in range(lattice.shape[0]):
        points = lattice.to_physical(np.stack([np.full_like(y, x), y, z], -1))
        index = np.moveaxis(BOX.to_index(points), -1, 0)
        depth = map_coordinates(coefficients, index, order=3, mode="nearest", prefilter=False)
        radius = np.linalg.norm(points, axis=-1)
        past = look_up(beyond, to_pixel(points / np.maximum(radius, 1e-6)[..., None]))
        logits[x] = (depth - np.maximum(past - RIM, 0)) * LOGIT_PER_MM
    return logits


def _thinned(known: NDArray) -> NDArray[np.bool_]:
    """About CONDITIONING of the ``known`` voxels, evenly."""
    chosen = np.zeros_like(known)
    candidates = np.flatnonzero(known)
    picked = np.random.default_rng(0).choice(candidates, min(CONDITIONING, len(candidates)), replace=False)
    chosen.ravel()[picked] = True
    return chosen

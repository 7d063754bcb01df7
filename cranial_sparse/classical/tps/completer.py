"""The Completer by geometric morphometrics: pose, hole, landmarks, references, warped tables, field."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from cranial_sparse.classical.maps import PIXEL_MM, Rays, directions
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import (
    COMPLETED,
    FIELD_LEVEL,
    OFF_SURFACE,
    READING,
    Vault,
    cast_vault,
    expected_outer,
    find_hole,
    hole_box,
    vault_field,
)
from cranial_sparse.classical.radial_model import PosedMaps, RadialModel, shipped_model
from cranial_sparse.classical.tps.patient import Patient, Placed, place, read_patient
from cranial_sparse.classical.tps.references import Reference, best_fitting, leave_out_error, mean_skull, mirrored_self
from cranial_sparse.classical.tps.sliding import Relaxed, relax
from cranial_sparse.classical.tps.template import Template, template
from cranial_sparse.classical.tps.warp import fitted_to_rim, warped
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.geometry import Volume

THINNEST = 1.5  # mm


@dataclass(frozen=True, eq=False)
class Completed:
    """A vault made whole by one of the ``errors`` (mm, by reference): the ``chosen`` one; and where the points lie."""

    vault: Vault
    placed: Placed
    chosen: str
    errors: dict[str, float]


def complete_tables(
    rays: Rays, hole: NDArray, given: dict[str, NDArray], skulls: PosedMaps | None = None
) -> Completed:
    """Both tables of what ``rays`` [P, P] met made whole in the ``hole`` [P, P] and 12 mm around it.

    ``given`` are landmarks by hand in canonical mm; ``skulls`` are whole ones, from which the best-fitting is a reference
    too.
    """
    shape, patient = template(), read_patient(rays, hole)
    placed = place(shape, patient, given)
    offered = [mean_skull(shape), mirrored_self(shape, patient, placed)]
    if skulls is not None:
        offered.append(best_fitting(shape, skulls, patient, placed))
    references = [reference for reference in offered if reference is not None]
    errors = {reference.name: leave_out_error(reference, patient, placed) for reference in references}
    # the mean comes first, so it is taken where nothing can be measured
    chosen = min(references, key=lambda reference: errors[reference.name])
    vault = warp_vault(chosen, shape, patient, placed, rays)
    return Completed(vault, placed, chosen.name, errors)


def warp_vault(reference: Reference, shape: Template, patient: Patient, placed: Placed, rays: Rays) -> Vault:
    """Both tables of the ``reference`` bent to the patient and fitted to the rim of the hole."""
    region = binary_dilation(patient.hole, iterations=round(COMPLETED / PIXEL_MM) + 1) & directions()[1]
    outer, inner = patient.outer.radius.copy(), patient.inner.radius.copy()
    outer[region] = warped(reference.outer, placed.outer, region, shape.outer.radius)
    inner[region] = warped(reference.inner, placed.inner, region, shape.inner.radius)
    surface = directions()[0] * outer[..., None]
    thickness = outer - inner
    outer = fitted_to_rim(outer, rays.outer, patient.outer.known, patient.hole, region, surface)
    measured = rays.outer - rays.inner
    agreeing = patient.outer.known & (np.abs(measured - thickness) < READING)
    thickness = fitted_to_rim(thickness, measured, patient.inner.known | agreeing, patient.hole, region, surface)
    return Vault(outer, np.maximum(thickness, THINNEST), patient.hole)


def tps_completer(
    skull: Volume,
    model: RadialModel | None = None,
    landmarks: dict[str, NDArray] | None = None,
    skulls: PosedMaps | None = None,
) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    ``model`` serves to find the pose and the hole, nothing else. ``landmarks`` by name (LPS mm [3]) stand where the user has
    put them. Raises InputError where there is no bone, too little of the vault is in view or a landmark cannot be.
    """
    model = model or shipped_model()
    pose, fitted = estimate_pose(skull, model.outer)
    expected = expected_outer(skull, pose, fitted, model)
    rays = cast_vault(skull, pose, expected, OFF_SURFACE)
    hole = find_hole(rays, expected, model)
    if not hole.any():
        return None
    given = {name: pose.to_canonical(point) for name, point in (landmarks or {}).items()}
    done = complete_tables(rays, hole, given, skulls)
    return vault_field(done.vault, hole_box(done.vault, canonical_lattice(FIELD_LEVEL)), pose)

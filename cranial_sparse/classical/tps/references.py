"""What missing landmarks are taken from: the mean, the patient's own other side, or the training skull that fits best.

The published choice is the surgeon's; here each reference predicts bone that is there, around the hole, and counts the more
the better it does (Gunz et al., Journal of Human Evolution 57, 2009, compare such references for fossils).
"""

from dataclasses import fields, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from cranial_sparse.classical.maps import PIXEL_MM, Rays
from cranial_sparse.classical.radial_model import PosedMaps
from cranial_sparse.classical.tps.patient import Patient, Placed, place, read_patient
from cranial_sparse.classical.tps.procrustes import fit_similarity
from cranial_sparse.classical.tps.sliding import Relaxed
from cranial_sparse.classical.tps.surface import Surface, along
from cranial_sparse.classical.tps.template import Table, Template
from cranial_sparse.classical.tps.warp import SHIPPED_WARP, Reference, WarpSettings, warp_vault, warped
from cranial_sparse.errors import InputError

FEWEST = 20  # points of a table
INTACT = 0.5  # of the missing points must be seen on the other side, or there is no intact side


def mean_skull(template: Template) -> Reference:
    """The template itself."""
    return Reference("mean", template.outer, template.inner)


def mirrored_self(template: Template, patient: Patient, placed: Placed) -> Reference | None:
    """The patient reflected at the mid-sagittal plane, completed from the mean where neither side is known.

    None where less than half of the missing points are seen on the other side.
    """
    other = template.opposite
    missing = ~placed.outer.seen
    if missing.any() and placed.outer.seen[other][missing].mean() < INTACT:
        return None

    def reflected(table: Table, surface: Surface, relaxed: Relaxed) -> Table:
        gaps = ~surface.known
        radius = surface.radius.copy()
        radius[gaps] = warped(table, relaxed, gaps)
        return Table(relaxed.points[other] * [-1, 1, 1], radius[::-1])

    outer = reflected(template.outer, patient.outer, placed.outer)
    return Reference("mirrored", outer, reflected(template.inner, patient.inner, placed.inner))


def leave_out_error(
    reference: Reference, patient: Patient, placed: Placed, settings: WarpSettings = SHIPPED_WARP
) -> float:
    """Mean distance along rays, mm, to bone within ``left_out`` mm of the hole, completed as if it were missing too; outer
    table plus inner. Infinite where so little is left that nothing can be bent."""
    wider = read_patient(patient.rays, binary_dilation(patient.hole, iterations=round(settings.left_out / PIXEL_MM)))
    outer, inner = _without(placed.outer, wider.outer), _without(placed.inner, wider.inner)
    if min(outer.seen.sum(), inner.seen.sum()) < FEWEST:
        return np.inf
    vault = warp_vault(reference, wider, replace(placed, outer=outer, inner=inner), settings)

    def error(predicted: NDArray, surface: Surface) -> float:
        hidden = wider.hole & surface.known
        return float(np.abs(predicted - surface.radius)[hidden].mean()) if hidden.any() else np.inf

    return error(vault.outer, patient.outer) + error(vault.outer - vault.thickness, patient.inner)


def _without(relaxed: Relaxed, surface: Surface) -> Relaxed:
    return replace(relaxed, seen=relaxed.seen & surface.sees(relaxed.points))


def read_skulls(path: Path) -> PosedMaps:
    """Maps of whole skulls in canonical pose, as experiments.build_radial keeps them. Raises InputError where it holds none."""
    try:
        with np.load(path) as stored:
            return PosedMaps(*(stored[field.name] for field in fields(PosedMaps)))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(
            f"{path}: expected maps of whole skulls ({error}); make them with python -m experiments.build_radial"
        ) from error


def best_fitting(template: Template, skulls: PosedMaps, patient: Patient, placed: Placed) -> Reference | None:
    """The one of whole ``skulls`` whose shape is nearest to the patient's, by Procrustes distance of the outer points that
    both show; None where there is none. Its own points slide as the patient's have."""
    whole = [
        read_patient(Rays(outer, inner, in_view), np.zeros_like(patient.hole))
        for outer, inner, in_view in zip(skulls.outer, skulls.inner, skulls.in_view, strict=True)
    ]
    start = along(patient.outer.radius, template.outer.points)

    def distance(skull: Patient) -> float:
        points = along(skull.outer.radius, template.outer.points)
        both = skull.outer.sees(points) & placed.outer.seen
        moved = fit_similarity(points[both], start[both])(points[both])
        return float(np.sqrt(((moved - start[both]) ** 2).sum(1).mean()))

    if not whole:
        return None
    nearest = min(whole, key=distance)
    own = place(template, nearest, {})
    outer, inner = Table(own.outer.points, nearest.outer.radius), Table(own.inner.points, nearest.inner.radius)
    return Reference("best-fitting", outer, inner)

"""What missing landmarks are taken from: the mean, the patient's own other side, or the training skull that fits best.

The published choice is the surgeon's; here each reference predicts bone that is there, around the hole, and the one that
does so best is taken (Gunz et al., Journal of Human Evolution 57, 2009, compare such references for fossils).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM, Rays, look_up, to_pixel
from cranial_sparse.classical.radial_model import PosedMaps
from cranial_sparse.classical.tps.patient import Patient, Placed, place, read_patient
from cranial_sparse.classical.tps.procrustes import fit_similarity
from cranial_sparse.classical.tps.spline import fit_spline
from cranial_sparse.classical.tps.surface import along
from cranial_sparse.classical.tps.template import Table, Template
from cranial_sparse.classical.tps.warp import warped

RIM = 20.0  # mm from the hole: bone there is left out and predicted, to measure a reference
FEWEST = 6  # points left out, or there is nothing to measure
INTACT = 0.5  # of the missing points must be seen on the other side, or there is no intact side


@dataclass(frozen=True, eq=False)
class Reference:
    """A whole skull: ``name``, both tables, and which of their points [N] are that skull's own."""

    name: str
    outer: Table
    inner: Table
    own: NDArray[np.bool_]


def mean_skull(template: Template) -> Reference:
    """The atlas itself."""
    return Reference("mean", template.outer, template.inner, np.ones(len(template.opposite), bool))


def mirrored_self(template: Template, patient: Patient, placed: Placed) -> Reference | None:
    """The patient reflected at the mid-sagittal plane, completed from the mean where neither side is known.

    None where less than half of the missing points are seen on the other side.
    """
    other = template.opposite
    missing = ~placed.outer.seen
    if missing.any() and placed.outer.seen[other][missing].mean() < INTACT:
        return None
    tables = []
    for table, surface, relaxed in (
        (template.outer, patient.outer, placed.outer),
        (template.inner, patient.inner, placed.inner),
    ):
        gaps = ~surface.known
        radius = surface.radius.copy()
        radius[gaps] = warped(table, relaxed, gaps, surface.radius)
        tables.append(Table(relaxed.points[other] * [-1, 1, 1], radius[::-1]))
    return Reference("mirrored", *tables, placed.outer.seen[other])


def leave_out_error(reference: Reference, patient: Patient, placed: Placed) -> float:
    """Mean distance along rays, in mm, of points predicted on bone within 20 mm of the hole, both tables alike.

    Infinite where there are too few of the reference's own.
    """
    beyond = distance_transform_edt(~patient.hole) * PIXEL_MM
    errors = []
    for table, surface, relaxed in (
        (reference.outer, patient.outer, placed.outer),
        (reference.inner, patient.inner, placed.inner),
    ):
        unit = relaxed.points / np.linalg.norm(relaxed.points, axis=1, keepdims=True)
        rim = relaxed.seen & (look_up(beyond, to_pixel(unit)) < RIM)
        asked = rim & reference.own
        if asked.sum() < FEWEST:
            return np.inf
        kept = relaxed.seen & ~rim
        predicted = fit_spline(table.points[kept], relaxed.points[kept])(table.points[asked])
        predicted = predicted[surface.sees(predicted)]
        radius = np.linalg.norm(predicted, axis=1)
        errors.append(np.abs(radius - look_up(surface.radius, to_pixel(predicted / radius[:, None]))))
    return float(np.mean([error.mean() if len(error) else np.inf for error in errors]))


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
    return Reference("best-fitting", outer, inner, own.outer.seen)

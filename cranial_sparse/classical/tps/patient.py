"""What is left of a patient's two tables, and the template's points laid onto them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from cranial_sparse.classical.maps import Rays, directions
from cranial_sparse.classical.tps.landmarks import check_enough
from cranial_sparse.classical.tps.procrustes import Similarity, fit_similarity
from cranial_sparse.classical.tps.sliding import Relaxed, estimated, relax
from cranial_sparse.classical.tps.surface import Surface, along, filled
from cranial_sparse.classical.tps.template import NAMES, Table, Template

OBLIQUE = 4  # pixels, about 8 mm: how far from the hole an oblique cut may have taken the inner table
THIN, THICK = 1.0, 21.0  # mm: bone that is thinner or thicker is none of the vault's


@dataclass(frozen=True, eq=False)
class Patient:
    """Both tables of a skull with a ``hole`` [P, P], and the ``rays`` [P, P] that they were read from."""

    rays: Rays
    outer: Surface
    inner: Surface
    hole: NDArray[np.bool_]


def read_patient(rays: Rays, hole: NDArray) -> Patient:
    """The tables that ``rays`` [P, P] met outside the ``hole``; the inner one only where its cut cannot be oblique."""
    thickness = rays.outer - rays.inner
    outer = np.isfinite(rays.outer) & directions()[1] & ~binary_dilation(hole)
    inner = outer & (thickness > THIN) & (thickness < THICK) & ~binary_dilation(hole, iterations=OBLIQUE)
    return Patient(rays, Surface(filled(rays.outer, outer), outer), Surface(filled(rays.inner, inner), inner), hole)


@dataclass(frozen=True, eq=False)
class Placed:
    """The template's points on both of a patient's tables, and the similarity that brought them there."""

    outer: Relaxed
    inner: Relaxed
    similarity: Similarity
    given: NDArray[np.bool_]  # [N], by hand


def place(template: Template, patient: Patient, given: dict[str, NDArray]) -> Placed:
    """Lay the template onto a patient; ``given`` landmarks (canonical mm) stay where they are, all others slide.

    Landmarks that nobody placed slide as surface semilandmarks, since a mask shows no sutures to hold them. Raises
    InputError where fewer than four landmarks are given or seen, or all on a line.
    """
    by_hand = np.zeros(len(template.opposite), bool)
    places = np.zeros((len(by_hand), 3))
    for name, point in given.items():
        by_hand[NAMES.index(name)], places[NAMES.index(name)] = True, point
    start = np.where(by_hand[:, None], places, along(patient.outer.radius, template.outer.points))
    seen = patient.outer.sees(start) | by_hand
    check_enough(start[: len(NAMES)], seen[: len(NAMES)])
    similarity = fit_similarity(template.outer.points[seen], start[seen])
    outer = _lay(template, template.outer, patient.outer, similarity, by_hand, places)
    # a landmark by hand lies on the outer table; where the inner one is known behind it, it holds there too
    behind = along(patient.inner.radius, np.where(by_hand[:, None], places, template.inner.points))
    inner = _lay(template, template.inner, patient.inner, similarity, by_hand & patient.inner.sees(behind), behind)
    return Placed(outer, inner, similarity, by_hand)


def _lay(
    template: Template, table: Table, surface: Surface, similarity: Similarity, fixed: NDArray, places: NDArray
) -> Relaxed:
    start = np.where(fixed[:, None], places, along(surface.radius, similarity(table.points)))
    seen = surface.sees(start) | fixed
    start = estimated(table.points, start, seen)
    return relax(table.points, start, surface, seen, fixed, template.before, template.after)

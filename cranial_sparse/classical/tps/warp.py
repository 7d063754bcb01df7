"""A reference's tables bent onto the patient's points, read back as a radius along every direction, fitted to the rim."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import binary_dilation, distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM, directions, to_pixel
from cranial_sparse.classical.radial import Vault
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS
from cranial_sparse.classical.tps.patient import Patient, Placed
from cranial_sparse.classical.tps.sliding import Relaxed
from cranial_sparse.classical.tps.spline import fit_spline
from cranial_sparse.classical.tps.template import Table

THINNEST = 1.5  # mm
MARGIN = 8  # pixels around the region that are warped too, since they move sideways


@dataclass(frozen=True)
class Rim:
    """How a warped map is fitted to the bone around the hole: up to how far from it, and how smoothly (both mm)."""

    reach: float
    smoothing: float


@dataclass(frozen=True)
class WarpSettings:
    """What is chosen by cross-validation; experiments.cross_validate --system tps compares other values."""

    outer: Rim = Rim(12.0, 1.0)
    thickness: Rim = Rim(30.0, 30.0)
    left_out: float = 15.0  # mm around the hole: bone there is left out and predicted, to measure a reference


SHIPPED_WARP = WarpSettings()


@dataclass(frozen=True, eq=False)
class Reference:
    """A whole skull: ``name`` and both tables."""

    name: str
    outer: Table
    inner: Table


def warp_vault(reference: Reference, patient: Patient, placed: Placed, settings: WarpSettings = SHIPPED_WARP) -> Vault:
    """Both tables of the ``reference`` bent to the patient and fitted to the rim of the hole, there and 12 mm around it."""
    known, rays, hole = patient.outer.known, patient.rays, patient.hole
    region = binary_dilation(hole, iterations=round(SHIPPED_SETTINGS.completed / PIXEL_MM) + 1) & directions()[1]
    outer, inner = patient.outer.radius.copy(), patient.inner.radius.copy()
    outer[region] = warped(reference.outer, placed.outer, region)
    inner[region] = warped(reference.inner, placed.inner, region)
    surface = directions()[0] * outer[..., None]
    thickness, measured = outer - inner, rays.outer - rays.inner
    outer = fitted_to_rim(outer, rays.outer, known, hole, region, surface, settings.outer)
    # of the rim where an oblique cut may have taken the inner table, only readings that agree are believed
    believed = patient.inner.known | (known & (np.abs(measured - thickness) < SHIPPED_SETTINGS.reading))
    thickness = fitted_to_rim(thickness, measured, believed, hole, region, surface, settings.thickness)
    return Vault(outer, np.maximum(thickness, THINNEST), hole)


def warped(reference: Table, relaxed: Relaxed, region: NDArray) -> NDArray[np.float64]:
    """Radius (mm) at the pixels of ``region`` [P, P], in the order of np.nonzero, of the ``reference`` bent by the spline
    to the points that were seen; what it does not reach is as the reference, unbent."""
    seen = relaxed.seen
    spline = fit_spline(reference.points[seen], relaxed.points[seen])
    source = binary_dilation(region, iterations=MARGIN) & directions()[1]
    points = spline(directions()[0][source] * reference.radius[source, None])
    radius = np.linalg.norm(points, axis=1)
    found = LinearNDInterpolator(to_pixel(points / radius[:, None]), radius)(np.argwhere(region))
    return np.where(np.isfinite(found), found, reference.radius[region])


def fitted_to_rim(
    values: NDArray, measured: NDArray, known: NDArray, hole: NDArray, region: NDArray, surface: NDArray, fit: Rim
) -> NDArray[np.float64]:
    """``values`` [P, P] moved to meet what was ``measured`` [P, P] on the rim, where ``known`` [P, P], at ``region`` [P, P].

    A smoothing spline over the places ``surface`` [P, P, 3] (mm) carries what they differ by into the hole, so that there is
    no step. Unchanged where less than four pixels of the rim are known.
    """
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    row, column = np.indices(hole.shape)
    rim = known & (beyond <= fit.reach) & ((row + column) % 2 == 0)
    if rim.sum() < 4:
        return values
    spline = fit_spline(surface[rim], (measured - values)[rim, None], fit.smoothing)
    moved = values.copy()
    moved[region] += spline(surface[region])[:, 0]
    return moved

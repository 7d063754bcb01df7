"""A reference's table bent onto the patient's points, read back as a radius along every direction, and fitted to the rim."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import binary_dilation, distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM, directions, to_pixel
from cranial_sparse.classical.tps.sliding import Relaxed
from cranial_sparse.classical.tps.spline import fit_spline
from cranial_sparse.classical.tps.template import Table

MARGIN = 8  # pixels around the region that are warped too, since they move sideways
RIM = 12.0  # mm from the hole: bone there says by how much the warped table must still move
SMOOTHING = 5.0  # mm


def warped(reference: Table, relaxed: Relaxed, region: NDArray, otherwise: NDArray) -> NDArray[np.float64]:
    """Radius (mm) at the pixels of ``region`` [P, P], in the order of np.nonzero, of the ``reference`` bent by the spline
    to the points that were seen; what it does not reach is as ``otherwise`` [P, P]."""
    seen = relaxed.seen
    spline = fit_spline(reference.points[seen], relaxed.points[seen])
    source = binary_dilation(region, iterations=MARGIN) & directions()[1]
    points = spline(directions()[0][source] * reference.radius[source, None])
    radius = np.linalg.norm(points, axis=1)
    found = LinearNDInterpolator(to_pixel(points / radius[:, None]), radius)(np.argwhere(region))
    return np.where(np.isfinite(found), found, otherwise[region])


def fitted_to_rim(
    values: NDArray, measured: NDArray, known: NDArray, hole: NDArray, region: NDArray, surface: NDArray
) -> NDArray[np.float64]:
    """``values`` [P, P] moved to meet what was ``measured`` [P, P] on the rim, where ``known`` [P, P], at ``region`` [P, P].

    A smoothing spline over the places ``surface`` [P, P, 3] (mm) carries what they differ by into the hole, so that there is
    no step. Unchanged where less than four pixels of the rim are known.
    """
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    row, column = np.indices(hole.shape)
    rim = known & (beyond <= RIM) & ((row + column) % 2 == 0)
    if rim.sum() < 4:
        return values
    spline = fit_spline(surface[rim], (measured - values)[rim, None], SMOOTHING)
    moved = values.copy()
    moved[region] += spline(surface[region])[:, 0]
    return moved

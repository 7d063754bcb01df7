"""Tells what stands out from the outer table, pins, plates, tubes, debris, from the table itself."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from cranial_sparse.classical.maps import PIXEL_MM, Rays

AROUND, EVERY = 16.0, 2  # mm around a pixel, and every how manieth one there, that its height is compared with
FOOT = 2  # pixels around, which may show a side of it


def without_fixtures(rays: Rays, expected: NDArray, hole: NDArray, stands_out: float) -> Rays:
    """``rays`` [P, P] without the readings (NaN) of what stands out by more than ``stands_out`` mm from its
    neighbours.

    Heights are over the ``expected`` outer table [P, P] (mm), so that a steep vault does not count as one; the ``hole``
    [P, P] is no neighbour.
    """
    height = np.where(hole, np.nan, rays.outer - expected)
    proud = rays.outer - expected - local_median(height) > stands_out  # False where either is NaN
    fixture = binary_dilation(proud, iterations=FOOT)
    return replace(rays, outer=np.where(fixture, np.nan, rays.outer), inner=np.where(fixture, np.nan, rays.inner))


def local_median(values: NDArray) -> NDArray[np.float64]:
    """The lower median of what is known around each pixel [P, P]; NaN where nothing is."""
    reach = round(AROUND / PIXEL_MM)
    line = np.arange(-reach, reach + 1, EVERY)
    offsets = [(u, v) for u in line for v in line if u * u + v * v <= reach * reach]
    padded = np.pad(values, reach, constant_values=np.nan)
    rows, columns = values.shape
    stack = np.stack([padded[reach + u : reach + u + rows, reach + v : reach + v + columns] for u, v in offsets])
    stack.sort(axis=0)  # NaN last
    known = np.isfinite(stack).sum(axis=0)
    return np.take_along_axis(stack, np.maximum(known - 1, 0)[None] // 2, axis=0)[0]

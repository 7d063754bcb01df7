"""One vault laid onto another within their maps: brows, temporal lines and ridges of this head onto those of the mean one.

Rigid poses leave the features of two heads some millimetres apart, and modes of variation have to spell out a ridge that
moves as one that sinks here and rises there. Displacements over the map are found by demons (Thirion 1998), with a
smoothing of the whole displacement after every step that lets nothing finer than centimetres through.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch.nn.functional import grid_sample

from cranial_sparse.classical.maps import PIXELS, directions

FINE, COARSE = 0.8, 8.0  # pixels: ridges are what is left between the two
HIGHEST = 4.0  # mm: a ridge that stands out more is an edge of bone
STIFF = 5.0  # pixels: standard deviation of the Gaussian that smooths a displacement after each step
BLURS = (3.0, 1.5, 0.0)  # pixels, coarse to fine
STEPS = 120  # in all
SOFT = 0.3  # mm per pixel: where slopes are less, little is moved
CAUTIOUS = 0.3  # pixel⁻²: how much a difference counts in the size that its own step is divided by
INVERSIONS = 12
KNOWN = 0.5  # least share of a reading that is known


@dataclass(frozen=True, eq=False)
class Ridges:
    """What is to lie on one another: ``height`` [2, P, P] of the outer table and of thickness over their surroundings, mm, and
    how much each pixel counts, ``weight`` [2, P, P]."""

    height: NDArray[np.floating]
    weight: NDArray[np.floating]


def ridges(outer: NDArray, thickness: NDArray, known: NDArray, thick: NDArray) -> Ridges:
    """Of the maps ``outer`` where ``known`` and ``thickness`` where ``thick``, all [P, P]."""
    heights, weights = [], []
    for values, seen in ((outer, known), (thickness, thick)):
        where = seen & directions()[1]
        filled, weight = np.where(where, values, 0.0), where.astype(float)
        height = _blurred(filled, weight, FINE) - _blurred(filled, weight, COARSE)
        heights.append(np.clip(height, -HIGHEST, HIGHEST) * where)
        weights.append(np.clip(2 * gaussian_filter(weight, 1.5) - 1, 0, 1) * where)
    return Ridges(np.stack(heights), np.stack(weights))


def register(moving: Ridges, fixed: Ridges, start: NDArray | None = None, steps: int = STEPS) -> NDArray[np.float64]:
    """The displacement u [2, P, P] in pixels by which ``moving``, read at x + u(x), lies on ``fixed``; found from ``start``."""
    u = np.zeros((2, PIXELS, PIXELS)) if start is None else start
    for blur in BLURS:
        there, here = _blurred(moving.height, moving.weight, blur), _blurred(fixed.height, fixed.weight, blur)
        slope_here = _slope(here)
        both = np.concatenate([there, moving.weight])
        for _ in range(steps // len(BLURS)):
            moved, weight = np.split(displaced(both, u), 2)
            weight = weight * fixed.weight
            slope = (_slope(moved) + slope_here) / 2
            off = moved - here
            along = (slope * off * weight).sum(1)
            size = (slope**2 * weight).sum((0, 1)) + CAUTIOUS * (off**2 * weight).sum(0) + SOFT**2
            step = -along / size
            step /= np.maximum(np.hypot(*step), 1)
            u = gaussian_filter(u + step, (0, STIFF, STIFF))
    return u


def displaced(image: NDArray, displacement: NDArray) -> NDArray[np.float64]:
    """``image`` [..., P, P] read at every pixel plus its ``displacement`` [2, P, P]: linear, constant beyond the edge."""
    at = (np.indices(displacement.shape[1:]) + displacement) * (2 / (PIXELS - 1)) - 1
    layers = torch.from_numpy(np.ascontiguousarray(image, np.float64)).view(1, -1, *image.shape[-2:])
    grid = torch.from_numpy(np.ascontiguousarray(np.moveaxis(at[::-1], 0, -1)))[None]
    read = grid_sample(layers, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return read.numpy().reshape(image.shape)


def displaced_map(values: NDArray, displacement: NDArray) -> NDArray[np.float64]:
    """As displaced, of one map [P, P] with NaN, which stays NaN where half of what is read is; numbers are those of the rest."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, np.nan)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    read = displaced(values[tuple(nearest)], displacement)
    read[displaced(known.astype(float), displacement) < KNOWN] = np.nan
    return read


def inverse(displacement: NDArray) -> NDArray[np.float64]:
    """The displacement [2, P, P] that leads back: v(x) = -u(x + v(x)), by fixed-point iteration."""
    back = -displacement
    for _ in range(INVERSIONS):
        back = -displaced(displacement, back)
    return back


def mirrored(displacement: NDArray) -> NDArray[np.float64]:
    """The displacement [..., 2, P, P] of the mirrored head."""
    return displacement[..., ::-1, :] * np.array([-1.0, 1.0])[:, None, None]


def _slope(layers: NDArray) -> NDArray[np.float64]:
    """[2, L, P, P]: along either axis of ``layers`` [L, P, P]."""
    along_x, along_y = np.gradient(layers, axis=(1, 2))
    return np.stack([along_x, along_y])


def _blurred(values: NDArray, weight: NDArray, sigma: float) -> NDArray[np.float64]:
    """``values`` [..., P, P] averaged by a Gaussian of ``sigma`` pixels, each counting by its ``weight``."""
    if sigma == 0:
        return values
    over = (*(0,) * (values.ndim - 2), sigma, sigma)
    return gaussian_filter(values * weight, over) / np.maximum(gaussian_filter(weight, over), 1e-3)

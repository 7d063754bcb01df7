"""Conditional Gaussian completion of a map over the vault: exact linear algebra, no training loop.

A map (outer radius, or thickness) is modelled as a mean, a few dozen modes of variation, and what the modes leave
over as a stationary process on the mean surface, correlated with its own mirror image because heads are nearly
symmetric. Given the map outside a hole, the best guess inside it is the conditional mean (kriging; Rasmussen and
Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.19, with a low-rank plus a Matérn-3/2 kernel).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM

IMPUTATIONS = 4


@dataclass(frozen=True, eq=False)
class Kernel:
    """How what the modes leave over is correlated."""

    length: float  # mm, Matérn-3/2
    noise: float  # mm, measurement noise of one pixel
    mirror: float  # correlation with the opposite side, relative to the same side


@dataclass(frozen=True, eq=False)
class MapModel:
    """``mean`` [P, P], ``modes`` [K, P, P] scaled by their standard deviation, ``spread`` [P, P] of the residual; mm."""

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    spread: NDArray[np.float32]


def fit_map_model(maps: NDArray, valid: NDArray, modes: int) -> MapModel:
    """Mean, ``modes`` principal modes and residual spread of ``maps`` [n, P, P] where ``valid`` [n, P, P].

    Every map also counts mirrored. Pixels that were not seen are imputed by the modes themselves, alternating
    (probabilistic PCA with missing data, Roweis 1998, without the noise term).
    """
    maps, valid = np.concatenate([maps, maps[:, ::-1]]), np.concatenate([valid, valid[:, ::-1]])
    n, shape = len(maps), maps.shape[1:]
    count = valid.sum(0)
    mean = np.where(valid, maps, 0).sum(0) / np.maximum(count, 1)
    nearest = distance_transform_edt(count == 0, return_distances=False, return_indices=True)
    mean = mean[tuple(nearest)]
    known = valid.reshape(n, -1)
    deviation = np.where(valid, maps - mean, 0).reshape(n, -1)
    rebuilt, scaled = np.zeros_like(deviation), np.zeros((modes, deviation.shape[1]))
    for _ in range(IMPUTATIONS):
        power, vectors = np.linalg.eigh(deviation @ deviation.T)
        power, vectors = power[::-1][:modes], vectors[:, ::-1][:, :modes]
        basis = (deviation.T @ vectors) / np.sqrt(power)  # [P·P, K] orthonormal
        rebuilt = (deviation @ basis) @ basis.T
        scaled = (basis * np.sqrt(power / n)).T
        deviation = np.where(known, deviation, rebuilt)
    residual = np.where(known, deviation - rebuilt, 0)
    spread = np.sqrt((residual**2).sum(0) / np.maximum(known.sum(0), 1))
    return MapModel(
        mean.astype(np.float32), scaled.reshape(-1, *shape).astype(np.float32), spread.reshape(shape).astype(np.float32)
    )


def complete_map(
    values: NDArray, known: NDArray, hole: NDArray, model: MapModel, surface: NDArray, kernel: Kernel
) -> NDArray[np.float64]:
    """Conditional mean (mm) at the pixels of ``hole``, in the order of ``np.nonzero(hole)``.

    ``values`` [P, P] are read where ``known``: at every second pixel by the hole, every eighth far away.
    ``surface`` [P, P, 3] is where the pixels are (mm), for distances. Raises ValueError where nothing is known.
    """
    return conditional_mean(values, known & _conditioning_pixels(hole), hole, model, surface, kernel)


def conditional_mean(
    values: NDArray, data: NDArray, target: NDArray, model: MapModel, surface: NDArray, kernel: Kernel
) -> NDArray[np.float64]:
    """As complete_map, conditioned on every pixel of ``data`` [P, P]; the cost grows with the cube of their number."""
    if not data.any():
        raise ValueError("known: expected some pixels to condition on, got none")
    a, b = np.nonzero(data), np.nonzero(target)
    modes_a, modes_b = model.modes[:, *a].astype(np.float64), model.modes[:, *b].astype(np.float64)  # type: ignore
    spread_a, spread_b = model.spread[a].astype(np.float64), model.spread[b].astype(np.float64)
    covariance = modes_a.T @ modes_a + spread_a[:, None] * spread_a * _correlation(surface[a], surface[a], kernel)
    covariance[np.diag_indices_from(covariance)] += kernel.noise**2
    cross = modes_b.T @ modes_a + spread_b[:, None] * spread_a * _correlation(surface[b], surface[a], kernel)
    factor = cho_factor(covariance, lower=True, overwrite_a=True, check_finite=False)
    return model.mean[b] + cross @ cho_solve(factor, values[a] - model.mean[a], check_finite=False)


def _conditioning_pixels(hole: NDArray) -> NDArray[np.bool_]:
    """Dense at the rim, thin far away: about 1,500 pixels, since the cost grows with their cube."""
    distance = distance_transform_edt(~hole) * PIXEL_MM
    row, column = np.indices(hole.shape)
    every = lambda n: (row % n == 0) & (column % n == 0)  # noqa: E731
    return (every(2) & (distance < 10)) | (every(4) & (distance < 40)) | every(8)


def _matern(p: NDArray, q: NDArray, length: float) -> NDArray[np.float64]:
    squared = (p**2).sum(1)[:, None] + (q**2).sum(1) - 2 * p @ q.T
    scaled = np.sqrt(3 * np.maximum(squared, 0)) / length
    return (1 + scaled) * np.exp(-scaled)


def _correlation(p: NDArray, q: NDArray, kernel: Kernel) -> NDArray[np.float64]:
    same = _matern(p, q, kernel.length)
    return same + kernel.mirror * _matern(p, q * [-1, 1, 1], kernel.length) if kernel.mirror else same

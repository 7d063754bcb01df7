"""Conditional Gaussian completion of a map over the vault: exact linear algebra, no training loop.

A map (outer radius, or thickness) is modelled as a mean, a few dozen modes of variation, and what the modes leave
over as a stationary process on the mean surface, correlated with its own mirror image because heads are nearly
symmetric. Given the map outside a hole, the best guess inside it is the conditional mean (kriging; Rasmussen and
Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.19, with a low-rank plus a Matérn-3/2 kernel).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from cranial_sparse.classical.maps import PIXEL_MM

IMPUTATIONS = 4
REWEIGHTINGS = 2
DENSE = ((10.0, 1), (26.0, 2), (42.0, 4))  # mm from the hole, and every how manieth pixel is read up to there
SPARSE = ((22.0, 2), (52.0, 4))
CHUNK = 256  # pixels at a time: matrices between all of a hole and all that is known take gigabytes, and new memory takes time
Pixels = tuple[Any, ...]  # as np.nonzero gives them


@dataclass(frozen=True, eq=False)
class Kernel:
    """How what the modes leave over is correlated."""

    length: float  # mm, Matérn-3/2
    noise: float  # mm, measurement noise of one pixel
    mirror: float  # correlation with the opposite side, relative to the same side
    short: float = 0.0  # mm, of a second Matérn that has half of the variance; 0: there is none
    outlier: float = np.inf  # standard deviations from what the others tell, beyond which a reading has more noise


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
    values: NDArray,
    known: NDArray,
    hole: NDArray,
    model: MapModel,
    surface: NDArray,
    kernel: Kernel,
    at: NDArray | None = None,
) -> NDArray[np.float64]:
    """Conditional mean (mm) at the pixels of ``hole``, or those ``at`` [P, P] alone, in the order of np.nonzero.

    ``values`` [P, P] are read where ``known``: at every pixel by the hole, at every eighth row and column far away.
    ``surface`` [P, P, 3] is where the pixels are (mm), for distances. Raises ValueError where nothing is known.
    """
    data = known & _conditioning_pixels(hole, DENSE)
    return conditional_mean(values, data, hole if at is None else at, model, surface, kernel)


def complete_map_and_spread(
    values: NDArray,
    known: NDArray,
    hole: NDArray,
    model: MapModel,
    surface: NDArray,
    kernel: Kernel,
    at: NDArray | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As complete_map, and the standard deviation (mm) of each pixel besides, from fewer readings, since it takes longer and
    need not be known as well."""
    at = hole if at is None else at
    mean = complete_map(values, known, hole, model, surface, kernel, at)
    kernel = replace(kernel, outlier=np.inf)  # a spread hardly depends on what was read
    return mean, conditional(values, known & _conditioning_pixels(hole, SPARSE), at, model, surface, kernel)[1]


def conditional_mean(
    values: NDArray, data: NDArray, target: NDArray, model: MapModel, surface: NDArray, kernel: Kernel
) -> NDArray[np.float64]:
    """As complete_map, conditioned on every pixel of ``data`` [P, P]; the cost grows with the cube of their number."""
    mean, _ = _conditional(values, data, target, model, surface, kernel, spread=False)
    return mean


def conditional(
    values: NDArray, data: NDArray, target: NDArray, model: MapModel, surface: NDArray, kernel: Kernel
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As conditional_mean, and the standard deviation besides (Rasmussen and Williams, eq. 2.24, without the noise)."""
    return _conditional(values, data, target, model, surface, kernel, spread=True)


def _conditional(
    values: NDArray, data: NDArray, target: NDArray, model: MapModel, surface: NDArray, kernel: Kernel, spread: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Conditional mean and, if asked for, standard deviation at the targets [T]: CHUNK of them at a time."""
    if not data.any():
        raise ValueError("known: expected some pixels to condition on, got none")
    known = np.nonzero(data)
    covariance = _lower_covariance(known, model, surface, kernel)
    deviation = torch.from_numpy(values[known] - model.mean[known]).double()
    weights, noise = _weights(covariance, deviation, kernel)
    root = _root(covariance, noise).float() if spread else covariance  # a standard deviation needs no more digits
    means, deviations = [], []
    for at in _chunks(np.nonzero(target)):
        between = _covariance(at, known, model, surface, kernel)
        means.append(model.mean[at] + (between @ weights).numpy())
        if spread:
            explained = torch.linalg.solve_triangular(root, between.T.float(), upper=False).square_().sum(0)
            variance = _variance(at, model, surface, kernel) - explained
            deviations.append(variance.clamp_(min=0).sqrt_().numpy())
    none = [np.zeros(0)]
    return np.concatenate(means or none), np.concatenate(deviations or none)


def _root(covariance: Tensor, noise: Tensor) -> Tensor:
    """Cholesky factor [K, K] of a covariance [K, K] and the variances of independent ``noise`` [K]; mm²."""
    whole = covariance.clone()
    whole.diagonal().add_(noise)
    return torch.linalg.cholesky(whole)


def _weights(covariance: Tensor, deviation: Tensor, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """What multiplies the covariances of a target with the readings to give its conditional mean [K], and the variance of each
    reading's noise [K], mm²: the kernel's, and more where a ``deviation`` [K] from the mean is farther than ``outlier``
    standard deviations from what all others tell of it, so much that it no longer is.

    Bumps, debris and a wrong table would otherwise bend a map that follows every reading. Left out one by one in closed
    form: Rasmussen and Williams, eqs. 5.10 to 5.12, and A.9 (Woodbury), since few readings change: one inverse will do.
    """
    least = kernel.noise**2
    more = torch.zeros_like(deviation)
    root = _root(covariance, more + least)
    if np.isinf(kernel.outlier):
        return torch.cholesky_solve(deviation[:, None], root)[:, 0], more + least
    half = _inverse(root)
    certain, diagonal = half.T @ (half @ deviation), half.square().sum(0)
    weights, own = certain, diagonal  # of the inverse, times what deviates, and its diagonal
    for _ in range(REWEIGHTINGS):
        variance = 1 / own  # of a reading, given the others, its noise included
        more = ((weights * variance).square() / kernel.outlier**2 - (variance - more)).clamp_(min=0)
        noisy = more > 0
        part = half.T @ half[:, noisy]
        changed = _root(part[noisy], 1 / more[noisy])
        weights = certain - part @ torch.cholesky_solve(certain[noisy, None], changed)[:, 0]
        own = diagonal - torch.linalg.solve_triangular(changed, part.T, upper=False).square().sum(0)
    return weights, more + least


def _inverse(root: Tensor) -> Tensor:
    """Of a lower triangular ``root`` [K, K]. By LAPACK, which knows what is zero; PyTorch has no such function."""
    return torch.from_numpy(dtrtri(root.numpy(), lower=1)[0])


def _chunks(pixels: Pixels) -> Iterator[Pixels]:
    for start in range(0, len(pixels[0]), CHUNK):
        yield tuple(axis[start : start + CHUNK] for axis in pixels)


def _conditioning_pixels(hole: NDArray, steps: tuple[tuple[float, int], ...]) -> NDArray[np.bool_]:
    """Thick at the rim, thin far away: about 1,700 pixels that are known, or 1,000, since the cost grows with their cube."""
    distance = distance_transform_edt(~hole) * PIXEL_MM
    row, column = np.indices(hole.shape)
    chosen = (row % 8 == 0) & (column % 8 == 0)
    for reach, every in steps:
        chosen |= (row % every == 0) & (column % every == 0) & (distance < reach)
    return chosen


def _covariance(a: Pixels, b: Pixels, model: MapModel, surface: NDArray, kernel: Kernel) -> Tensor:
    """Prior covariance of the map, mm², between pixels ``a`` and ``b``: float64 [A, B].

    In torch and in place: making matrices of thousands squared takes longer than filling them.
    """
    p, q = surface[a], surface[b]
    covariance = _correlation(p, q, kernel)
    if kernel.mirror:
        covariance.add_(_correlation(p, q * [-1, 1, 1], kernel), alpha=kernel.mirror)
    (spread_p, modes_p), (spread_q, modes_q) = (
        (torch.from_numpy(model.spread[at]).double(), torch.from_numpy(model.modes[(slice(None), *at)]).double())
        for at in (a, b)
    )
    covariance.mul_(spread_p[:, None]).mul_(spread_q)
    return covariance.addmm_(modes_p.T, modes_q)


def _lower_covariance(a: Pixels, model: MapModel, surface: NDArray, kernel: Kernel) -> Tensor:
    """_covariance of ``a`` with itself [A, A], complete up to its diagonal alone: a factorisation reads no more."""
    covariance = torch.zeros(len(a[0]), len(a[0]), dtype=torch.float64)
    end = 0
    for rows in _chunks(a):
        start, end = end, end + len(rows[0])
        covariance[start:end, :end] = _covariance(rows, tuple(axis[:end] for axis in a), model, surface, kernel)
    return covariance


def _variance(a: Pixels, model: MapModel, surface: NDArray, kernel: Kernel) -> Tensor:
    """The diagonal of _covariance: float64 [A]."""
    apart = torch.from_numpy(surface[a])[:, 0].abs() * 2  # from its own mirror image
    lengths = (kernel.length, kernel.short or kernel.length)
    correlation = 1 + kernel.mirror / 2 * sum(_matern(apart * (np.sqrt(3) / length)) for length in lengths)
    modes = torch.from_numpy(model.modes[(slice(None), *a)]).double()
    return torch.from_numpy(model.spread[a]).double().square() * correlation + modes.square().sum(0)


def _correlation(p: NDArray, q: NDArray, kernel: Kernel) -> Tensor:
    """Of what is at ``p`` [A, 3] with what is at ``q`` [B, 3], mm: [A, B]."""
    x, y = (torch.from_numpy(points * np.sqrt(3)) for points in (p, q))
    apart = (x.square().sum(1)[:, None] + y.square().sum(1)).addmm_(x, y.T, alpha=-2).clamp_(min=0).sqrt_()
    if not kernel.short:
        return _matern(apart.div_(kernel.length))
    near = _matern(apart / kernel.short)
    return near.add_(_matern(apart.div_(kernel.length))).mul_(0.5)


def _matern(scaled: Tensor) -> Tensor:
    """Matérn-3/2 of distances over their length, √3 times; in place."""
    decay = scaled.neg().exp_()
    return scaled.add_(1).mul_(decay)

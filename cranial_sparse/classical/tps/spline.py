"""Thin-plate splines in space: interpolation and bending energy (Bookstein, IEEE PAMI 11, 1989; Wahba 1990).

In three dimensions the kernel is -|r|, which is conditionally positive definite, so that energies are never negative.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.spatial.distance import cdist


@dataclass(frozen=True, eq=False)
class Spline:
    """``affine`` [4, D] of (1, x, y, z) plus ``weights`` [N, D] of the kernel at ``sources`` [N, 3] (mm)."""

    sources: NDArray[np.float64]
    weights: NDArray[np.float64]
    affine: NDArray[np.float64]

    def __call__(self, points: NDArray) -> NDArray[np.float64]:
        """Values [M, D] at ``points`` [M, 3]."""
        return _homogeneous(points) @ self.affine - cdist(points, self.sources) @ self.weights


def fit_spline(sources: NDArray, values: NDArray, smoothing: float = 0.0) -> Spline:
    """The spline through ``values`` [N, D] at ``sources`` [N, 3]; with ``smoothing`` (mm) near them, at less bending.

    Raises ValueError where the sources are fewer than four, coincide or lie in a plane.
    """
    count = len(sources)
    solved = _solve(sources, smoothing, np.concatenate([values, np.zeros((4, values.shape[1]))]))
    return Spline(np.asarray(sources, np.float64), solved[:count], solved[count:])


def bending_matrix(sources: NDArray) -> NDArray[np.float64]:
    """L [N, N], positive semidefinite: the spline from ``sources`` [N, 3] to y [N, 3] has bending energy tr(yᵀ L y).

    Up to the constant 8π. Raises ValueError as fit_spline does.
    """
    count = len(sources)
    inverse = _solve(sources, 0.0, np.eye(count + 4))[:count, :count]
    return (inverse + inverse.T) / 2


def bending_energy(matrix: NDArray, targets: NDArray) -> float:
    """tr(yᵀ L y) of ``targets`` y [N, 3] with the bending_matrix L; mm."""
    return float(np.sum(targets * (matrix @ targets)))


def _homogeneous(points: NDArray) -> NDArray[np.float64]:
    return np.concatenate([np.ones((len(points), 1)), points], axis=1)


def _solve(sources: NDArray, smoothing: float, right: NDArray) -> NDArray[np.float64]:
    count = len(sources)
    polynomial = _homogeneous(sources)
    if count < 4 or np.linalg.matrix_rank(polynomial - [1, *np.mean(sources, 0)]) < 3:
        raise ValueError(f"thin-plate spline: expected four points or more that do not lie in a plane, got {count}")
    apart = cdist(sources, sources)
    if np.count_nonzero(apart == 0) > count:
        raise ValueError("thin-plate spline: expected points that differ, got the same one twice")
    system = np.zeros((count + 4, count + 4))
    system[:count, :count] = smoothing * np.eye(count) - apart
    system[:count, count:], system[count:, :count] = polynomial, polynomial.T
    _, _, solved, failed = lapack.dsysv(system, right, lwork=64 * len(system))
    if failed:
        raise ValueError("thin-plate spline: expected points that can be told apart, got some too close to one another")
    return solved

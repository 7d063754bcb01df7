"""Procrustes superimposition: the similarity that brings one set of points closest to another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Similarity:
    """``scale * rotation @ point + shift``, without reflection."""

    scale: float
    rotation: NDArray[np.float64]  # [3, 3]
    shift: NDArray[np.float64]  # [3], mm

    def __call__(self, points: NDArray) -> NDArray[np.float64]:
        """``points`` [..., 3], moved."""
        return self.scale * points @ self.rotation.T + self.shift


def fit_similarity(sources: NDArray, targets: NDArray) -> Similarity:
    """Least squares from ``sources`` to ``targets``, both [N, 3] (Umeyama, IEEE PAMI 13, 1991, eq. 40-42).

    Raises ValueError where the points are fewer than three or lie on a line.
    """
    middle, aim = sources.mean(0), targets.mean(0)
    a, b = sources - middle, targets - aim
    if len(sources) < 3 or min(np.linalg.matrix_rank(a, 1e-6), np.linalg.matrix_rank(b, 1e-6)) < 2:
        raise ValueError(f"Procrustes: expected three points or more that are not on a line, got {len(sources)}")
    u, strength, v = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    rotation = (u * sign) @ v
    scale = float((strength * sign).sum() / (a**2).sum())
    return Similarity(scale, rotation, aim - scale * rotation @ middle)

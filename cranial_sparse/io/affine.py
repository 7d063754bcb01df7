"""From a header's step vectors to ``Geometry``, without losing a bit on the way back."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Triple


def geometry_from_steps(shape: tuple[int, ...], steps: NDArray, origin: NDArray, path: Path) -> Geometry:
    """The lattice whose voxels are ``steps`` apart: columns [3, 3] of ``steps`` and ``origin`` [3] in LPS mm.

    ``Geometry.matrix`` of the result equals ``steps`` to the bit, so that a header written from it says what was read.
    Raises InputError where a step is missing (not finite), zero, or depends on the others.
    """
    steps, origin = np.asarray(steps, np.float64), np.asarray(origin, np.float64)
    if not (np.isfinite(steps).all() and np.isfinite(origin).all()):
        raise InputError(f"{path}: its geometry has values that are missing or not finite; save it with a full header")
    lengths = np.linalg.norm(steps, axis=0)
    if lengths.min() <= 0:
        raise InputError(f"{path}: spacing must be positive on every axis, got {format_lengths(lengths)} mm")
    pairs = [_split(steps[:, axis], lengths[axis]) for axis in range(3)]
    directions = np.stack([direction for direction, _ in pairs], axis=1)
    if abs(np.linalg.det(directions)) < 1e-6:
        raise InputError(
            f"{path}: its axis directions do not span space, got the steps {steps.T.tolist()}; save it again"
        )
    return Geometry(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        as_triple(np.array([length for _, length in pairs])),
        as_triple(origin),
        tuple(directions.ravel().tolist()),
    )


def as_triple(values: NDArray) -> Triple:
    """Three plain floats."""
    return float(values[0]), float(values[1]), float(values[2])


def format_lengths(values: NDArray | tuple[float, ...]) -> str:
    """ "0.488 × 0.488 × 0.5", for messages."""
    return " × ".join(f"{value:.3g}" for value in values)


def _split(step: NDArray, length: float) -> tuple[NDArray, float]:
    """Unit direction [3] and length whose floating-point product is ``step`` to the bit.

    ``(v / s) * s`` misses v by a last digit now and then. A neighbouring direction nearly always hits; where the
    products step over v, a length a few last digits off does.
    """
    for shift in sorted(range(-200, 201), key=abs):
        near_length = length + shift * np.spacing(length)
        quotient = step / near_length
        direction = quotient.copy()
        for toward in (np.inf, -np.inf):
            neighbour = np.nextafter(quotient, toward)
            missed = direction * near_length != step
            direction[missed] = neighbour[missed]
        if (direction * near_length == step).all():
            return direction, float(near_length)
    return step / length, length

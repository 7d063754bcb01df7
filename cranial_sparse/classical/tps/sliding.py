"""Semilandmarks slide to where the spline from the reference bends least.

Bookstein, Medical Image Analysis 1 (1997); Gunz, Mitteroecker and Bookstein, in: Modern Morphometrics in Physical
Anthropology (2005), ch. 3. Missing points are free in all directions there, which costs no energy: the spline through the
others says where they are, so that only the points that are seen take part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.classical.tps.spline import bending_energy, bending_matrix, fit_spline
from cranial_sparse.classical.tps.surface import Surface, along

ITERATIONS = 10
SHORTER = (1.0, 0.5, 0.25, 0.125)  # of a step, where bone is so rough that all of it would end at more bending
LONGEST = 5.0  # mm: a slide farther than this leaves the tangent plane's neighbourhood


@dataclass(frozen=True, eq=False)
class Relaxed:
    """``points`` [N, 3] (mm) on the patient, those not ``seen`` [N] estimated; energy before and after each iteration, and
    how far points moved in each on average (mm)."""

    points: NDArray[np.float64]
    seen: NDArray[np.bool_]
    energy: tuple[float, ...]
    slides: tuple[float, ...]


def slide(points: NDArray, matrix: NDArray, tangents: NDArray) -> NDArray[np.float64]:
    """``points`` [N, 3] moved along ``tangents`` [N, 2, 3] to the least bending energy under ``matrix`` [N, N].

    A tangent of length zero does not move its point. Solves Gunz et al. 2005, eq. 5: t = -(Uᵀ L U)⁻¹ Uᵀ L y.
    """
    ways = tangents.transpose(1, 0, 2).reshape(-1, 3)  # first tangents of all points, then second ones
    free = np.flatnonzero(np.linalg.norm(ways, axis=1) > 0.5)
    owner, ways = free % len(points), ways[free]
    stiffness = matrix[np.ix_(owner, owner)] * (ways @ ways.T)
    force = ((matrix @ points)[owner] * ways).sum(1)
    # a little stiffness of its own keeps a system that an affine map could leave loose solvable
    stiffness[np.diag_indices_from(stiffness)] *= 1 + 1e-9
    step = -np.linalg.solve(stiffness, force) if len(free) else np.zeros(0)
    moved = points.copy()
    np.add.at(moved, owner, step[:, None] * ways)
    return moved


def relax(
    reference: NDArray, start: NDArray, surface: Surface, seen: NDArray, fixed: NDArray, before: NDArray, after: NDArray
) -> Relaxed:
    """Slide ``start`` [N, 3] on ``surface`` towards the least bending from ``reference`` [N, 3], where ``seen`` [N].

    Points that are ``fixed`` [N] stay. Those on a curve slide between their neighbours ``before`` and ``after`` [N] on
    it; a point that is its own neighbour lies on no curve and slides in both directions of the surface. After each
    iteration they return to the surface along their rays, a point whose way leads off what is known stays, and where that
    would bend more a shorter step is taken, or none: the energy never rises.
    """
    points = start.copy()
    matrix = bending_matrix(reference[seen])
    energy, slides = [bending_energy(matrix, points[seen])], []
    on_curve = before != after
    for _ in range(ITERATIONS):
        tangents = surface.tangents(points)
        chord = points[after] - points[before]
        chord /= np.maximum(np.linalg.norm(chord, axis=1, keepdims=True), 1e-9)
        tangents[on_curve, 0], tangents[on_curve, 1] = chord[on_curve], 0.0
        tangents[fixed] = 0.0
        step = np.zeros_like(points)
        step[seen] = slide(points[seen], matrix, tangents[seen]) - points[seen]
        step *= np.minimum(1.0, LONGEST / np.maximum(np.linalg.norm(step, axis=1), 1e-9))[:, None]
        for part in SHORTER:
            moved = np.where(fixed[:, None], points, along(surface.radius, points + part * step))
            moved = np.where((surface.sees(moved) & seen)[:, None], moved, points)
            least = bending_energy(matrix, moved[seen])
            if least < energy[-1]:
                break
        else:
            moved, least = points, energy[-1]
        slides.append(float(np.linalg.norm(moved - points, axis=1)[seen].mean()))
        energy.append(least)
        points = estimated(reference, moved, seen)
    return Relaxed(points, seen, tuple(energy), tuple(slides))


def estimated(reference: NDArray, points: NDArray, seen: NDArray) -> NDArray[np.float64]:
    """``points`` [N, 3], with those not ``seen`` [N] where the spline from ``reference`` [N, 3] through the others has them."""
    if seen.all():
        return points
    whole = points.copy()
    whole[~seen] = fit_spline(reference[seen], points[seen])(reference[~seen])
    return whole

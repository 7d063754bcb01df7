"""Draw defects until one is a plausible piece of missing vault."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import generate_binary_structure, label

from cranial_sparse.data.defects import placement
from cranial_sparse.data.defects.defect import Defect
from cranial_sparse.data.defects.vault import Vault, fit_vault
from cranial_sparse.errors import InputError

MAX_SHARE = 0.35  # of the vault's bone that a defect may take
TRIES = 60
SMALL_SAMPLE = 40_000  # points for solving the size


@dataclass(frozen=True)
class Kind:
    """How one kind is drawn: ``volume`` (least, greatest) in ml of bone; ``sized`` kinds are scaled to a volume drawn
    from that range, the others keep their natural size and are only checked against it."""

    draw: Callable[[Vault, np.random.Generator], Defect]
    volume: tuple[float, float]
    sized: bool = True


KINDS = {
    "skullfix": Kind(placement.skullfix, (20, 85), sized=False),
    "sphere": Kind(placement.sphere, (5, 130)),
    "ellipsoid": Kind(placement.ellipsoid, (5, 200)),
    "cylinder": Kind(placement.cylinder, (5, 130)),
    "bilateral": Kind(placement.bilateral, (30, 250)),
    "frontoorbital": Kind(placement.frontoorbital, (18, 160)),
    "parietotemporal": Kind(placement.parietotemporal, (18, 160)),
    "random_1": Kind(placement.random_1, (15, 200)),
    "random_2": Kind(placement.random_2, (15, 200)),
    "craniotomy": Kind(placement.craniotomy, (8, 200)),
}
SKULLBREAK_KINDS = ("bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")


def sample_defect(
    points: NDArray, point_ml: float, kind: str, rng: np.random.Generator, vault: Vault | None = None
) -> Defect:
    """A defect of ``kind`` for the skull with bone at ``points`` [N, 3], mm, each standing for ``point_ml`` ml.

    The points are all bone voxels or an even random sample of at least some 50,000. The defect takes a volume within
    the kind's range and no more than 35 % of the vault, comes out as one piece, and leaves no loose bone behind.
    Deterministic for one state of ``rng``. ``vault`` saves fitting it again. Raises InputError for an unknown kind,
    or where no draw fits the skull.
    """
    if kind not in KINDS:
        raise InputError(f"defect kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    vault = vault or fit_vault(points)
    points = points[vault.outside_shell(vault.to_local(points), floor_drop=10) < 0]
    least, greatest = KINDS[kind].volume
    vault_ml = len(points) * point_ml
    greatest = min(greatest, MAX_SHARE * vault_ml)
    if greatest < least:
        raise InputError(
            f"defect kind {kind}: takes {least:g} ml or more, too much for a vault of {vault_ml:.0f} ml of bone"
        )
    for _ in range(TRIES):
        defect = KINDS[kind].draw(vault, rng)
        if KINDS[kind].sized:
            target = rng.uniform(least**0.5, greatest**0.5) ** 2  # even in the defect's width
            defect = _with_volume(defect, points, point_ml, target)
        inside = defect.contains(points)
        if least <= inside.sum() * point_ml <= greatest and _in_one_piece(points, inside):
            return defect
    raise InputError(f"defect kind {kind}: none of {TRIES} draws fits this skull; is it complete above the orbits?")


def crosses_midline(defect: Defect, points: NDArray) -> bool:
    """Whether at least a tenth of the defect's bone, among ``points`` [N, 3], lies on each side of the midline."""
    left = defect.vault.to_local(points[defect.contains(points)])[:, 0] > 0
    return len(left) > 0 and min(left.mean(), 1 - left.mean()) >= 0.1


def _with_volume(defect: Defect, points: NDArray, point_ml: float, target: float) -> Defect:
    """``defect`` scaled so that it takes about ``target`` ml; volume grows with size, so bisection finds it."""
    stride = max(1, len(points) // SMALL_SAMPLE)
    points, point_ml = points[::stride], point_ml * stride
    small, large = 0.25, 2.2
    for _ in range(8):
        factor = (small * large) ** 0.5
        if defect.scaled(factor).contains(points).sum() * point_ml < target:
            small = factor
        else:
            large = factor
    return defect.scaled((small * large) ** 0.5)


def _in_one_piece(points: NDArray, inside: NDArray) -> bool:
    """Whether the bone taken is one piece and what is left has no islands, on a lattice as fine as the points allow."""
    span = np.ptp(points, axis=0)
    cell = max(3.0, 1.2 * (np.prod(span) * 0.25 / len(points)) ** (1 / 3))
    index = ((points - points.min(axis=0)) / cell).astype(int)
    shape = tuple(index.max(axis=0) + 1)
    taken, left = np.zeros(shape, bool), np.zeros(shape, bool)
    taken[tuple(index[inside].T)] = True
    left[tuple(index[~inside].T)] = True
    loose = _outside_largest(left) - _outside_largest(taken | left)
    return _outside_largest(taken) <= 0.02 * taken.sum() and loose <= 0.02 * taken.sum()


def _outside_largest(mask: NDArray) -> int:
    """Cells of ``mask`` that do not belong to its largest component, 26-connected."""
    parts = np.zeros(mask.shape, np.int32)
    label(mask, generate_binary_structure(3, 3), output=parts)
    sizes = np.bincount(parts.ravel())[1:]
    return int(sizes.sum() - sizes.max(initial=0))

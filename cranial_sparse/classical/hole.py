"""Where bone is missing: the outer table that should be there, and the hole in it. What every system starts from."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, label

from cranial_sparse.classical.fixtures import without_fixtures
from cranial_sparse.classical.gaussian import conditional_mean
from cranial_sparse.classical.maps import PIXEL_MM, PIXELS, Rays, cast_vault, directions
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import RadialModel
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS, RadialSettings
from cranial_sparse.classical.walls import without_walls
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Volume

BENDING, BENDINGS = 5, 3  # every fifth pixel, about 10 mm apart, is enough to see where a vault goes
OFF_SURFACE = 6.0  # mm: bone farther than this from the expected table is a fixture, or another bone
# Where the orbits of a head can be, in canonical directions. Eight that were taken for holes, in 5 of 277 whole train
# skulls, most of them stretched to other proportions, end at 0.16 and take 950 mm² of table at most; 211 defects end at
# 0.20 at least and take 1,500.
ORBITS, FRONT = 0.2, -0.5  # most up, and least forward


def expected_outer(
    skull: Volume, pose: Pose, fitted: NDArray, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS
) -> NDArray[np.float64]:
    """Where the outer table [P, P] of this skull (bool [X, Y, Z]) should be; no defect mask needed.

    The table ``fitted`` [P, P] with the pose bends to the bone within 6 mm of it, and again: an unusual occiput is
    reached from its sides, while a hole and a fixture, with no bone near the surface, are bridged.
    """
    row, column = np.indices((PIXELS, PIXELS))
    inside = directions()[1]
    thin = (row % BENDING == 0) & (column % BENDING == 0) & inside & (model.presence > 0.5)
    expected = fitted.copy()
    for target in (thin,) * BENDINGS + (inside,):
        rays = cast_vault(skull, pose, expected, OFF_SURFACE, pixels=thin)
        met = np.isfinite(rays.outer)
        if met.any():
            expected[target] = conditional_mean(rays.outer, met, target, model.outer, model.surface, settings.bending)
    return expected


def find_hole(
    rays: Rays, expected: NDArray, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS
) -> NDArray[np.bool_]:
    """Pixels [P, P] where bone is missing near the ``expected`` table [P, P] although skulls have some there.

    A hole is a large region where practically every skull has bone; from there it grows to pixels where most have,
    and to those where the ray met the wall of the cut, a little below the table.
    """
    table = directions()[1] & rays.in_view
    missing = table & (model.presence > 0.8) & _absent(rays, expected, settings.missed)
    # a gap as narrow as a suture or a slice of thin bone is not a defect
    regions, count = label(binary_opening(missing, iterations=2))
    area = np.bincount(regions[model.presence > 0.99], minlength=count + 1) * PIXEL_MM**2
    above = np.bincount(regions[~_orbits()], minlength=count + 1) > 0
    large = area >= np.where(above, settings.smallest_hole, settings.smallest_orbital)
    large[0] = False
    wall = table & (model.presence > 0.5) & _absent(rays, expected, settings.wall)
    return binary_dilation(large[regions], iterations=3, mask=missing | wall)


@cache
def _orbits() -> NDArray[np.bool_]:
    unit = directions()[0]
    return (unit[..., 2] < ORBITS) & (unit[..., 1] < FRONT)


def _absent(rays: Rays, expected: NDArray, depth: float) -> NDArray[np.bool_]:
    return ~np.isfinite(rays.outer) | (rays.outer < expected - depth)


@dataclass(frozen=True, eq=False)
class Defect:
    """What every system starts from: where the head is, the ``expected`` outer table [P, P] (mm), what rays met near it
    (walls of the cut are no inner table, fixtures none at all: NaN), and the ``hole`` [P, P]."""

    pose: Pose
    expected: NDArray[np.float64]
    rays: Rays
    hole: NDArray[np.bool_]


def find_defect(
    skull: Volume, pose: Pose, fitted: NDArray, model: RadialModel, settings: RadialSettings = SHIPPED_SETTINGS
) -> Defect | None:
    """The defect of a ``skull`` (bool [X, Y, Z]) from its pose and the table ``fitted`` [P, P] with it; None without one."""
    expected = expected_outer(skull, pose, fitted, model, settings)
    rays = cast_vault(skull, pose, expected, OFF_SURFACE)
    hole = find_hole(rays, expected, model, settings)
    if not hole.any():
        return None
    tables = without_walls(skull, pose, rays, hole, expected, settings.upright)
    return Defect(pose, expected, without_fixtures(tables, expected, hole, settings.stands_out), hole)


def posed_defect(skull: Volume, model: RadialModel) -> Defect | None:
    """As find_defect, with the pose that estimate_pose finds. Raises as that does."""
    return find_defect(skull, *estimate_pose(skull, model.outer), model)

"""One function per kind of defect: where it lies on the vault and what it looks like, drawn at random.

Sizes are typical ones; the sampler rescales a shape to the volume it wants. The families: SkullFix's cuboid with
cylinders at its corners (Li et al. 2020; its placement and size measured on the published implants), SkullBreak's
five kinds (Kodym et al. 2021) as a primary sphere with secondary ones on its surface (Kodym, Španěl, Herout 2021),
the plain solids used by Wu, Yang, Chang 2022, and craniotomies sawn between burr holes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from cranial_sparse.data.defects.defect import Defect, Irregularity, draw_irregularity
from cranial_sparse.data.defects.shapes import Blob, Ellipsoid, Flap, Prism
from cranial_sparse.data.defects.vault import RIM_HEIGHT, Vault

Rng = np.random.Generator
BEARINGS = 720  # samples of a flap's outline


def skullfix(vault: Vault, rng: Rng) -> Defect:
    """An upright cuboid over the parietal bones, open to the back, with a cylinder at each front corner."""
    width, front, bottom = rng.normal(39.5, 3), rng.normal(17, 5), rng.normal(25, 5)
    roll, pitch, yaw = rng.normal(0, (0.04, 0.12, 0.04))
    half_length, half_height = 60.0, 60.0
    centre = np.array([rng.normal(0, 3), front + half_length, bottom + half_height])
    axes = _rotation(roll, pitch, yaw)
    prism = Prism(centre, axes, np.array([width, half_length]), 0.5, half_height, bosses=rng.uniform(4.5, 6.5))
    return Defect("skullfix", vault, prism, draw_irregularity(rng, 0, 0))


def sphere(vault: Vault, rng: Rng) -> Defect:
    blob = Blob(_anywhere(vault, rng)[None], np.array([40.0]))
    return Defect("sphere", vault, blob, _rough(rng))


def ellipsoid(vault: Vault, rng: Rng) -> Defect:
    centre = _anywhere(vault, rng)
    radii = np.array([*(40 * rng.uniform(0.6, 1.5, 2)), 35.0])
    return Defect("ellipsoid", vault, Ellipsoid(centre, _tangent_axes(centre, rng), radii), _rough(rng))


def cylinder(vault: Vault, rng: Rng) -> Defect:
    centre = _anywhere(vault, rng)
    prism = Prism(centre, _tangent_axes(centre, rng), np.array([35.0, 35.0]), 35.0, 45.0)
    return Defect("cylinder", vault, prism, _rough(rng))


def bilateral(vault: Vault, rng: Rng) -> Defect:
    """Over the top from one side to the other, anywhere from the forehead to the parietal bones."""
    along = rng.uniform(40, 125)  # degrees over the head from the forehead
    middle = vault.surface_point(0 if along < 90 else 180, min(along, 180 - along))
    centres, radii = [middle], [rng.uniform(26, 36)]
    for side in (-1, 1):
        for reach in (rng.uniform(24, 36), rng.uniform(44, 64)):
            centres.append(vault.project(middle + np.array([side * reach, rng.normal(0, 9), -0.35 * reach])))
            radii.append(rng.uniform(20, 32))
    return Defect("bilateral", vault, Blob(np.array(centres), np.array(radii)), _rough(rng))


def frontoorbital(vault: Vault, rng: Rng) -> Defect:
    """The forehead of one side, or across the middle, with the upper orbital rim."""
    side = rng.choice((-1, 1))
    rim = vault.project(np.array([side * rng.uniform(18, 38), vault.forehead, RIM_HEIGHT + 4]))
    centres, radii = [rim], [rng.uniform(18, 26)]
    for _ in range(rng.integers(2, 5)):
        bearing, height = side * rng.uniform(-8, 48), rng.uniform(3, 34)
        centres.append(vault.surface_point(bearing, height))
        radii.append(rng.uniform(20, 30))
    return Defect("frontoorbital", vault, Blob(np.array(centres), np.array(radii)), _rough(rng), floor_drop=7)


def parietotemporal(vault: Vault, rng: Rng) -> Defect:
    """The side of the head: parietal bone and the squama of the temporal."""
    side = rng.choice((-1, 1))
    azimuth, elevation = rng.uniform(75, 115), rng.uniform(14, 38)
    centres, radii = [vault.surface_point(side * azimuth, elevation)], [rng.uniform(28, 40)]
    for _ in range(rng.integers(2, 5)):
        off = rng.normal(0, (24, 14))
        centres.append(vault.surface_point(side * (azimuth + off[0]), np.clip(elevation + off[1], 0, 70)))
        radii.append(rng.uniform(16, 28))
    return Defect("parietotemporal", vault, Blob(np.array(centres), np.array(radii)), _rough(rng))


def random_1(vault: Vault, rng: Rng) -> Defect:
    """Anywhere on the vault: a primary sphere and up to seven secondary ones on its surface."""
    return _random("random_1", vault, rng)


def random_2(vault: Vault, rng: Rng) -> Defect:
    """The second random defect of each SkullBreak skull, drawn like the first."""
    return _random("random_2", vault, rng)


def craniotomy(vault: Vault, rng: Rng) -> Defect:
    """A bone flap: burr holes on an oval, saw lines bulging a little between them."""
    middle = _anywhere(vault, rng, lowest=18)
    count = rng.integers(4, 8)
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(-0.22, 0.22, count)) / count
    stretch, turn = rng.uniform(1.0, 1.6), rng.uniform(0, 2 * np.pi)
    ring = 42 * rng.uniform(0.88, 1.12, count)[:, None] * np.stack([stretch * np.cos(angle), np.sin(angle)], axis=1)
    ring = ring @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    holes = ring if rng.random() < 0.75 else ring[:0]
    shape = Flap(
        _tangent_axes(middle, rng), float(np.linalg.norm(middle)), _saw_line(ring, rng), holes, rng.uniform(5, 7)
    )
    return Defect("craniotomy", vault, shape, draw_irregularity(rng, rng.uniform(0, 1), rng.uniform(0.1, 0.4)))


def _random(kind: str, vault: Vault, rng: Rng) -> Defect:
    centres, radii = [_anywhere(vault, rng)], [max(rng.normal(36, 8), 18)]
    for _ in range(rng.integers(0, 8)):
        direction = rng.normal(size=3)
        secondary = centres[0] + radii[0] * direction / np.linalg.norm(direction)
        centres.append(vault.project(secondary))
        radii.append(max(rng.normal(20, 5), 8))
    return Defect(kind, vault, Blob(np.array(centres), np.array(radii)), _rough(rng))


def _rough(rng: Rng) -> Irregularity:
    return draw_irregularity(rng, rng.uniform(0.5, 3), rng.uniform(0.2, 0.7))


def _anywhere(vault: Vault, rng: Rng, lowest: float = 5) -> NDArray[np.float64]:
    """A surface point, evenly over the directions at least ``lowest`` degrees above the horizontal."""
    height = rng.uniform(np.sin(np.radians(lowest)), 1)
    return vault.surface_point(rng.uniform(0, 360), np.degrees(np.arcsin(height)))


def _tangent_axes(outward: NDArray, rng: Rng) -> NDArray[np.float64]:
    """[3, 3] two random perpendicular directions along the vault, and the outward one."""
    normal = outward / np.linalg.norm(outward)
    first = np.cross(normal, rng.normal(size=3))
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(normal, first), normal])


def _rotation(roll: float, pitch: float, yaw: float) -> NDArray[np.float64]:
    """[3, 3] rows: the left, posterior and superior axes turned about y, x and z by so many radians."""
    (cr, cp, cy), (sr, sp, sy) = np.cos((roll, pitch, yaw)), np.sin((roll, pitch, yaw))
    about_y = np.array([(cr, 0, sr), (0, 1, 0), (-sr, 0, cr)])
    about_x = np.array([(1, 0, 0), (0, cp, -sp), (0, sp, cp)])
    about_z = np.array([(cy, -sy, 0), (sy, cy, 0), (0, 0, 1)])
    return about_y @ about_x @ about_z


def _saw_line(ring: NDArray, rng: Rng) -> NDArray[np.float64]:
    """[BEARINGS] distance from the middle to the saw line through the burr holes ``ring`` [H, 2]."""
    bearing = 2 * np.pi * np.arange(BEARINGS) / BEARINGS
    ray = np.stack([np.cos(bearing), np.sin(bearing)], axis=1)
    outline = np.empty(BEARINGS)
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        sector = (start[0] * ray[:, 1] >= start[1] * ray[:, 0]) & (end[0] * ray[:, 1] < end[1] * ray[:, 0])
        normal = np.array([end[1] - start[1], start[0] - end[0]])
        outline[sector] = start @ normal / (ray[sector] @ normal)
    # The saw bows outward by a few per cent and has no corners.
    return gaussian_filter1d(outline * rng.uniform(1.0, 1.06), rng.uniform(6, 20), mode="wrap")

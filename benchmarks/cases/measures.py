"""What a cut defect is like, measured on its implant voxel by voxel, in the frame of the skull's vault."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases.listing import Measures
from cranial_sparse.data.defects import Cut, Vault
from cranial_sparse.data.defects.vault import RIM_HEIGHT, SHELL
from cranial_sparse.geometry import Volume

RAYS = 100_000  # over the whole sphere: 1 mm² each, about
STEP = 0.3  # mm along a ray, less than a voxel
ORBIT = 32.0  # mm from the midline to the middle of an orbital rim


def measure(cut: Cut, first_slice: int = 0) -> Measures:
    """The measures of ``cut`` once the slices below ``first_slice`` are removed."""
    vault, geometry = cut.defect.vault, cut.implant.geometry
    complete = from_slice(Volume(cut.defective.array | cut.implant.array, geometry), first_slice)
    implant = from_slice(cut.implant, first_slice)
    local = vault.to_local(implant.geometry.to_physical(np.argwhere(implant.array)))
    left = float((local[:, 0] > 0).mean())
    rims = np.array([(side * ORBIT, vault.forehead, RIM_HEIGHT) for side in (-1, 1)])
    return Measures(
        float(implant.array.sum() * implant.geometry.voxel_volume / 1000),
        bool(cut.crosses_midline),
        outer_area(complete, implant, vault),
        min(left, 1 - left),
        float(min(np.linalg.norm(local - rim, axis=1).min() for rim in rims)),
        float(implant.array[:, :, 0].sum() * np.prod(geometry.spacing[:2])),
    )


def from_slice(volume: Volume, first: int) -> Volume:
    """The slices [X, Y, Z - first] of a volume from ``first`` upwards, where they are."""
    nx, ny, nz = volume.geometry.shape
    return Volume(volume.array[:, :, first:], volume.geometry.crop((0, 0, first), (nx, ny, nz - first)))


def outer_area(complete: Volume, implant: Volume, vault: Vault) -> float:
    """Outer surface of the ``complete`` skull that the ``implant`` replaces (bool [X, Y, Z]), cm².

    Rays towards the middle of the head count where the first bone they meet is the implant's: each stands for its solid
    angle times the squared distance, over the cosine to the vault's smooth normal. The rim and the thickness of the
    bone have no part in it.
    """
    local = vault.to_local(implant.geometry.to_physical(np.argwhere(implant.array)))
    local /= np.linalg.norm(local, axis=1, keepdims=True)
    middle = local.mean(0) / np.linalg.norm(local.mean(0))
    rays = sphere_directions(RAYS)
    rays = rays[rays @ middle >= (local @ middle).min() - 0.02]
    surface = vault.radius(rays)
    met, implants = np.zeros(len(rays)), np.zeros(len(rays), bool)
    for height in np.arange(-SHELL[0], -SHELL[1], -STEP):
        going = np.flatnonzero(met == 0)
        points = vault.to_points(rays[going] * (surface[going] + height)[:, None])
        index = np.round(complete.geometry.to_index(points)).astype(int)
        inside = ((index >= 0) & (index < complete.array.shape)).all(1)
        going, at = going[inside], tuple(index[inside].T)
        bone = complete.array[at]
        met[going[bone]] = surface[going[bone]] + height
        implants[going[bone]] = implant.array[at][bone]
    cosine = (_normals(vault, rays[implants]) * rays[implants]).sum(1)
    return float((met[implants] ** 2 / cosine).sum() * 4 * np.pi / RAYS / 100)


def sphere_directions(count: int) -> NDArray[np.float64]:
    """Unit vectors [count, 3], evenly over the sphere (the golden spiral)."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


def _normals(vault: Vault, rays: NDArray) -> NDArray[np.float64]:
    """Outward unit normals [N, 3] of the vault's smooth surface, by central differences of |x| - radius(x / |x|)."""

    def level(points: NDArray) -> NDArray:
        distance = np.linalg.norm(points, axis=1)
        return distance - vault.radius(points / distance[:, None])

    points = rays * vault.radius(rays)[:, None]
    slope = np.stack([level(points + 0.1 * axis) - level(points - 0.1 * axis) for axis in np.eye(3)], axis=1)
    return slope / np.linalg.norm(slope, axis=1, keepdims=True)

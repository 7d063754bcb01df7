"""The grids that benchmarks run on: a real skull and its implant, made-up shells, and what lies around them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cranial_sparse.bricks import BrickGrid, coarsen, dilate, from_coordinates, from_dense, subdivide, surface
from cranial_sparse.data.layouts import PACKED_SUFFIX
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

FULL = 512
SPACING = 0.45  # mm, of the lattice of 512³
THICKNESS = 9.0  # of a shell like a skull's, in voxels at 512³
BAND = 3.0  # voxels on both sides of the implant's surface
Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Skull:
    """A complete skull and the implant in it, on the lattice of 512³; ``name`` says which."""

    name: str
    complete: BrickGrid
    implant: BrickGrid


def skull(data: Path | None, case: str | None = None, size: int = FULL) -> Skull:
    """A packed SkullFix train skull below ``data`` (the first one, unless ``case`` names another), or without a folder an
    ellipsoid shell like one. Raises InputError where there are none, or where the case is not among them."""
    if data is None:
        voxels = ellipsoid_shell(size, THICKNESS * size / FULL)
        centre = torch.tensor([0.5, 0.6, 0.85]) * size  # above and behind
        inside = ((voxels[:, 1:] - centre) ** 2).sum(1) < (0.13 * size) ** 2
        return Skull("ellipsoid shell", from_coordinates(voxels), from_coordinates(voxels[inside]))
    paths = {path.name.removesuffix(PACKED_SUFFIX): path for path in packed_paths(data, "train")}
    case = case or next(iter(paths))
    if case not in paths:
        raise InputError(f"--skull {case}: expected one of the train skulls {', '.join(paths)}")
    complete, implant = (on_lattice(volume, size) for volume in read_packed(paths[case]))
    return Skull(f"SkullFix {case}", complete, implant)


def on_lattice(volume: Volume, size: int = FULL) -> BrickGrid:
    """A patient's volume on the cube of ``size``³ voxels around its middle; each takes the value at its centre."""
    spacing, places = SPACING * FULL / size, []
    for length, step in zip(volume.array.shape, volume.geometry.spacing, strict=True):
        middle = (np.arange(size) - (size - 1) / 2) * spacing / step + (length - 1) / 2
        places.append(np.rint(middle).astype(np.int64))
    inside = [(axis >= 0) & (axis < length) for axis, length in zip(places, volume.array.shape, strict=True)]
    cube = np.zeros((size,) * 3, bool)
    held = np.ix_(*(axis[met] for axis, met in zip(places, inside, strict=True)))
    cube[np.ix_(*inside)] = volume.array[held]
    return from_dense(torch.from_numpy(cube))


def at_size(grid: BrickGrid, size: int, full: int = FULL) -> BrickGrid:
    """A grid on the lattice of ``full``³, on that of ``size``³, a power of two apart: coarsened or subdivided."""
    while full > size:
        grid, full = coarsen(grid), full // 2
    while full < size:
        grid, full = subdivide(grid), full * 2
    if full != size:
        raise InputError(f"size {size}: expected {full} times or over a power of two")
    return grid


def band(implant: BrickGrid) -> BrickGrid:
    """The voxels within BAND of the implant's surface: where a refinement works."""
    return dilate(surface(implant), BAND)


def box(grid: BrickGrid, multiple: int) -> tuple[Shape, Shape]:
    """Origin and shape, both multiples, of the smallest box around the bricks of a grid."""
    low = grid.coords[:, 1:].amin(0) * 8 // multiple * multiple
    high = -((grid.coords[:, 1:].amax(0) + 1) * -8 // multiple * multiple)
    return _shape(low), _shape(high - low)


def ellipsoid_shell(size: int, thickness: float) -> torch.Tensor:
    """Voxels (0, x, y, z), int32 ``[N, 4]``, between two ellipsoids of a head's proportions."""
    axis = torch.arange(size) - (size - 1) / 2
    half = torch.tensor([0.345, 0.39, 0.365]) * size

    def level(inset: float) -> torch.Tensor:
        x, y, z = ((axis / (h - inset)).square() for h in half)
        return x[:, None, None] + y[None, :, None] + z[None, None, :]

    shell = ((level(0) <= 1) & (level(thickness) > 1)).nonzero().int()
    return torch.cat([shell.new_zeros(len(shell), 1), shell], dim=1)


def filled_shell(size: int, fill: float) -> BrickGrid:
    """The share ``fill`` of a cube's voxels that lie nearest to a sphere in it: a shell that grows until all is full."""
    axis = torch.arange(size) - (size - 1) / 2
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2).sqrt()
    nearest = (radius - 0.36 * size).abs().flatten().argsort(stable=True)[: round(fill * size**3)]
    volume = torch.zeros(size**3, dtype=torch.bool)
    volume[nearest] = True
    return from_dense(volume.view(size, size, size))


def _shape(values: torch.Tensor) -> Shape:
    x, y, z = values.tolist()
    return x, y, z

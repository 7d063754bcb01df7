"""Elastic augmentation: another head by bending this one smoothly."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects, zoom
from torch.nn.functional import grid_sample, interpolate

from cranial_sparse.geometry import Volume

KNOT = 45.0  # mm between the knots of the displacement: bends a vault, leaves its rims sharp
AMPLITUDE = 3.0  # mm, standard deviation of a knot's displacement along each axis
FINER = 6  # the cubic field is kept at a sixth of a knot and interpolated linearly from there
SLAB = 16  # planes warped at a time


def bent(volumes: Sequence[Volume], rng: np.random.Generator) -> tuple[Volume, ...]:
    """Masks (bool [X, Y, Z], one grid) moved alike by a random smooth displacement; trilinear, thresholded at one half.

    Raises ValueError where the volumes are not on one grid.
    """
    geometry = volumes[0].geometry
    if any(volume.geometry != geometry for volume in volumes):
        raise ValueError("volumes: expected all on one grid; resample them first")
    field = displacement(geometry.shape, geometry.spacing, rng)
    union = np.logical_or.reduce([volume.array for volume in volumes])
    found = find_objects(union.view(np.uint8))
    if not found:
        return tuple(volumes)
    reach = [int(np.ceil(np.abs(field[axis]).max())) + 1 for axis in range(3)]
    box = tuple(
        slice(max(0, part.start - r), min(n, part.stop + r))
        for part, r, n in zip(found[0], reach, geometry.shape, strict=True)
    )
    moved = [np.zeros(geometry.shape, bool) for _ in volumes]
    sources = torch.stack([torch.from_numpy(volume.array[box]) for volume in volumes])[None].float()  # [1, V, x, y, z]
    size = torch.tensor(sources.shape[2:], dtype=torch.float32)
    for x in range(0, sources.shape[2], SLAB):
        stop = min(x + SLAB, sources.shape[2])
        place = _places(field, geometry.shape, box, x, stop)  # [x, y, z, 3] voxels of the box
        where = (2 * place + 1) / size - 1
        warped = grid_sample(sources, where.flip(-1)[None], padding_mode="zeros", align_corners=False)[0] > 0.5
        for target, part in zip(moved, warped, strict=True):
            target[box][x:stop] = part.numpy()
    return tuple(Volume(array, geometry) for array in moved)


def displacement(shape: tuple[int, ...], spacing: tuple[float, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth random field [3, a, b, c] over a grid, corner to corner, in voxels of that grid."""
    knots = [int(np.ceil(n * step / KNOT)) + 1 for n, step in zip(shape, spacing, strict=True)]
    coarse = rng.normal(0, AMPLITUDE, (3, *knots))
    fine = zoom(coarse, (1, FINER, FINER, FINER), order=3, mode="nearest", grid_mode=False)
    return (fine / np.asarray(spacing)[:, None, None, None]).astype(np.float32)


def _places(field: NDArray, shape: tuple[int, ...], box: tuple[slice, ...], start: int, stop: int) -> torch.Tensor:
    """Where the voxels of planes ``start`` to ``stop`` of the ``box`` come from, in voxels of the box [x, y, z, 3]."""
    ranges = [torch.arange(start, stop), *(torch.arange(part.stop - part.start) for part in box[1:])]
    axes = [
        (line + part.start) * ((nodes - 1) / max(1, n - 1))  # in nodes of the field
        for line, part, nodes, n in zip(ranges, box, field.shape[1:], shape, strict=True)
    ]
    whole = torch.from_numpy(field)
    # along x by hand, then the y-z planes at once: a slab needs few nodes
    low = axes[0].floor().long().clamp(max=field.shape[1] - 2)
    share = (axes[0] - low)[None, :, None, None]
    planes = whole[:, low] * (1 - share) + whole[:, low + 1] * share  # [3, x, b, c]
    full = interpolate(planes, size=shape[1:], mode="bilinear", align_corners=True)  # [3, x, Y, Z]
    shift = full[:, :, box[1], box[2]]
    grid = torch.stack(torch.meshgrid(*(line.float() for line in ranges), indexing="ij"))
    return (grid + shift).permute(1, 2, 3, 0)

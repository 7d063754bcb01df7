"""Masks from one lattice to another, visiting only the blocks where there can be bone."""

import numpy as np
import torch
from numpy.typing import NDArray

from cranial_sparse.bricks import from_dense
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume, c_ordered
from cranial_sparse.trilinear import resample_blocks

BLOCK = 16  # voxels along a block: small enough to pass over air, large enough to be worth a call
CELL = 8  # voxels along a brick of the source


def to_lattice(volume: Volume, pose: Pose, lattice: Geometry, mirrored: bool = False) -> NDArray[np.uint8]:
    """A bool volume on the patient's grid at the voxels of a canonical ``lattice``, as resample does it.

    ``mirrored`` reads it at the reflection of every voxel in the plane x = 0.
    """
    if mirrored:
        pose = Pose(pose.rotation * [-1.0, 1.0, 1.0], pose.centre)
    matrix, offset = pose.index_map(lattice, volume.geometry)
    return resample(volume.array, matrix, offset, lattice.shape).view(np.uint8)


def resample(
    mask: NDArray[np.bool_], matrix: NDArray, offset: NDArray, shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """``mask`` (bool [X, Y, Z]) read at ``matrix @ index + offset`` for every index of ``shape``.

    Trilinear with nothing outside, thresholded at one half.
    """
    return resample_near(mask, mask, matrix, offset, np.zeros(shape, bool))


def resample_near(
    mask: NDArray[np.bool_], changed: NDArray[np.bool_], matrix: NDArray, offset: NDArray, out: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """As resample, in place and only where ``changed`` (of the mask's shape) can matter; ``out`` stands elsewhere.

    Raises ValueError where ``out`` is not C-contiguous.
    """
    source = c_ordered(mask)
    starts = _blocks(source if changed is mask else c_ordered(changed), matrix, offset, out.shape)
    resample_blocks(source, matrix, offset, starts, BLOCK, out)
    return out


def _blocks(mask: NDArray[np.bool_], matrix: NDArray, offset: NDArray, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """First indices [n, 3] of the blocks whose trilinear footprint, boxed along the source's axes, meets the mask."""
    starts = np.indices([-(-size // BLOCK) for size in shape]).reshape(3, -1).T * BLOCK
    first = starts @ matrix.T + offset
    across = matrix * (BLOCK - 1)
    low = np.floor((first + np.minimum(across, 0).sum(1) - 1) / CELL).astype(int)
    high = np.floor((first + np.maximum(across, 0).sum(1) + 1) / CELL).astype(int) + 1
    cells = [-(-size // CELL) for size in mask.shape]
    below = np.zeros([size + 1 for size in cells], np.int32)  # bricks with bone below a corner, along each axis
    bricks = from_dense(torch.from_numpy(mask)).coords[:, 1:].numpy() + 1
    below[tuple(bricks.T)] = 1
    below = below.cumsum(0).cumsum(1).cumsum(2)
    low, high = (np.clip(corner, 0, cells) for corner in (low, high))
    count = np.zeros(len(starts), int)
    for pick in np.ndindex(2, 2, 2):
        x, y, z = np.where(pick, high, low).T
        count += (-1) ** (3 - sum(pick)) * below[x, y, z]
    return starts[count > 0]

"""Boxes of masks, so that metrics look only where there is something."""

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]


def bounding_box(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box that holds every set voxel of ``mask`` [X, Y, Z]; None where there is none."""
    slices = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if hit.size == 0:
            return None
        slices.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return (slices[0], slices[1], slices[2])


def joint_box(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Box | None:
    """The smallest box that holds both masks; None where both are empty."""
    boxes = [box for box in (bounding_box(a), bounding_box(b)) if box is not None]
    if not boxes:
        return None
    x, y, z = (slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True))
    return x, y, z


def grow(box: Box, margin: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    """``box`` with ``margin`` more voxels on every side, cut at the borders of an array of ``shape``."""
    x, y, z = (
        slice(max(side.start - m, 0), min(side.stop + m, n)) for side, m, n in zip(box, margin, shape, strict=True)
    )
    return x, y, z


def reached(box: Box) -> NDArray[np.int64]:
    """Corners [8, 3] of what trilinear interpolation can make of the voxels in ``box``: up to the next voxels around it."""
    return np.where(list(np.ndindex(2, 2, 2)), [side.stop for side in box], [side.start - 1 for side in box])


def whole(mask: NDArray[np.bool_]) -> Box:
    """The box of the whole array."""
    x, y, z = (slice(0, n) for n in mask.shape)
    return x, y, z


def diagonal(box: Box, spacing: tuple[float, float, float]) -> float:
    """Length in mm of the diagonal of ``box``, outer voxel faces included."""
    sides = [(side.stop - side.start) * step for side, step in zip(box, spacing, strict=True)]
    return float(np.linalg.norm(sides))

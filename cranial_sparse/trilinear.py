"""Dense volumes read trilinearly at the voxels of another lattice, by a kernel of ours.

scipy's affine_transform holds the interpreter's lock and takes seven times as long.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resample_field(
    field: NDArray[np.float32], matrix: NDArray, offset: NDArray, shape: tuple[int, int, int], outside: float
) -> NDArray[np.float32]:
    """``field`` [X, Y, Z] read at ``matrix @ index + offset`` for every index of ``shape``.

    Trilinear, and ``outside`` at every index that the field has not, so that what is less than a voxel beyond its last one
    lies between the two: scipy's affine_transform (order 1, mode "grid-constant").
    """
    out = np.empty(shape, np.float32)
    kept = np.ascontiguousarray(field, np.float32)  # by its name until the kernel is done: it may be a copy
    source, target = _address(kept, np.float32), _address(out, np.float32)
    _native().resample_field(*source, *_affine(matrix, offset), outside, *target)
    return out


def resample_blocks(
    mask: NDArray[np.bool_],
    matrix: NDArray,
    offset: NDArray,
    starts: NDArray[np.int64],
    side: int,
    out: NDArray[np.bool_],
) -> None:
    """Into ``out`` [X, Y, Z], whether ``mask`` at ``matrix @ index + offset`` is above one half, trilinear with nothing outside.

    Only in blocks of ``side`` voxels from ``starts`` [n, 3], which must not overlap. Raises ValueError where a volume is not
    C-contiguous.
    """
    starts = np.ascontiguousarray(starts, np.int64)
    at, source, target = starts.ctypes.data, _address(mask, np.bool_), _address(out, np.bool_)
    _native().resample_mask(*source, *_affine(matrix, offset), at, len(starts), side, *target)


def _native() -> Any:
    """The kernels, loaded at the first call: after torch where torch is in use, so that both share one OpenMP runtime, and
    without it where it is not, since it takes more than a second to import."""
    from cranial_sparse import _kernels  # type: ignore[attr-defined] # compiled, without type hints

    return _kernels


def _address(array: NDArray, dtype: type) -> tuple[int, tuple[int, ...]]:
    """Where a volume begins, and its shape, as the kernels take it."""
    if array.ndim != 3 or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(f"volume: expected C-contiguous {dtype.__name__} [X, Y, Z], got {array.dtype} {array.shape}")
    return array.ctypes.data, array.shape


def _affine(matrix: NDArray, offset: NDArray) -> tuple[list[float], list[float]]:
    """A map [3, 3] and [3] of indices as the kernels take it, rows first."""
    return np.asarray(matrix, float).ravel().tolist(), np.asarray(offset, float).tolist()

"""What arguments have to be. Every check raises a ValueError that names the argument, the expectation and the finding."""

from collections.abc import Sequence

import torch
from torch import Tensor

VOXEL_LIMIT = 1 << 18
"""Voxel coordinates lie in [-VOXEL_LIMIT, VOXEL_LIMIT): a brick's fit 16 bits each."""

BATCH_LIMIT = 1 << 15
"""Batch indices lie in [0, BATCH_LIMIT)."""


def check_tensor(name: str, tensor: Tensor, dtype: torch.dtype, *shape: int | str) -> None:
    """Exactly this type and shape; a size given by name may be any."""
    fits = tensor.dtype == dtype and tensor.dim() == len(shape)
    if fits:
        for size, got in zip(shape, tensor.shape, strict=True):  # every op passes here: a generator takes twice as long
            fits = fits and (size == got or isinstance(size, str))
    if not fits:
        expected = f"{_name(dtype)} [{', '.join(map(str, shape))}]"
        raise ValueError(f"{name}: expected {expected}, got {_name(tensor.dtype)} {list(tensor.shape)}")


def check_rows(name: str, rows: int, voxels: int) -> None:
    """One row for each voxel of a grid."""
    if rows != voxels:
        raise ValueError(f"{name}: expected a row for each of the grid's {voxels} voxels, got {rows}")


def check_range(name: str, low: Sequence[int], high: Sequence[int]) -> None:
    """All voxels from ``low`` to ``high`` (batch, x, y, z; both included) have coordinates that a grid can hold."""
    limit = VOXEL_LIMIT
    if low[0] < 0 or high[0] >= BATCH_LIMIT or min(low[1:]) < -limit or max(high[1:]) >= limit:
        raise ValueError(
            f"{name}: expected batch in [0, {BATCH_LIMIT}) and coordinates in [{-limit}, {limit}), "
            f"got {list(low)} to {list(high)}"
        )


def check_voxels(name: str, voxels: Tensor) -> None:
    """Rows (batch, x, y, z) that a grid can hold."""
    if len(voxels):
        low, high = voxels.aminmax(dim=0)
        check_range(name, low.tolist(), high.tolist())


def check_box(name: str, shape: Sequence[int], origin: Sequence[int]) -> None:
    """All voxels of a volume [batch, X, Y, Z] whose first one lies at ``origin``."""
    if all(shape):
        low = (0, *origin)
        check_range(name, low, [first + size - 1 for first, size in zip(low, shape, strict=True)])


def point(name: str, values: Sequence[int]) -> list[int]:
    """Three integers of 32 bits."""
    whole = [int(value) for value in values]
    if len(whole) != 3 or not all(-(1 << 31) <= value < 1 << 31 for value in whole):
        raise ValueError(f"{name}: expected three integers of 32 bits, got {tuple(values)}")
    return whole


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""The compiled kernels and how tensors reach them.

``CRANIAL_SPARSE_ISA`` (portable, avx2 or avx512) forces an instruction set; unset, the widest one of the machine is
used.
"""

import importlib
import os
from typing import Any

import torch  # before the kernels, so that both share one OpenMP runtime
from torch import Tensor

from cranial_sparse.bricks.checks import check_tensor
from cranial_sparse.errors import InputError

native: Any = importlib.import_module("cranial_sparse._kernels")  # compiled, without type hints

if (_isa := os.environ.get("CRANIAL_SPARSE_ISA")) and not native.set_instruction_set(_isa):
    raise InputError(f"CRANIAL_SPARSE_ISA: expected portable, avx2 or avx512 as far as this machine goes, got {_isa!r}")


LARGE = 4 << 20
"""Bytes from which on it matters how memory is mapped."""


def address(name: str, tensor: Tensor, dtype: torch.dtype, *shape: int | str) -> int:
    """Address of a contiguous CPU tensor of exactly this type and shape; a size given by name may be any.

    Raises ValueError otherwise: the kernels see nothing but the address.
    """
    check_tensor(name, tensor, dtype, *shape)
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(f"{name}: expected a contiguous CPU tensor, got strides {tensor.stride()} on {tensor.device}")
    return tensor.data_ptr()


def bits(masks: Tensor, offsets: Tensor, of: str = "") -> tuple[int, int, int]:
    """Which voxels there are and their rows, as the kernels take it. ``of`` names the grid in errors."""
    bricks = len(masks)
    return (
        address(f"{of}masks", masks, torch.int64, bricks, 8),
        address(f"{of}offsets", offsets, torch.int64, bricks + 1),
        bricks,
    )


def view(coords: Tensor, masks: Tensor, offsets: Tensor, of: str = "") -> tuple[int, int, int, int]:
    """The arrays of a grid as the kernels take them. ``of`` names the grid in errors."""
    occupancy = bits(masks, offsets, of)
    return address(f"{of}coords", coords, torch.int32, len(masks), 4), *occupancy


def in_huge_pages(new: Tensor) -> Tensor:
    """``new``, a CPU tensor that nobody has written to, in pages of 2 MiB where the system has them for whoever asks.

    torch does not ask: at 512³ the pages of a new list of voxels took longer than its contents.
    """
    if new.nbytes >= LARGE:
        native.prefer_huge_pages(new.data_ptr(), new.nbytes)
    return new

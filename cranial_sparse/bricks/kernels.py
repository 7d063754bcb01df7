"""The compiled kernels and how tensors reach them.

``CRANIAL_SPARSE_ISA`` (portable, avx2 or avx512) forces an instruction set; unset, the widest one of the machine is
used.
"""

import importlib
import os
from typing import Any

import torch  # before the kernels, so that both share one OpenMP runtime
from torch import Tensor

from cranial_sparse.errors import InputError

native: Any = importlib.import_module("cranial_sparse._kernels")  # compiled, without type hints

if (_isa := os.environ.get("CRANIAL_SPARSE_ISA")) and not native.set_instruction_set(_isa):
    raise InputError(f"CRANIAL_SPARSE_ISA: expected portable, avx2 or avx512 as far as this machine goes, got {_isa!r}")


def address(tensor: Tensor, dtype: torch.dtype) -> int:
    """Address of a contiguous CPU tensor of exactly this type."""
    if tensor.dtype != dtype or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise TypeError(f"expected a contiguous {dtype} CPU tensor, got {tensor.dtype} on {tensor.device}")
    return tensor.data_ptr()


def view(coords: Tensor, masks: Tensor, offsets: Tensor) -> tuple[int, int, int, int]:
    """The arrays of a grid as the kernels take them."""
    return (
        address(coords.contiguous(), torch.int32),
        address(masks.contiguous(), torch.int64),
        address(offsets.contiguous(), torch.int64),
        coords.shape[0],
    )

"""How the kernels are launched: sizes of their blocks by channels and type, the device, the precision of float32."""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
"""What the kernels serve: tl.dot has no float64 on every card that they run on."""

TILE = 128
"""Rows of a tile. Tables of rows are made for it: they tell for each tile which offsets meet a voxel at all."""

_DEPTH = {"ieee": 32, "tf32": 32, "half": 64}  # channels × offsets of one product; IEEE has no tensor cores to fill


def launch(kernel: Any, grid: Sequence[int], *arguments: Any, **constants: Any) -> None:
    """Runs a kernel on the device of its first argument; nothing to do is no launch, which CUDA would refuse.

    One stage: Triton's pipeline copies by cp.async past the L1 cache, where the tiles' rows are met again and again.
    """
    if all(grid):
        with torch.cuda.device_of(arguments[0]):
            kernel[tuple(grid)](*arguments, **constants, num_warps=4, num_stages=1)


def check_dtypes(x: Tensor, y: Tensor) -> None:
    if x.dtype not in DTYPES or y.dtype != x.dtype:
        raise TypeError(f"expected all float16, all bfloat16 or all float32, got {x.dtype} and {y.dtype}")


def precision(dtype: torch.dtype) -> str:
    """Of products in float32: what torch.set_float32_matmul_precision says of those of matrices."""
    exact = dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest"
    return "ieee" if exact else "tf32"


def input_blocks(channels: int, steps: int, dtype: torch.dtype) -> dict[str, int]:
    """Block of input channels and how many offsets go side by side to fill a product: few channels, many offsets."""
    depth = _DEPTH[precision(dtype) if dtype == torch.float32 else "half"]
    block = min(triton.next_power_of_2(channels), 32)  # of halves: what four threads load at once
    group = max(min(depth // block, triton.next_power_of_2(steps), 16), 16 // block)  # a product is 16 deep at least
    return {"BLOCK_IN": block, "GROUP": group}


def in_order(features: Tensor, block: int) -> bool:
    """Whether loaded rows are the operand of a product as they lie: see order.py. Other cards have other operands."""
    hopper = features.device.type != "cuda" or torch.cuda.get_device_capability(features.device)[0] == 9
    return hopper and features.dtype.itemsize == 2 and block == 32


def output_block(channels: int) -> int:
    return min(max(triton.next_power_of_2(channels), 16), 64)

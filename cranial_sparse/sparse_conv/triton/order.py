"""The order in which rows, loaded 16 bytes a thread, already lie as the left operand of Hopper's tensor cores.

A warp loads 8 rows of 32 halves at once: thread 4 r + q gets channels 8 q to 8 q + 7 of row r. The tensor cores want
from that thread rows r and r + 8 of 16, and of every 16 channels 2 q, 2 q + 1, 2 q + 8 and 2 q + 9. A sum does not care
for the order of its terms, nor a tile for that of its rows: so both are renamed, the weight's rows and the output's
with them, and no number passes through shared memory. Other layouts than expected cost time, never correctness.
"""

import triton
import triton.language as tl


@triton.jit
def as_operand(x, GROUP: tl.constexpr, TILE: tl.constexpr):
    """Loaded rows [GROUP * TILE, 32] as [TILE, GROUP * 32], both sides renamed."""
    x = tl.reshape(x, [GROUP, TILE // 64, 2, 4, 8, 4, 2, 2, 2])  # row: 64s, 32s, warp, r; channel: q, step, half, one
    return tl.reshape(tl.permute(x, [1, 3, 2, 4, 0, 6, 7, 5, 8]), [TILE, GROUP * 32])


@triton.jit
def row_of(name):
    """The row of a tile that as_operand calls ``name``."""
    return (name & ~0x38) | ((name >> 1) & 0x18) | ((name & 8) << 2)


@triton.jit
def channel_of(name):
    """The channel, of 32, that as_operand calls ``name``."""
    return ((name & 6) << 2) | ((name & 16) >> 2) | ((name & 8) >> 2) | (name & 1)

"""Gradients of weights: for every offset the product of the gathered rows, transposed, with the rows of the other side.

Each chunk of tiles sums by itself and the chunks are added in order. They are cut by sizes alone, so two runs give the
same bits.
"""

from collections.abc import Iterable

import torch
import triton
import triton.language as tl
from torch import Tensor

from cranial_sparse.sparse_conv.triton.index import Table
from cranial_sparse.sparse_conv.triton.launch import (
    TILE,
    check_dtypes,
    input_blocks,
    launch,
    output_block,
    precision,
)

_SUMS = 1 << 24  # numbers in all partial sums together: 64 MiB
_CHUNKS = 256


def chunks_of(tiles: int, numbers: int) -> int:
    """Into how many parts the tiles are cut, each of which sums so many numbers."""
    return max(1, min(tiles, _CHUNKS, _SUMS // max(numbers, 1)))


def weight_gradient(gathered: Tensor, direct: Tensor, tables: Iterable[Table], out: Tensor) -> Tensor:
    """Fills ``out [offsets, Cg, Cd]`` with ``gathered[rows[offset]]ᵀ @ direct`` for the rows of a table."""
    check_dtypes(gathered, direct)
    gathered, direct = gathered.contiguous(), direct.contiguous()
    if not out.numel():
        return out
    for rows, active, first in tables:
        steps, (_, cin, cout) = len(rows), out.shape
        chunks, block = chunks_of(len(active), steps * cin * cout), output_block(cout)
        blocks = input_blocks(cin, steps, gathered.dtype)
        sums = out.new_empty((chunks, steps, cin, cout), dtype=torch.float32)
        groups = triton.cdiv(steps, blocks["GROUP"]) * triton.cdiv(cin, blocks["BLOCK_IN"])
        launch(
            weight_sums, [groups, chunks, triton.cdiv(cout, block)], gathered, direct, rows, active, sums,
            rows.shape[1], triton.cdiv(len(active), chunks), CIN=cin, COUT=cout, STEPS=steps, TILE=TILE,
            BLOCK_OUT=block, PRECISION=precision(gathered.dtype), **blocks,
        )  # fmt: skip
        out[first : first + steps] = sums.sum(0)
    return out


@triton.jit(do_not_specialize=["voxels", "tiles"])
def weight_sums(
    gathered, direct, rows, active, sums, voxels, tiles,
    CIN: tl.constexpr, COUT: tl.constexpr, STEPS: tl.constexpr, TILE: tl.constexpr,
    BLOCK_IN: tl.constexpr, GROUP: tl.constexpr, BLOCK_OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    PARTS: tl.constexpr = (CIN + BLOCK_IN - 1) // BLOCK_IN
    first = tl.program_id(0) // PARTS * GROUP
    low = tl.program_id(0) % PARTS * BLOCK_IN
    chunk = tl.program_id(1)
    step = first + tl.arange(0, GROUP)[None, :]
    channel = low + tl.arange(0, BLOCK_IN)[None, None, :]
    to = tl.program_id(2) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)[None, :]
    total = tl.zeros([GROUP * BLOCK_IN, BLOCK_OUT], tl.float32)
    tile = chunk * tiles
    last = tl.minimum(tile + tiles, tl.cdiv(voxels, TILE))
    while tile < last:
        if (tl.load(active + tile) >> first) & ((1 << GROUP) - 1):
            voxel = tile * TILE + tl.arange(0, TILE).to(tl.int64)[:, None]
            inside = voxel < voxels
            met = tl.load(rows + step.to(tl.int64) * voxels + voxel, mask=inside & (step < STEPS), other=-1)
            there = (met >= 0)[:, :, None] & (channel < CIN)
            x = tl.load(gathered + met.to(tl.int64)[:, :, None] * CIN + channel, mask=there, other=0)
            y = tl.load(direct + voxel * COUT + to, mask=inside & (to < COUT), other=0)
            x = tl.trans(tl.reshape(x, [TILE, GROUP * BLOCK_IN]))
            total = tl.dot(x, y, total, input_precision=PRECISION)
        tile += 1
    deep = tl.arange(0, GROUP * BLOCK_IN)[:, None]
    offset, of = first + deep // BLOCK_IN, low + deep % BLOCK_IN
    at = ((chunk.to(tl.int64) * STEPS + offset) * CIN + of) * COUT + to
    tl.store(sums + at, total, mask=(offset < STEPS) & (of < CIN) & (to < COUT))

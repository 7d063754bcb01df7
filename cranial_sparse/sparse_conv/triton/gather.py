"""Sparse convolution as a product of matrices: rows gathered by a table, times the weight.

A tile of output rows stays in registers over all offsets. Several offsets lie side by side where channels are few, so
that every product is deep enough for tensor cores; those where no row of the tile meets a voxel are skipped. The rows
of the table are read one group ahead.
"""

from collections.abc import Iterable

import triton
import triton.language as tl
from torch import Tensor

from cranial_sparse.sparse_conv.triton.index import Table, partial_sums
from cranial_sparse.sparse_conv.triton.launch import (
    TILE,
    check_dtypes,
    in_order,
    input_blocks,
    launch,
    output_block,
    precision,
)
from cranial_sparse.sparse_conv.triton.order import as_operand, channel_of, row_of


def gather_conv(features: Tensor, weight: Tensor, tables: Iterable[Table], out: Tensor) -> Tensor:
    """Fills ``out [N, Cout]`` with the sum over offsets of ``features[rows[offset]] @ weight[offset]``."""
    check_dtypes(features, weight)
    features, weight = features.contiguous(), weight.contiguous()
    if not weight.numel():
        return out.zero_()
    sums = partial_sums(out, len(weight))
    for rows, active, first in tables:
        product(features, weight[first : first + len(rows)], rows, active, sums, first > 0)
    return out if sums is out else out.copy_(sums)


def product(features: Tensor, weight: Tensor, rows: Tensor, active: Tensor, out: Tensor, add: bool = False) -> None:
    """The kernel alone, from contiguous operands and the table of all their offsets: what to time."""
    steps, cin, cout = weight.shape
    block, blocks = output_block(cout), input_blocks(cin, steps, features.dtype)
    launch(
        gather_product, [len(active), triton.cdiv(cout, block)], features, weight, rows, active, out, rows.shape[1],
        CIN=cin, COUT=cout, STEPS=steps, ADD=add, TILE=TILE, BLOCK_OUT=block, PRECISION=precision(features.dtype),
        ORDERED=in_order(features, blocks["BLOCK_IN"]), **blocks,
    )  # fmt: skip


@triton.jit(do_not_specialize=["voxels"])
def gather_product(
    features, weight, rows, active, out, voxels,
    CIN: tl.constexpr, COUT: tl.constexpr, STEPS: tl.constexpr, ADD: tl.constexpr, TILE: tl.constexpr,
    BLOCK_IN: tl.constexpr, GROUP: tl.constexpr, BLOCK_OUT: tl.constexpr, PRECISION: tl.constexpr,
    ORDERED: tl.constexpr,
):  # fmt: skip
    PARTS: tl.constexpr = (CIN + BLOCK_IN - 1) // BLOCK_IN  # an offset and a block of channels are a part
    tile = tl.program_id(0).to(tl.int64) * TILE
    of_group = tl.arange(0, GROUP * TILE)  # the tile once for every part of a group
    part, voxel = of_group // TILE, tile + of_group % TILE
    inside = voxel < voxels
    channel = tl.arange(0, BLOCK_IN)[None, :]
    deep = tl.arange(0, GROUP * BLOCK_IN)[:, None]
    deep_part, deep_channel = deep // BLOCK_IN, deep % BLOCK_IN
    row = tl.arange(0, TILE)[:, None]
    if ORDERED:
        deep_channel, row = channel_of(deep_channel), row_of(row)
    to = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)[None, :]
    out += (tile + row) * COUT + to
    kept = (tile + row < voxels) & (to < COUT)
    sums = tl.load(out, mask=kept, other=0) if ADD else tl.zeros([TILE, BLOCK_OUT], tl.float32)
    bits = tl.load(active + tl.program_id(0))
    rows += voxel
    step = part // PARTS
    met = tl.load(rows + step.to(tl.int64) * voxels, mask=inside & (step < STEPS), other=-1)
    for first in range(0, STEPS * PARTS, GROUP):
        step = (first + GROUP + part) // PARTS
        ahead = tl.load(rows + step.to(tl.int64) * voxels, mask=inside & (step < STEPS), other=-1)
        low, high = first // PARTS, (first + GROUP - 1) // PARTS
        if (bits >> low) & ((2 << (high - low)) - 1):
            at = met[:, None]
            there = at >= 0
            of = channel
            if PARTS > 1:
                of = ((first + part) % PARTS * BLOCK_IN)[:, None] + channel
            if CIN % BLOCK_IN:
                there = there & (of < CIN)
            x = tl.load(features + at.to(tl.int64) * CIN + of, mask=there, other=0)
            if ORDERED:
                x = as_operand(x, GROUP, TILE)
            else:
                x = tl.permute(tl.reshape(x, [GROUP, TILE, BLOCK_IN]), [1, 0, 2])
                x = tl.reshape(x, [TILE, GROUP * BLOCK_IN])
            if CIN % BLOCK_IN:
                of = (first + deep_part) % PARTS * BLOCK_IN + deep_channel
                deep_step = (first + deep_part) // PARTS
                w = tl.load(
                    weight + (deep_step * CIN + of) * COUT + to,
                    mask=(deep_step < STEPS) & (of < CIN) & (to < COUT), other=0,
                )  # fmt: skip
            else:  # the blocks of all offsets follow one another
                of = (first + deep_part) * BLOCK_IN + deep_channel
                w = tl.load(weight + of * COUT + to, mask=(of < STEPS * CIN) & (to < COUT), other=0)
            sums = tl.dot(x, w, sums, input_precision=PRECISION)
        met = ahead
    tl.store(out, sums.to(out.dtype.element_ty), mask=kept)

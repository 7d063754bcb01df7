"""Sparse convolution as a product of matrices: rows gathered by a table, times the weight.

A tile of output rows stays in registers over all offsets. The rows of few channels lie side by side for several
offsets, so that every product is deep enough for tensor cores; offsets where no row of the tile meets a voxel are
skipped. The rows of the next offsets are on their way while this product runs.
"""

from collections.abc import Iterable

import triton
import triton.language as tl
from torch import Tensor

from cranial_sparse.sparse_conv.triton.index import Table, partial_sums
from cranial_sparse.sparse_conv.triton.launch import (
    TILE,
    check_dtypes,
    input_blocks,
    launch,
    output_block,
    precision,
)


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
    block = output_block(cout)
    launch(
        gather_product, [len(active), triton.cdiv(cout, block)], features, weight, rows, active, out, rows.shape[1],
        CIN=cin, COUT=cout, STEPS=steps, ADD=add, TILE=TILE, BLOCK_OUT=block, PRECISION=precision(features.dtype),
        **input_blocks(cin, steps, features.dtype),
    )  # fmt: skip


@triton.jit(do_not_specialize=["voxels"])
def gather_product(
    features, weight, rows, active, out, voxels,
    CIN: tl.constexpr, COUT: tl.constexpr, STEPS: tl.constexpr, ADD: tl.constexpr, TILE: tl.constexpr,
    BLOCK_IN: tl.constexpr, GROUP: tl.constexpr, BLOCK_OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0)
    voxel = tile.to(tl.int64) * TILE + tl.arange(0, TILE)[:, None]
    inside = voxel < voxels
    step = tl.arange(0, GROUP)[None, :]
    channel = tl.arange(0, BLOCK_IN)[None, None, :]
    deep = tl.arange(0, GROUP * BLOCK_IN)[:, None]  # offset and channel as one: channels are fastest
    to = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)[None, :]
    out += voxel * COUT + to
    kept = inside & (to < COUT)
    sums = tl.load(out, mask=kept, other=0) if ADD else tl.zeros([TILE, BLOCK_OUT], tl.float32)
    bits = tl.load(active + tile)
    rows += step.to(tl.int64) * voxels + voxel
    stride = tl.cast(voxels, tl.int64) * GROUP
    met = tl.load(rows, mask=inside & (step < STEPS), other=-1)
    for first in range(0, STEPS, GROUP):
        rows += stride
        ahead = tl.load(rows, mask=inside & (first + GROUP + step < STEPS), other=-1)
        if (bits >> first) & ((1 << GROUP) - 1):
            for low in range(0, CIN, BLOCK_IN):
                at = met.to(tl.int64)[:, :, None] * CIN + low + channel
                there = (met >= 0)[:, :, None]
                if CIN % BLOCK_IN:
                    there = there & (low + channel < CIN)
                x = tl.reshape(tl.load(features + at, mask=there, other=0), [TILE, GROUP * BLOCK_IN])
                offset, of = first + deep // BLOCK_IN, low + deep % BLOCK_IN
                w = tl.load(
                    weight + (offset * CIN + of) * COUT + to, mask=(offset < STEPS) & (of < CIN) & (to < COUT), other=0
                )
                sums = tl.dot(x, w, sums, input_precision=PRECISION)
        met = ahead
    tl.store(out, sums.to(out.dtype.element_ty), mask=kept)

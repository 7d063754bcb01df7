"""Transposed convolution of stride 2: the product of a tile of coarse rows with each child's weight, written to the
rows of those children. A fine voxel has one parent at most, so nothing is summed.
"""

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


def scatter_conv(features: Tensor, weight: Tensor, table: Table, out: Tensor) -> Tensor:
    """Fills ``out [N_fine, Cout]``: row ``rows[child, n]`` is ``features[n] @ weight[child]``, all others zero."""
    check_dtypes(features, weight)
    features, weight = features.contiguous(), weight.contiguous()
    out.zero_()
    if weight.numel():
        (steps, cin, cout), block = weight.shape, output_block(weight.shape[2])
        launch(
            scatter_product, [len(table.active), triton.cdiv(cout, block)], features, weight, *table[:2], out,
            features.shape[0], CIN=cin, COUT=cout, STEPS=steps, TILE=TILE, BLOCK_OUT=block,
            BLOCK_IN=max(input_blocks(cin, 1, features.dtype)["BLOCK_IN"], 16), PRECISION=precision(features.dtype),
        )  # fmt: skip
    return out


@triton.jit(do_not_specialize=["voxels"])
def scatter_product(
    features, weight, rows, active, out, voxels,
    CIN: tl.constexpr, COUT: tl.constexpr, STEPS: tl.constexpr, TILE: tl.constexpr,
    BLOCK_IN: tl.constexpr, BLOCK_OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0)
    voxel = tile.to(tl.int64) * TILE + tl.arange(0, TILE)
    inside = voxel < voxels
    channel = tl.arange(0, BLOCK_IN)
    to = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)[None, :]
    bits = tl.load(active + tile)
    rows += voxel
    for child in range(STEPS):
        if (bits >> child) & 1:
            row = tl.load(rows, mask=inside, other=-1).to(tl.int64)[:, None]
            sums = tl.zeros([TILE, BLOCK_OUT], tl.float32)
            for low in range(0, CIN, BLOCK_IN):
                of = low + channel
                x = tl.load(
                    features + voxel[:, None] * CIN + of[None, :], mask=inside[:, None] & (of < CIN)[None, :], other=0
                )
                w = tl.load(
                    weight + (child * CIN + of)[:, None] * COUT + to, mask=(of < CIN)[:, None] & (to < COUT), other=0
                )
                sums = tl.dot(x, w, sums, input_precision=PRECISION)
            tl.store(out + row * COUT + to, sums.to(out.dtype.element_ty), mask=(row >= 0) & (to < COUT))
        rows += voxels

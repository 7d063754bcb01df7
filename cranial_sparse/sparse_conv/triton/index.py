"""Tables of rows: which row each voxel meets at every offset of a kernel, made from the bit masks on the device.

The table of a 3³ kernel is kept for as long as the array ``neighbours`` of its grid lives, and the children's as long as
``children``: see kernels/README.md for why. Larger kernels take theirs in pieces, one after another.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from cranial_sparse.bricks.checks import check_rows
from cranial_sparse.sparse_conv.operands import kernel_size
from cranial_sparse.sparse_conv.triton.bits import occupied, popcount, rank, row_at
from cranial_sparse.sparse_conv.triton.launch import TILE, launch

PIECE = 27
"""Offsets of one table at most: a bit of a tile's word for each."""

WIDTH = 4
"""Offsets that a table is made for side by side."""


class Table(NamedTuple):
    """Rows that a piece of a kernel meets, from offset ``first`` on."""

    rows: Tensor  # int32 [steps, N], -1 where there is no voxel
    active: Tensor  # int32 [tiles of N]: bit s is set where a row of the tile has a voxel at offset first + s
    first: int


_tables: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def neighbour_tables(masks: Tensor, offsets: Tensor, neighbours: Tensor, voxels: int, steps: int) -> Iterator[Table]:
    """The neighbours of every voxel at the offsets of a k³ kernel. ValueError where a 3³ kernel's voxels are not those
    of the grid; to ask the grid every time would make the device wait."""
    size = kernel_size(steps)
    if steps == PIECE:
        table = _tables.get(neighbours)
        if table is None:  # made from the grid alone, whatever the features are
            of = _locate(masks, offsets, int(offsets[-1]))
            table = _tables[neighbours] = _table(of, of, masks, neighbours, 0, steps, size)
        check_rows("features", voxels, table.rows.shape[1])
        yield table
        return
    of = _locate(masks, offsets, voxels)
    for first in range(0, steps, PIECE):
        yield _table(of, of, masks, neighbours, first, min(PIECE, steps - first), size)


def child_table(
    children: Tensor, fine_masks: Tensor, fine_offsets: Tensor, coarse_masks: Tensor, coarse_offsets: Tensor,
    fine: int, coarse: int,
) -> Table:  # fmt: skip
    """The eight children of every coarse voxel, of so many ``fine`` and ``coarse`` voxels."""
    table = _tables.get(children)
    if table is None or table.rows.shape[1] != coarse:
        of, to = _locate(coarse_masks, coarse_offsets, coarse), _locate(fine_masks, fine_offsets, fine)
        table = _tables[children] = _table(of, to, fine_masks, children, 0, 8, 2)
    return table


def partial_sums(out: Tensor, steps: int) -> Tensor:
    """Where the pieces of a kernel are added up: the output itself where there is one piece, else float32."""
    return out if steps <= PIECE else out.new_empty(out.shape, dtype=torch.float32)


class _Places(NamedTuple):
    places: Tensor  # int64 [N]: 512 times the brick + the bit of each voxel
    firsts: Tensor  # int32 [B, 8]: the row at which each plane of a brick begins


def _locate(masks: Tensor, offsets: Tensor, voxels: int) -> _Places:
    if voxels >= 1 << 31:
        raise ValueError(f"features: expected fewer than 2^31 rows, got {voxels}")
    places, firsts = masks.new_empty(voxels), masks.new_empty(masks.shape, dtype=torch.int32)
    launch(locate, [len(masks)], masks.contiguous(), offsets, places, firsts, voxels)
    return _Places(places, firsts)


def _table(of: _Places, to: _Places, masks: Tensor, links: Tensor, first: int, steps: int, size: int) -> Table:
    voxels = len(of.places)
    tiles = triton.cdiv(voxels, TILE)
    rows, active = links.new_empty((steps, voxels)), links.new_empty(tiles)
    launch(
        meet, [tiles], of.places, to.firsts, masks.contiguous(), links.contiguous(), rows, active, voxels, first,
        STEPS=steps, SIZE=size, TILE=TILE, WIDTH=WIDTH,
    )  # fmt: skip
    return Table(rows, active, first)


@triton.jit(do_not_specialize=["voxels"])
def locate(masks, offsets, places, firsts, voxels):
    """Place of every voxel of a brick, and the rows at which its planes begin. A program for each brick."""
    brick = tl.program_id(0).to(tl.int64)
    plane = tl.arange(0, 8)
    words = tl.load(masks + brick * 8 + plane)
    counts = popcount(words)
    first = tl.load(offsets + brick) + tl.cumsum(counts) - counts
    tl.store(firsts + brick * 8 + plane, first.to(tl.int32))
    bit = tl.arange(0, 64)[None, :]
    row = first[:, None] + rank(words[:, None], bit)
    tl.store(places + row, brick * 512 + plane[:, None] * 64 + bit, mask=occupied(words[:, None], bit) & (row < voxels))


@triton.jit(do_not_specialize=["voxels", "first"])
def meet(
    places, firsts, masks, links, rows, active, voxels, first,
    STEPS: tl.constexpr, SIZE: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Rows that the voxels of a tile meet: at SIZE³ offsets around them, or their children where SIZE is 2."""
    tile = tl.program_id(0)
    voxel = tile.to(tl.int64) * TILE + tl.arange(0, TILE)[:, None]
    inside = voxel < voxels
    place = tl.load(places + voxel, mask=inside, other=0)
    brick, bit = place // 512, (place % 512).to(tl.int32)
    x, y, z = bit // 64, bit // 8 % 8, bit % 8
    bits = 0
    for low in range(0, STEPS, WIDTH):  # some offsets side by side: their loads are under way together
        step = low + tl.arange(0, WIDTH)[None, :]
        offset = first + step
        i, j, k = offset // (SIZE * SIZE), offset // SIZE % SIZE, offset % SIZE
        if SIZE == 2:  # in [0, 16), of 2³ bricks
            i, j, k = 2 * x + i, 2 * y + j, 2 * z + k
            link = brick * 8 + ((i >> 3) * 4 + (j >> 3) * 2 + (k >> 3))
        else:  # in [-8, 16), of 3³ bricks
            i, j, k = x + i - SIZE // 2, y + j - SIZE // 2, z + k - SIZE // 2
            link = brick * 27 + (((i >> 3) + 1) * 9 + ((j >> 3) + 1) * 3 + (k >> 3) + 1)
        there = inside & (step < STEPS)
        row = row_at(masks, firsts, tl.load(links + link, mask=there, other=-1), i & 7, j & 7, k & 7)
        tl.store(rows + step.to(tl.int64) * voxels + voxel, row, mask=there)
        bits |= tl.sum(tl.max((row >= 0).to(tl.int32), 0) << tl.reshape(step, [WIDTH]), 0)
    tl.store(active + tile, bits)

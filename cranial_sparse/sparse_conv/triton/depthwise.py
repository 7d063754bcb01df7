"""Convolution of every channel by itself, and the gradient of its weight: no products of matrices, one row at a time."""

from collections.abc import Iterable

import torch
import triton
import triton.language as tl
from torch import Tensor

from cranial_sparse.sparse_conv.triton.index import Table, partial_sums
from cranial_sparse.sparse_conv.triton.launch import TILE, check_dtypes, launch
from cranial_sparse.sparse_conv.triton.weight import chunks_of


def depthwise_conv(features: Tensor, weight: Tensor, tables: Iterable[Table], out: Tensor) -> Tensor:
    """Fills ``out [N, C]`` with the sum over offsets of ``features[rows[offset]] * weight[offset]``."""
    check_dtypes(features, weight)
    features, weight, channels = features.contiguous(), weight.contiguous(), weight.shape[1]
    block = channel_block(channels)
    sums = partial_sums(out, len(weight))
    for rows, active, first in tables:
        launch(
            depthwise_sums, [len(active), triton.cdiv(channels, block)], features, weight[first:], rows, active, sums,
            rows.shape[1], CHANNELS=channels, STEPS=len(rows), ADD=first > 0, TILE=TILE, BLOCK=block,
        )  # fmt: skip
    return out if sums is out else out.copy_(sums)


def depthwise_weight_gradient(features: Tensor, gradient: Tensor, tables: Iterable[Table], out: Tensor) -> Tensor:
    """Fills ``out [offsets, C]`` with the sum over rows of ``features[rows[offset]] * gradient``, chunk by chunk."""
    check_dtypes(features, gradient)
    features, gradient, channels = features.contiguous(), gradient.contiguous(), features.shape[1]
    block = channel_block(channels)
    for rows, active, first in tables:
        steps = len(rows)
        chunks = chunks_of(len(active), steps * channels)
        sums = out.new_empty((chunks, steps, channels), dtype=torch.float32)
        launch(
            depthwise_weight_sums, [steps, chunks, triton.cdiv(channels, block)], features, gradient, rows, active,
            sums, rows.shape[1], triton.cdiv(len(active), chunks), CHANNELS=channels, STEPS=steps, TILE=TILE,
            BLOCK=block,
        )  # fmt: skip
        out[first : first + steps] = sums.sum(0)
    return out


def channel_block(channels: int) -> int:
    return min(triton.next_power_of_2(max(channels, 1)), 32)


@triton.jit(do_not_specialize=["voxels"])
def depthwise_sums(
    features, weight, rows, active, out, voxels,
    CHANNELS: tl.constexpr, STEPS: tl.constexpr, ADD: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0)
    voxel = tile.to(tl.int64) * TILE + tl.arange(0, TILE)
    inside = voxel < voxels
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    held = channel < CHANNELS
    out += voxel[:, None] * CHANNELS + channel[None, :]
    kept = inside[:, None] & held[None, :]
    sums = tl.load(out, mask=kept, other=0) if ADD else tl.zeros([TILE, BLOCK], tl.float32)
    bits = tl.load(active + tile)
    rows += voxel
    met = tl.load(rows, mask=inside, other=-1)
    for step in range(STEPS):
        rows += voxels
        ahead = tl.load(rows, mask=inside & (step + 1 < STEPS), other=-1)
        if (bits >> step) & 1:
            at = met.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
            x = tl.load(features + at, mask=(met >= 0)[:, None] & held[None, :], other=0)
            w = tl.load(weight + step * CHANNELS + channel, mask=held, other=0)
            sums += x.to(tl.float32) * w.to(tl.float32)[None, :]
        met = ahead
    tl.store(out, sums.to(out.dtype.element_ty), mask=kept)


@triton.jit(do_not_specialize=["voxels", "tiles"])
def depthwise_weight_sums(
    features, gradient, rows, active, sums, voxels, tiles,
    CHANNELS: tl.constexpr, STEPS: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    step, chunk = tl.program_id(0), tl.program_id(1)
    channel = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    held = channel < CHANNELS
    total = tl.zeros([TILE, BLOCK], tl.float32)
    tile = chunk * tiles
    last = tl.minimum(tile + tiles, tl.cdiv(voxels, TILE))
    while tile < last:
        if (tl.load(active + tile) >> step) & 1:
            voxel = tile * TILE + tl.arange(0, TILE).to(tl.int64)
            met = tl.load(rows + step.to(tl.int64) * voxels + voxel, mask=voxel < voxels, other=-1)
            there = (met >= 0)[:, None] & held[None, :]
            at = met.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
            x = tl.load(features + at, mask=there, other=0).to(tl.float32)
            y = tl.load(gradient + voxel[:, None] * CHANNELS + channel[None, :], mask=there, other=0).to(tl.float32)
            total += x * y
        tile += 1
    tl.store(sums + (chunk.to(tl.int64) * STEPS + step) * CHANNELS + channel, tl.sum(total, 0), mask=held)

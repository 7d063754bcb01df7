"""Grids from candidate bricks, and the ascending keys that candidates come from."""

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.launch import LANES

Arrays = tuple[Tensor, Tensor, Tensor]

_PER_BLOCK, _THREADS = 32, 256  # as in kernels/cuda/emit.cuh
_UNIQUE_THREADS = 1024

MOST = 1 << 26
"""Bricks that a prefix sum can count, see kernels/cuda/scan.cuh."""


def zeros(like: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=like.device)


def warps(count: int) -> int:
    """Threads that make ``count`` warps."""
    return count * LANES


def emit(kernel: str, candidates: int, *inputs: Tensor | int | float, full: bool = False) -> Arrays:
    """The grid of those of so many candidate bricks that have a voxel; of all, where it is known to be ``full``.

    Raises OverflowError where a brick would lie beyond what a key can hold.
    """
    like = inputs[0]
    assert isinstance(like, Tensor)
    coords = torch.empty((candidates, 4), dtype=torch.int32, device=like.device)
    masks = torch.empty((candidates, 8), dtype=torch.int64, device=like.device)
    if candidates == 0:
        return coords, masks, zeros(like, 1)
    if candidates >= MOST:
        raise ValueError(f"{kernel}: expected fewer than {MOST} candidate bricks, got {candidates}; split the batch")
    offsets = torch.empty(candidates + 1, dtype=torch.int64, device=like.device)
    blocks = -(-candidates // _PER_BLOCK)
    scratch = zeros(like, 3 + 1 + blocks)
    counts, state = scratch[:3], scratch[3:]
    launch.run(kernel, blocks * _THREADS, _THREADS, *inputs, coords, masks, offsets, counts, state)
    if full:
        return coords, masks, offsets
    bricks, _, beyond = counts.tolist()
    if beyond:
        raise OverflowError(kernel)
    arrays = coords[:bricks], masks[:bricks], offsets[: bricks + 1]
    if 4 * bricks >= candidates:  # copies take as long as the kernel; the room is small
        return arrays
    return arrays[0].clone(), arrays[1].clone(), arrays[2].clone()


def brick_keys(coords: Tensor) -> Tensor:
    """The key of each brick."""
    keys = torch.empty(len(coords), dtype=torch.int64, device=coords.device)
    launch.run("brick_keys", len(coords), 256, coords, len(coords), keys)
    return keys


def unique_keys(keys: Tensor, counts: Tensor | None = None) -> tuple[Tensor, bool]:
    """Each key once, ascending, without those that stand for none; and whether the second of ``counts``, int64 [2] of
    zeros, has been set meanwhile, which costs no further wait."""
    if len(keys) == 0:
        return keys, False
    keys = keys.sort().values
    unique = torch.empty_like(keys)
    counts = zeros(keys, 2) if counts is None else counts
    state = zeros(keys, 1 + -(-len(keys) // _UNIQUE_THREADS))
    launch.run("unique_keys", len(keys), _UNIQUE_THREADS, keys, len(keys), unique, counts[:1], state)
    count, flag = counts.tolist()
    return unique[:count].clone(), bool(flag)

"""Grids from candidate bricks, and the ascending keys that candidates come from."""

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.launch import LANES

Arrays = tuple[Tensor, Tensor, Tensor]

_PER_BLOCK, _THREADS = 32, 256  # as in kernels/cuda/emit.cuh
_UNIQUE_THREADS = 1024


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
    if bricks == candidates:
        return coords, masks, offsets
    return coords[:bricks].clone(), masks[:bricks].clone(), offsets[: bricks + 1].clone()


def brick_keys(coords: Tensor) -> Tensor:
    """The key of each brick."""
    keys = torch.empty(len(coords), dtype=torch.int64, device=coords.device)
    launch.run("brick_keys", len(coords), 256, coords, len(coords), keys)
    return keys


def unique_keys(keys: Tensor) -> Tensor:
    """Each key once, ascending, without those that stand for none."""
    if len(keys) == 0:
        return keys
    keys = keys.sort().values
    unique = torch.empty_like(keys)
    blocks = -(-len(keys) // _UNIQUE_THREADS)
    scratch = zeros(keys, 1 + 1 + blocks)
    count, state = scratch[:1], scratch[1:]
    launch.run("unique_keys", len(keys), _UNIQUE_THREADS, keys, len(keys), unique, count, state)
    return unique[: int(count)].clone()

"""Grids from candidate bricks, and the ascending keys that candidates come from."""

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.launch import LANES

Arrays = tuple[Tensor, Tensor, Tensor]

_PER_BLOCK, _THREADS, _COUNTS = 32, 256, 3  # as in kernels/cuda/emit.cuh
_UNIQUE_THREADS = 1024

MOST = 1 << 26
"""Bricks that a prefix sum can count, see kernels/cuda/scan.cuh."""


def zeros(like: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=like.device)


def warps(count: int) -> int:
    """Threads that make ``count`` warps."""
    return count * LANES


def scratch(kernel: str, candidates: int) -> int:
    """Words, zero before the launch, for the state of a prefix sum over so many candidate bricks, and what it counts.

    Raises ValueError where they are more than can be counted.
    """
    if candidates >= MOST:
        raise ValueError(f"{kernel}: expected fewer than {MOST} candidate bricks, got {candidates}; split the batch")
    return _COUNTS + 1 + -(-candidates // _PER_BLOCK)


def emit(kernel: str, candidates: int, *inputs: Tensor | int | float, full: bool = False) -> Arrays:
    """The grid of those of so many candidate bricks that have a voxel; of all, where it is known to be ``full``.

    Raises OverflowError where a brick would lie beyond what a key can hold.
    """
    like = inputs[0]
    assert isinstance(like, Tensor)
    state, arrays = zeros(like, scratch(kernel, candidates)), room(candidates, like)
    if candidates == 0:
        return arrays
    if full:  # nobody waits, so nobody may write where another kernel's are waited for
        start(kernel, candidates, *inputs, arrays=arrays, counts=state.data_ptr(), state=state.data_ptr() + 8 * _COUNTS)
        return arrays
    start(kernel, candidates, *inputs, arrays=arrays, counts=launch.landing(like), state=state.data_ptr())
    return trimmed(kernel, arrays)[0]


def room(candidates: int, like: Tensor) -> Arrays:
    """The arrays of a grid of so many bricks, as yet unknown."""
    coords = torch.empty((candidates, 4), dtype=torch.int32, device=like.device)
    masks = torch.empty((candidates, 8), dtype=torch.int64, device=like.device)
    offsets = torch.empty(candidates + 1, dtype=torch.int64, device=like.device)
    return coords, masks, offsets if candidates else offsets.zero_()


def start(kernel: str, candidates: int, *inputs: Tensor | int | float, arrays: Arrays, counts: int, state: int) -> None:
    """A kernel that ends in ``write_candidates``: see there what is at the addresses ``counts`` and ``state``."""
    threads = -(-candidates // _PER_BLOCK) * _THREADS
    launch.run(kernel, threads, _THREADS, *inputs, *arrays, counts, state)


def trimmed(kernel: str, arrays: Arrays) -> tuple[Arrays, int]:
    """Waits for the kernel whose counts land: its grid without the room that it did not need, and its voxels. Raises as
    emit."""
    coords, masks, offsets = arrays
    bricks, voxels, beyond = launch.landed(coords)
    if beyond:
        raise OverflowError(kernel)
    few = 4 * bricks < len(coords)  # else copies take as long as the kernel; the room is small
    coords, masks, offsets = coords[:bricks], masks[:bricks], offsets[: bricks + 1]
    return (coords.clone(), masks.clone(), offsets.clone()) if few else (coords, masks, offsets), voxels


def brick_keys(coords: Tensor) -> Tensor:
    """The key of each brick."""
    keys = torch.empty(len(coords), dtype=torch.int64, device=coords.device)
    launch.run("brick_keys", len(coords), 256, coords, len(coords), keys)
    return keys


def unique_keys(keys: Tensor, counts: int | None = None) -> tuple[Tensor, bool]:
    """Each key once, ascending, without those that stand for none; and whether the second of the words that land at
    ``counts`` has been set meanwhile, which costs no further wait."""
    if len(keys) == 0:
        return keys, False
    keys = keys.sort().values
    unique = torch.empty_like(keys)
    counts = launch.landing(keys) if counts is None else counts
    state = zeros(keys, 1 + -(-len(keys) // _UNIQUE_THREADS))
    launch.run("unique_keys", len(keys), _UNIQUE_THREADS, keys, len(keys), unique, counts, state)
    count, flag, _ = launch.landed(keys)
    return unique[:count].clone(), bool(flag)

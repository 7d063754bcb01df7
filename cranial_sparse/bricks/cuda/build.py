"""Grids from dense volumes and coordinate lists, and back."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import check_box, check_tensor, check_voxels
from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import Arrays, emit, unique_keys, warps


def from_dense(volume: Tensor, origin: Sequence[int]) -> Arrays:
    volume = volume.contiguous()
    check_tensor("volume", volume, torch.bool, "batch", "X", "Y", "Z")
    check_box("volume", volume.shape, origin)
    batch, *shape = volume.shape
    sides = [((first + size - 1) >> 3) - (first >> 3) + 1 for first, size in zip(origin, shape, strict=True)]
    candidates = batch * prod(sides) if volume.numel() else 0
    return emit("from_dense", candidates, volume, *volume.shape, *origin)


def to_dense(coords: Tensor, masks: Tensor, offsets: Tensor, shape: Sequence[int], origin: Sequence[int]) -> Tensor:
    volume = torch.zeros(tuple(shape), dtype=torch.bool, device=coords.device)
    launch.run("to_dense", warps(len(coords)), 256, coords, masks, len(coords), volume, *shape, *origin)
    return volume


def from_coordinates(voxels: Tensor) -> Arrays:
    voxels = voxels.contiguous()
    check_tensor("voxels", voxels, torch.int32, "N", 4)
    count, counts = len(voxels), launch.landing(voxels)
    keys = torch.empty(count, dtype=torch.int64, device=voxels.device)
    launch.run("voxel_keys", count, 256, voxels, count, keys, counts + 8)
    keys, beyond = unique_keys(keys, counts)
    if beyond:
        check_voxels("voxels", voxels)  # raises and says which
    masks = torch.zeros((len(keys), 8), dtype=torch.int64, device=voxels.device)
    launch.run("mark_voxels", count, 256, voxels, count, keys, len(keys), masks)
    return emit("assemble", len(keys), keys, masks, len(keys), 0, full=True)

"""Dilation and erosion by a ball."""

import torch
from torch import Tensor

from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import Arrays, brick_keys, emit, unique_keys


def dilate(coords: Tensor, masks: Tensor, offsets: Tensor, radius: float) -> Arrays:
    reach = _reach(radius)
    steps = -(-reach // 8)
    slots = len(coords) * (2 * steps + 1) ** 3
    keys = torch.empty(slots, dtype=torch.int64, device=coords.device)
    launch.run("reached_keys", slots, 256, coords, masks, len(coords), reach, steps, keys)
    # Their number is waited for: room for all that might be reached would be up to 700 times that of the grid.
    keys, _ = unique_keys(keys)
    return emit("assemble", len(keys), keys, _dilated(coords, masks, keys, radius, erode=False), len(keys), 0)


def erode(coords: Tensor, masks: Tensor, offsets: Tensor, radius: float) -> Arrays:
    keys = brick_keys(coords)
    return emit("assemble", len(keys), keys, _dilated(coords, masks, keys, radius, erode=True), len(keys), 0)


def _dilated(coords: Tensor, masks: Tensor, keys: Tensor, radius: float, erode: bool) -> Tensor:
    out = torch.empty((len(keys), 8), dtype=torch.int64, device=coords.device)
    grid = coords, masks, len(coords)
    launch.run("dilated_masks", 64 * len(keys), 64, *grid, keys, _square(radius), _reach(radius), int(erode), out)
    return out


def _square(radius: float) -> float:
    return radius * radius + 1e-9  # √3 squared is a little less than 3


def _reach(radius: float) -> int:
    return int(_square(radius) ** 0.5)

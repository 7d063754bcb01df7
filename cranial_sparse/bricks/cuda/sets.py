"""Grids as sets of voxels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import check_tensor
from cranial_sparse.bricks.cuda.emit import Arrays, brick_keys, emit, unique_keys

_OPERATIONS = {"union": 0, "intersection": 1, "difference": 2}


def combine(
    a_coords: Tensor,
    a_masks: Tensor,
    a_offsets: Tensor,
    b_coords: Tensor,
    b_masks: Tensor,
    b_offsets: Tensor,
    operation: str,
) -> Arrays:
    code, keys = _OPERATIONS[operation], brick_keys(a_coords)
    if operation == "union":
        keys, _ = unique_keys(torch.cat([keys, brick_keys(b_coords)]))
    a, b = (a_coords, a_masks, len(a_coords)), (b_coords, b_masks, len(b_coords))
    return emit("combine", len(keys), *a, *b, keys, len(keys), code, full=operation == "union")


def prune(coords: Tensor, masks: Tensor, offsets: Tensor, keep: Tensor) -> Arrays:
    check_tensor("keep", keep, torch.bool, "N")
    return emit("prune", len(coords), coords, masks, offsets, len(coords), keep.contiguous())


def crop(coords: Tensor, masks: Tensor, offsets: Tensor, low: Sequence[int], high: Sequence[int]) -> Arrays:
    return emit("crop", len(coords), coords, masks, len(coords), *low, *high)

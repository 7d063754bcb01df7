"""Coarser and finer grids."""

import torch
from torch import Tensor

from cranial_sparse.bricks import reference
from cranial_sparse.bricks.checks import check_tensor
from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import Arrays, emit, unique_keys, warps
from cranial_sparse.bricks.grid import BrickGrid

_UPSAMPLE = {
    torch.float16: "upsample_f16",
    torch.bfloat16: "upsample_bf16",
    torch.float32: "upsample_f32",
    torch.float64: "upsample_f64",
}


def coarsen(coords: Tensor, masks: Tensor, offsets: Tensor) -> Arrays:
    keys = torch.empty(len(coords), dtype=torch.int64, device=coords.device)
    launch.run("parent_keys", len(coords), 256, coords, len(coords), keys)
    keys, _ = unique_keys(keys)
    return emit("coarsen", len(keys), coords, masks, len(coords), keys, len(keys), full=True)


def refine(coords: Tensor, masks: Tensor, offsets: Tensor, children: Tensor) -> Arrays:
    check_tensor("children", children, torch.uint8, "N")
    try:
        return _refine("refine", coords, masks, offsets, children, 0.0)
    except OverflowError:
        return reference.refine(BrickGrid(coords, masks, offsets), children).arrays  # raises and says where


def upsample(coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float) -> Arrays:
    if logits.dtype not in _UPSAMPLE or logits.dim() != 2 or logits.shape[1] != 8:
        raise ValueError(f"logits: expected floating point [N, 8], got {logits.dtype} {list(logits.shape)}")
    try:
        rounded = torch.tensor(threshold, dtype=logits.dtype).item()  # as a comparison in torch would
        return _refine(_UPSAMPLE[logits.dtype], coords, masks, offsets, logits, rounded)
    except OverflowError:
        return reference.upsample(BrickGrid(coords, masks, offsets), logits, threshold).arrays  # raises and says where


def _refine(kernel: str, coords: Tensor, masks: Tensor, offsets: Tensor, values: Tensor, threshold: float) -> Arrays:
    bricks = len(coords)
    rows = torch.empty((bricks, 4), dtype=torch.int32, device=coords.device)  # slab and line of each, see brick.h
    launch.run("rows_of_bricks", bricks, 256, coords, bricks, rows)
    return emit(kernel, 8 * bricks, coords, masks, offsets, bricks, rows, _aligned(values), threshold)


def _aligned(values: Tensor) -> Tensor:
    """Contiguous, and at an address that 16 bytes can be read from at once: a slice may begin anywhere."""
    values = values.contiguous()
    return values.clone() if values.data_ptr() % 16 else values


def parents(
    fine_coords: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_coords: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
) -> tuple[Tensor, Tensor]:
    parent = torch.empty(rows, dtype=torch.int64, device=fine_coords.device)
    slot = torch.empty(rows, dtype=torch.uint8, device=fine_coords.device)
    fine = fine_coords, fine_masks, fine_offsets, len(fine_coords)
    coarse = coarse_coords, coarse_masks, coarse_offsets, len(coarse_coords)
    launch.run("parents", warps(len(fine_coords)), 256, *fine, *coarse, parent, slot)
    return parent, slot

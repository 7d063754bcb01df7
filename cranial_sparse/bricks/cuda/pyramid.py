"""Coarser and finer grids."""

from functools import lru_cache

import torch
from torch import Tensor

from cranial_sparse.bricks import reference
from cranial_sparse.bricks.checks import check_tensor
from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import Arrays, emit, room, scratch, start, trimmed, unique_keys, warps
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
        return _refine("refine", coords, masks, offsets, children, 0.0)[0]
    except OverflowError:
        return reference.refine(BrickGrid(coords, masks, offsets), children).arrays  # raises and says where


def upsample(coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float) -> Arrays:
    return _upsample(coords, masks, offsets, logits, threshold)[0]


def upsample_listed(
    coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays, voxels = _upsample(coords, masks, offsets, logits, threshold, listed=True)
    assert voxels is not None
    return *arrays, voxels


def _upsample(
    coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float, listed: bool = False
) -> tuple[Arrays, Tensor | None]:
    if logits.dtype not in _UPSAMPLE or logits.dim() != 2 or logits.shape[1] != 8:
        raise ValueError(f"logits: expected floating point [N, 8], got {logits.dtype} {list(logits.shape)}")
    kernel, limit = _UPSAMPLE[logits.dtype], _rounded(threshold, logits.dtype)
    try:
        return _refine(kernel, coords, masks, offsets, logits, limit, listed)
    except OverflowError:
        grid = reference.upsample(BrickGrid(coords, masks, offsets), logits, threshold)  # raises and says where
        return grid.arrays, reference.coordinates(grid)


@lru_cache
def _rounded(threshold: float, dtype: torch.dtype) -> float:
    """As a comparison in torch would."""
    return torch.tensor(threshold, dtype=dtype, device="cpu").item()


def _refine(
    kernel: str,
    coords: Tensor,
    masks: Tensor,
    offsets: Tensor,
    values: Tensor,
    threshold: float,
    listed: bool = False,
) -> tuple[Arrays, Tensor | None]:
    """The grid, and with ``listed`` its coordinates [N, 4]: one kernel makes all eight children of every brick, in
    order, the next keeps those that have a voxel. What the second needs is asked for while the first runs."""
    bricks, places = len(coords), 8 * len(coords)
    zeros = scratch(kernel, places)
    work = torch.empty(9 * places + zeros, dtype=torch.int64, device=coords.device)  # a key and eight words each
    launch.run(kernel, warps(bricks), 256, coords, masks, offsets, bricks, _aligned(values), threshold, work, zeros)
    arrays = room(places, coords)
    voxels = torch.empty((8 * len(values), 4), dtype=torch.int32, device=coords.device) if listed else None
    if not bricks:
        return arrays, voxels
    address = work.data_ptr()
    children = work, address + 8 * places, places, 0 if voxels is None else voxels
    start("assemble", places, *children, arrays=arrays, counts=launch.landing(coords), state=address + 8 * 9 * places)
    arrays, rows = trimmed(kernel, arrays)
    if voxels is None:
        return arrays, None
    return arrays, voxels[:rows] if 2 * rows >= len(voxels) else voxels[:rows].clone()


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

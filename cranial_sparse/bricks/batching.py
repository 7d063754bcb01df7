"""Several grids as one."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from cranial_sparse.bricks.checks import BATCH_LIMIT
from cranial_sparse.bricks.grid import BrickGrid, empty


def batch(grids: Sequence[BrickGrid]) -> BrickGrid:
    """One grid of many, each a single item (batch index 0). Features are concatenated in the same order."""
    if not grids:
        return empty()
    if len(grids) > BATCH_LIMIT:
        raise ValueError(f"grids: expected at most {BATCH_LIMIT}, got {len(grids)}")
    for item, grid in enumerate(grids):
        if grid.batch_size > 1:
            raise ValueError(f"grids[{item}]: expected a single item, got a batch of {grid.batch_size}")
    coords = torch.cat([grid.coords for grid in grids])
    item = torch.arange(len(grids), dtype=torch.int32, device=coords.device)  # type: ignore
    coords[:, 0] = item.repeat_interleave(torch.tensor([grid.num_bricks for grid in grids], device=coords.device))  # type: ignore
    masks = torch.cat([grid.masks for grid in grids])
    voxels = torch.cat([grid.offsets.diff() for grid in grids])
    return BrickGrid(coords, masks, torch.cat([voxels.new_zeros(1), voxels.cumsum(0)]))


def unbatch(grid: BrickGrid, size: int | None = None) -> list[BrickGrid]:
    """The items of a batch. ``size`` counts empty items at its end too; without it the last one has voxels."""
    size = grid.batch_size if size is None else size
    if size < grid.batch_size:
        raise ValueError(f"size: expected at least {grid.batch_size} items, got {size}")
    items = torch.arange(size + 1, dtype=torch.int32, device=grid.device)
    bounds = torch.searchsorted(grid.coords[:, 0].contiguous(), items).tolist()
    grids = []
    for first, last in pairwise(bounds):
        coords = grid.coords[first:last].clone()
        coords[:, 0] = 0
        offsets = grid.offsets[first : last + 1] - grid.offsets[first]
        grids.append(BrickGrid(coords, grid.masks[first:last].clone(), offsets))
    return grids


def row_splits(grid: BrickGrid, size: int | None = None) -> list[int]:
    """Rows of each batch item, for ``features.split(row_splits(grid))``."""
    size = grid.batch_size if size is None else size
    items = torch.arange(size + 1, dtype=torch.int32, device=grid.device)
    bounds = torch.searchsorted(grid.coords[:, 0].contiguous(), items)
    return grid.offsets[bounds].diff().tolist()

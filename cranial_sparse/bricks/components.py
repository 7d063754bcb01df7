"""Connected components."""

import torch
from torch import Tensor

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.grid import BrickGrid
from cranial_sparse.bricks.sets import prune


def components(grid: BrickGrid, connectivity: int = 26) -> tuple[Tensor, Tensor]:
    """Component of each voxel, int64 ``[N]``, and voxels in each component, int64 ``[K]``.

    Components are numbered by batch item and, within one, from the largest down; ties go to the one that comes first
    in row order. ``connectivity`` is 6 (shared faces) or 26 (shared corners).
    """
    if connectivity not in (6, 26):
        raise ValueError(f"connectivity: expected 6 or 26, got {connectivity}")
    roots = ops.component_roots(*grid.arrays, grid.neighbours, grid.num_voxels, connectivity)
    first, label, size = torch.unique(roots, return_inverse=True, return_counts=True)
    order = torch.argsort(size, descending=True, stable=True)
    order = order[torch.argsort(_batch_of(grid, first[order]), stable=True)]
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    return rank[label], size[order]


def largest_component(grid: BrickGrid, connectivity: int = 26, count: int = 1) -> BrickGrid:
    """The ``count`` largest components of each batch item."""
    label, size = components(grid, connectivity)
    first = torch.zeros_like(size).scatter_(0, label, torch.arange(len(label), device=label.device))  # a row of each
    batch = _batch_of(grid, first)
    place = torch.arange(len(size), device=size.device) - torch.searchsorted(batch, batch)
    return prune(grid, (place < count)[label])


def _batch_of(grid: BrickGrid, rows: Tensor) -> Tensor:
    return grid.coords[torch.searchsorted(grid.offsets, rows, right=True) - 1, 0].contiguous()

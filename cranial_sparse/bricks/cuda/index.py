"""Rows and links: which voxel, which brick."""

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import check_tensor
from cranial_sparse.bricks.cuda import launch
from cranial_sparse.bricks.cuda.emit import warps


def coordinates(coords: Tensor, masks: Tensor, offsets: Tensor, rows: int) -> Tensor:
    voxels = torch.empty((rows, 4), dtype=torch.int32, device=coords.device)
    launch.run("coordinates", warps(len(coords)), 256, coords, masks, offsets, len(coords), voxels)
    return voxels


def lookup(coords: Tensor, masks: Tensor, offsets: Tensor, voxels: Tensor) -> Tensor:
    voxels = voxels.contiguous()
    check_tensor("voxels", voxels, torch.int32, "M", 4)
    rows = torch.empty(len(voxels), dtype=torch.int64, device=coords.device)
    launch.run("lookup", len(voxels), 256, coords, masks, offsets, len(coords), voxels, len(voxels), rows)
    return rows


def neighbour_bricks(coords: Tensor) -> Tensor:
    coords = coords.contiguous()
    neighbours = torch.empty((len(coords), 27), dtype=torch.int32, device=coords.device)
    launch.run("neighbour_bricks", neighbours.numel(), 256, coords, len(coords), neighbours)
    return neighbours


def child_bricks(coarse: Tensor, fine: Tensor) -> Tensor:
    coarse, fine = coarse.contiguous(), fine.contiguous()
    children = torch.empty((len(coarse), 8), dtype=torch.int32, device=coarse.device)
    launch.run("child_bricks", children.numel(), 256, coarse, len(coarse), fine, len(fine), children)
    return children

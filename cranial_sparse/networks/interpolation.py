"""Values carried from voxels to their children."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from cranial_sparse.bricks import BrickGrid, coordinates, lookup

AXIS = torch.tensor([[0.25, 0.0], [0.75, 0.75], [0.0, 0.25]])  # [neighbour −1, 0, 1; child 0, 1]


def to_children(values: Tensor, grid: BrickGrid) -> Tensor:
    """``values`` [N] of the voxels of ``grid``, trilinearly at the centres of each one's eight children: [N, 8].

    Child 4·dx + 2·dy + dz, as everywhere. A neighbour that the grid does not have counts as the voxel itself, so that
    nothing fades at the grid's edge. Differentiable in ``values``.
    """
    voxels = coordinates(grid)
    step = torch.cartesian_prod(*[torch.arange(-1, 2, device=values.device)] * 3)  # [27, 3]
    around = pad(voxels[:, None, 1:] + step.to(voxels.dtype), (1, 0))  # [N, 27, 4]
    around[..., 0] = voxels[:, None, 0]
    rows = lookup(grid, around.reshape(-1, 4)).reshape(-1, 27)
    rows = torch.where(rows < 0, rows[:, 13:14], rows)  # 13: the voxel's own
    axis = AXIS.to(values)
    weights = torch.einsum("ai,bj,ck->abcijk", axis, axis, axis).reshape(27, 8)
    return values[rows] @ weights

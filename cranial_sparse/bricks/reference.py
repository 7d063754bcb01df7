"""Every grid operation once more in plain PyTorch: the oracle of the tests, and what runs on a GPU until it has
kernels of its own. Same names and signatures as the fast ones; clarity before speed.

A voxel is its key here, one integer that sorts as (batch, x, y, z); a set of voxels is a sorted tensor of keys.
"""

from itertools import product

import torch
from torch import Tensor

from cranial_sparse.bricks.grid import SIDE, BrickGrid

_BITS = 20  # per axis: coordinates in [-2^19, 2^19)
_BIAS = 1 << (_BITS - 1)


def _keys(coords: Tensor) -> Tensor:  # [N, 4] -> [N]
    batch, x, y, z = coords.long().unbind(1)
    return (((batch << _BITS | (x + _BIAS)) << _BITS) | (y + _BIAS)) << _BITS | (z + _BIAS)


def _coords(keys: Tensor) -> Tensor:  # [N] -> [N, 4]
    axes = [(keys >> shift & ((1 << _BITS) - 1)) - _BIAS for shift in (2 * _BITS, _BITS, 0)]
    return torch.stack([keys >> 3 * _BITS, *axes], dim=1).int()


def _find(keys: Tensor, queries: Tensor) -> Tensor:
    """Positions of queries in sorted keys, -1 where absent."""
    if len(keys) == 0:
        return torch.full_like(queries, -1)
    at = torch.searchsorted(keys, queries).clamp_max(len(keys) - 1)
    return torch.where(keys[at] == queries, at, -1)


def from_coordinates(coords: Tensor) -> BrickGrid:
    bricks = coords.clone()
    bricks[:, 1:] >>= 3
    keys, inverse = torch.unique(_keys(bricks), return_inverse=True)
    _, x, y, z = (coords.long() & (SIDE - 1)).unbind(1)
    occupied = torch.zeros((len(keys), 8, 64), dtype=torch.bool, device=coords.device)
    occupied[inverse, x, y * SIDE + z] = True
    bits = torch.arange(64, device=coords.device)
    masks = (occupied.long() << bits).sum(2)  # distinct bits: the sum is their union
    voxels = occupied.sum((1, 2))
    return BrickGrid(_coords(keys), masks, torch.cat([voxels.new_zeros(1), voxels.cumsum(0)]))


def coordinates(grid: BrickGrid) -> Tensor:
    bits = torch.arange(64, device=grid.device)
    brick, x, bit = (grid.masks[:, :, None] >> bits & 1).nonzero().unbind(1)
    inside = torch.stack([torch.zeros_like(x), x, bit // SIDE, bit % SIDE], dim=1)
    scale = torch.tensor([1, SIDE, SIDE, SIDE], device=grid.device)
    return (grid.coords[brick] * scale + inside).int()


def from_dense(volume: Tensor, origin: tuple[int, int, int] = (0, 0, 0)) -> BrickGrid:
    volume = volume if volume.dim() == 4 else volume[None]
    return from_coordinates((volume.nonzero() + torch.tensor([0, *origin], device=volume.device)).int())


def to_dense(grid: BrickGrid, shape: tuple[int, ...], origin: tuple[int, int, int] = (0, 0, 0)) -> Tensor:
    size = shape if len(shape) == 4 else (1, *shape)
    volume = torch.zeros(size, dtype=torch.bool, device=grid.device)
    at = coordinates(grid).long() - torch.tensor([0, *origin], device=grid.device)
    at = at[((at >= 0) & (at < torch.tensor(size, device=grid.device))).all(1)]
    volume[tuple(at.unbind(1))] = True
    return volume.reshape(shape)


def lookup(grid: BrickGrid, coords: Tensor) -> Tensor:
    # Rows run brick by brick, so they are not sorted by voxel key.
    keys, rows = _keys(coordinates(grid)).sort()
    at = _find(keys, _keys(coords))
    inside = ((coords[:, 0] >= 0) & (coords[:, 1:].long().abs() < _BIAS).all(1)) & (at >= 0)
    return torch.where(inside, rows[at] if len(rows) else at, -1)


def neighbour_bricks(coords: Tensor) -> Tensor:
    keys = _keys(coords)
    steps = [(0, *step) for step in product((-1, 0, 1), repeat=3)]
    found = [_find(keys, _keys(coords + coords.new_tensor(step))) for step in steps]
    return torch.stack(found, dim=1).int()


def child_bricks(coarse: Tensor, fine: Tensor) -> Tensor:
    keys = _keys(fine)
    double = coarse * coarse.new_tensor([1, 2, 2, 2])
    steps = [(0, *step) for step in product((0, 1), repeat=3)]
    return torch.stack([_find(keys, _keys(double + double.new_tensor(step))) for step in steps], dim=1).int()


def _halve(coords: Tensor) -> Tensor:
    half = coords.clone()
    half[:, 1:] >>= 1
    return half


def coarsen(grid: BrickGrid) -> BrickGrid:
    return from_coordinates(_halve(coordinates(grid)))


def refine(grid: BrickGrid, children: Tensor) -> BrickGrid:
    double = coordinates(grid) * torch.tensor([1, 2, 2, 2], dtype=torch.int32, device=grid.device)
    steps = torch.tensor([(0, *step) for step in product((0, 1), repeat=3)], dtype=torch.int32, device=grid.device)
    kept = children[:, None].long() >> torch.arange(8, device=grid.device) & 1  # [N, 8]
    return from_coordinates((double[:, None] + steps)[kept.bool()])


def threshold_children(logits: Tensor, threshold: float) -> Tensor:
    bits = torch.arange(8, device=logits.device)
    return ((logits > threshold).long() << bits).sum(1).to(torch.uint8)


def upsample(grid: BrickGrid, logits: Tensor, threshold: float = 0.0) -> BrickGrid:
    return refine(grid, threshold_children(logits, threshold))


def parents(fine: BrickGrid, coarse: BrickGrid) -> tuple[Tensor, Tensor]:
    voxels = coordinates(fine)
    odd = voxels.long() & 1
    return lookup(coarse, _halve(voxels)), (odd[:, 1] * 4 + odd[:, 2] * 2 + odd[:, 3]).to(torch.uint8)


def prune(grid: BrickGrid, keep: Tensor) -> BrickGrid:
    return from_coordinates(coordinates(grid)[keep])


def union(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    return from_coordinates(torch.cat([coordinates(a), coordinates(b)]))


def intersection(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    return prune(a, lookup(b, coordinates(a)) >= 0)


def difference(a: BrickGrid, b: BrickGrid) -> BrickGrid:
    return prune(a, lookup(b, coordinates(a)) < 0)


def crop(grid: BrickGrid, low: tuple[int, int, int], high: tuple[int, int, int]) -> BrickGrid:
    voxels = coordinates(grid)[:, 1:]
    inside = (voxels >= voxels.new_tensor(low)) & (voxels < voxels.new_tensor(high))
    return prune(grid, inside.all(1))


def _ball(radius: float, device: torch.device) -> Tensor:  # [M, 4], batch step 0
    reach = range(-int(radius), int(radius) + 1)
    inside = [(0, *step) for step in product(reach, repeat=3) if sum(s * s for s in step) <= radius**2 + 1e-9]
    return torch.tensor(inside, dtype=torch.int32, device=device)


def dilate(grid: BrickGrid, radius: float) -> BrickGrid:
    voxels = (coordinates(grid)[:, None] + _ball(radius, grid.device)).reshape(-1, 4)
    return from_coordinates(voxels)


def erode(grid: BrickGrid, radius: float) -> BrickGrid:
    voxels = coordinates(grid)
    keep = torch.ones(len(voxels), dtype=torch.bool, device=grid.device)
    for step in _ball(radius, grid.device):
        keep &= lookup(grid, voxels + step) >= 0
    return prune(grid, keep)


def surface(grid: BrickGrid) -> BrickGrid:
    return difference(grid, erode(grid, 1))


def component_roots(grid: BrickGrid, connectivity: int) -> Tensor:
    """The lowest row of each voxel's component, by spreading it along neighbours until nothing changes."""
    steps = [step for step in product((-1, 0, 1), repeat=3) if any(step)]
    steps = [step for step in steps if connectivity == 26 or sum(map(abs, step)) == 1]
    voxels = coordinates(grid)
    others = torch.stack([lookup(grid, voxels + voxels.new_tensor((0, *step))) for step in steps], dim=1)
    roots = torch.arange(len(voxels), device=grid.device)
    while True:
        lowest = torch.where(others >= 0, roots[others], roots[:, None]).amin(1).minimum(roots) if len(roots) else roots
        lowest = lowest[lowest]  # pointer jumping: distances double
        if torch.equal(lowest, roots):
            return roots
        roots = lowest

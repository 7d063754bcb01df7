"""Every grid operation once more in plain PyTorch: the oracle of the tests, and what runs on a GPU until it has
kernels of its own. Same names and signatures as the fast ones; clarity before speed.

A voxel is its place here, one integer: 512 times its brick + its bit. Places ascend with the rows of a grid.
"""

from itertools import product

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import VOXEL_LIMIT, check_box, check_voxels
from cranial_sparse.bricks.grid import SIDE, BrickGrid

VOXELS = SIDE**3


def places(masks: Tensor) -> Tensor:
    """Place of each voxel of bricks with these masks [B, 8], in row order: [N]."""
    return (masks[:, :, None] >> torch.arange(64, device=masks.device) & 1).flatten().nonzero().squeeze(1)


def place(brick: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Place of a voxel at (x, y, z), each in [0, 8), of a brick; negative where the brick is -1, for none."""
    return brick * VOXELS + x * SIDE * SIDE + y * SIDE + z


def find(ascending: Tensor, wanted: Tensor) -> Tensor:
    """Position of each wanted integer in an ascending list, -1 where it is not there."""
    if len(ascending) == 0:
        return torch.full_like(wanted, -1)
    at = torch.searchsorted(ascending, wanted).clamp_max(len(ascending) - 1)
    return torch.where(ascending[at] == wanted, at, -1)


def _keys(bricks: Tensor) -> Tensor:  # [N, 4] -> [N]: 16 bits an axis, in the order of grids, see kernels/brick.h
    batch, x, y, z = (bricks.long() + bricks.new_tensor([0, 1 << 15, 1 << 15, 1 << 15]).long()).unbind(1)
    return (((((batch << 16) + x) << 16) + y) << 16) + z


def _find_bricks(bricks: Tensor, wanted: Tensor) -> Tensor:
    """Position of each wanted brick [M, 4] in those of a grid, -1 where it is not there."""
    if len(bricks) == 0:
        return wanted.new_full(wanted.shape[:1], -1, dtype=torch.int64)
    at = torch.searchsorted(_keys(bricks), _keys(wanted)).clamp_max(len(bricks) - 1)
    # Compared as they are: beyond the range of grids two bricks may have the same key.
    return torch.where((bricks[at] == wanted).all(1), at, -1)


def _bricks_of(voxels: Tensor) -> Tensor:
    bricks = voxels.clone()
    bricks[:, 1:] >>= 3
    return bricks


def from_coordinates(coords: Tensor) -> BrickGrid:
    check_voxels("voxels", coords)
    of_voxels = _bricks_of(coords)
    keys, inverse = torch.unique(_keys(of_voxels), return_inverse=True)
    bricks = of_voxels.new_empty((len(keys), 4)).index_copy_(0, inverse, of_voxels)
    _, x, y, z = (coords.long() & (SIDE - 1)).unbind(1)
    occupied = torch.zeros((len(keys), 8, 64), dtype=torch.bool, device=coords.device)
    occupied[inverse, x, y * SIDE + z] = True
    bits = torch.arange(64, device=coords.device)
    masks = (occupied.long() << bits).sum(2)  # distinct bits: the sum is their union
    voxels = occupied.sum((1, 2))
    return BrickGrid(bricks.int(), masks, torch.cat([voxels.new_zeros(1), voxels.cumsum(0)]))


def coordinates(grid: BrickGrid) -> Tensor:
    at = places(grid.masks)
    inside = torch.stack([torch.zeros_like(at), at // 64 % SIDE, at // SIDE % SIDE, at % SIDE], dim=1)
    scale = torch.tensor([1, SIDE, SIDE, SIDE], device=grid.device)
    return (grid.coords[at // VOXELS] * scale + inside).int()


def from_dense(volume: Tensor, origin: tuple[int, int, int] = (0, 0, 0)) -> BrickGrid:
    volume = volume if volume.dim() == 4 else volume[None]
    check_box("volume", volume.shape, origin)
    return from_coordinates((volume.nonzero() + torch.tensor([0, *origin], device=volume.device)).int())


def to_dense(grid: BrickGrid, shape: tuple[int, ...], origin: tuple[int, int, int] = (0, 0, 0)) -> Tensor:
    size = shape if len(shape) == 4 else (1, *shape)
    volume = torch.zeros(size, dtype=torch.bool, device=grid.device)
    at = coordinates(grid).long() - torch.tensor([0, *origin], device=grid.device)
    at = at[((at >= 0) & (at < torch.tensor(size, device=grid.device))).all(1)]
    volume[tuple(at.unbind(1))] = True
    return volume.reshape(shape)


def lookup(grid: BrickGrid, coords: Tensor) -> Tensor:
    brick = _find_bricks(grid.coords, _bricks_of(coords))
    return find(places(grid.masks), place(brick, *(coords[:, 1:].long() & (SIDE - 1)).unbind(1)))


def neighbour_bricks(coords: Tensor) -> Tensor:
    steps = [(0, *step) for step in product((-1, 0, 1), repeat=3)]
    found = [_find_bricks(coords, coords + coords.new_tensor(step)) for step in steps]
    return torch.stack(found, dim=1).int()


def child_bricks(coarse: Tensor, fine: Tensor) -> Tensor:
    double = coarse * coarse.new_tensor([1, 2, 2, 2])
    steps = [(0, *step) for step in product((0, 1), repeat=3)]
    return torch.stack([_find_bricks(fine, double + double.new_tensor(step)) for step in steps], dim=1).int()


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


def inherit(features: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    return torch.cat([features, features.new_zeros(1, features.shape[1])])[parents(fine, coarse)[0]]


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
    held = (voxels[:, 1:] >= -VOXEL_LIMIT) & (voxels[:, 1:] < VOXEL_LIMIT)
    return from_coordinates(voxels[held.all(1)])


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


def components(grid: BrickGrid, connectivity: int = 26) -> tuple[Tensor, Tensor]:
    first, of_voxel, size = torch.unique(component_roots(grid, connectivity), return_inverse=True, return_counts=True)
    batch = coordinates(grid)[first, 0].tolist()
    order = sorted(range(len(first)), key=lambda component: (batch[component], -int(size[component]), component))
    rank = {component: number for number, component in enumerate(order)}
    return size.new_tensor([rank[component] for component in of_voxel.tolist()]), size[order]


def largest_component(grid: BrickGrid, connectivity: int = 26, count: int = 1) -> BrickGrid:
    label, _ = components(grid, connectivity)
    batch = coordinates(grid)[:, 0]
    keep = torch.zeros_like(label, dtype=torch.bool)
    for item in batch.unique():
        for component in label[batch == item].unique()[:count]:  # numbered from the largest down
            keep |= label == component
    return prune(grid, keep)

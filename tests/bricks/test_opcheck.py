"""Schema, fake kernel and autograd registration of every grid op, by PyTorch's own checker."""

import pytest
import torch

from cranial_sparse.bricks import coarsen, coordinates, from_dense, ops


def sample_arguments() -> dict[str, tuple]:
    volume = torch.rand(1, 12, 9, 20, generator=torch.manual_seed(0)) < 0.2
    grid = from_dense(volume, (-3, 4, 0))
    coarse, other = coarsen(grid), from_dense(volume.flip(1), (-3, 4, 0))
    children = torch.arange(len(grid)).to(torch.uint8)
    return {
        "from_dense": (volume, [-3, 4, 0]),
        "to_dense": (*grid.arrays, list(volume.shape), [-3, 4, 0]),
        "from_coordinates": (coordinates(grid),),
        "coordinates": (*grid.arrays, len(grid)),
        "lookup": (*grid.arrays, coordinates(other)),
        "neighbour_bricks": (grid.coords,),
        "child_bricks": (coarse.coords, grid.coords),
        "coarsen": grid.arrays,
        "refine": (*grid.arrays, children),
        "threshold_children": (torch.randn(5, 8), 0.1),
        "parents": (*grid.arrays, *coarse.arrays, len(grid)),
        "combine": (*grid.arrays, *other.arrays, "union"),
        "prune": (*grid.arrays, children % 2 == 0),
        "crop": (*grid.arrays, [0, 5, 3], [7, 9, 15]),
        "dilate": (*grid.arrays, 2.0),
        "erode": (*grid.arrays, 1.0),
        "component_roots": (*grid.arrays, grid.neighbours, len(grid), 26),
    }


@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_opcheck(name):
    torch.library.opcheck(getattr(ops, name), sample_arguments()[name])

"""Schema, fake kernel and autograd registration of every grid op, by PyTorch's own checker; what ops refuse."""

import pytest
import torch

from cranial_sparse.bricks import coarsen, coordinates, from_dense, ops


def sample_arguments(density: float = 0.2, dtype: torch.dtype = torch.float32) -> dict[str, tuple]:
    volume = torch.rand(1, 12, 9, 20, generator=torch.manual_seed(0)) < density
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
        "upsample": (*grid.arrays, torch.randn(len(grid), 8, dtype=dtype), 0.1),
        "upsample_listed": (*grid.arrays, torch.randn(len(grid), 8, dtype=dtype), 0.1),
        "inherit": (torch.randn(len(coarse), 3, dtype=dtype), *grid.arrays, *coarse.arrays, len(grid)),
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


@pytest.mark.parametrize("name", sorted(sample_arguments()))
def test_opcheck_without_voxels_and_in_double(name):
    torch.library.opcheck(getattr(ops, name), sample_arguments(0, torch.float64)[name])


def test_every_op_has_a_kernel_everywhere():
    for name in sample_arguments():
        for key in ("CPU", "CUDA", "Meta"):
            assert torch._C._dispatch_has_kernel_for_dispatch_key(f"cranial_sparse::{name}", key), (name, key)


def test_arrays_that_do_not_go_together_are_refused():
    """A kernel sees addresses only: what it would read or write beyond the end of an array is refused before."""
    grid = from_dense(torch.ones(9, 9, 9, dtype=torch.bool))
    short = torch.zeros(1, dtype=torch.int64)
    for name, position, value, named in (
        ("coordinates", 0, grid.coords[:1], "coords"),
        ("coordinates", 2, short, "offsets"),
        ("coordinates", 3, 1, "rows"),
        ("lookup", 1, torch.zeros(3, 7, dtype=torch.int64), "masks"),
        ("lookup", 3, torch.zeros(9, 3, dtype=torch.int32), "voxels"),
        ("neighbour_bricks", 0, torch.zeros(9, 3, dtype=torch.int32), "coords"),
        ("child_bricks", 1, torch.zeros(9, 3, dtype=torch.int32), "fine"),
        ("from_dense", 0, torch.zeros(1, 1, 1, 1), "volume"),
        ("from_dense", 1, [1 << 20, 0, 0], "volume"),
        ("from_coordinates", 0, torch.full((1, 4), 1 << 20, dtype=torch.int32), "voxels"),
        ("refine", 3, torch.ones(1, dtype=torch.uint8), "children"),
        ("upsample", 3, torch.zeros(5, 7), "logits"),
        ("upsample_listed", 3, torch.zeros(5, 7), "logits"),
        ("inherit", 0, torch.zeros(1, 7), "features"),
        ("inherit", 7, 1, "rows"),
        ("parents", 5, short, "coarse_offsets"),
        ("parents", 6, 1, "rows"),
        ("combine", 4, torch.zeros(1, 8, dtype=torch.int64), "b_offsets"),
        ("prune", 3, torch.ones(1, dtype=torch.bool), "keep"),
        ("component_roots", 3, torch.zeros(1, 27, dtype=torch.int32), "neighbours"),
        ("component_roots", 4, 1, "rows"),
    ):
        arguments = list(sample_arguments()[name])
        arguments[position] = value
        with pytest.raises(ValueError, match=f"^{named}: expected"):
            getattr(ops, name)(*arguments)
    with pytest.raises(ValueError, match="coords: expected a contiguous"):
        ops.coarsen(grid.coords.T.contiguous().T, *grid.arrays[1:])

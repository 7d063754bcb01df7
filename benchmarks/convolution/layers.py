"""Single convolutions on a fine grid and the coarser one above it, and which rows meet in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from benchmarks.common.arithmetic import conv_flops, depthwise_flops
from cranial_sparse.bricks import BrickGrid, coarsen, coordinates, from_coordinates, lookup, parents
from cranial_sparse.sparse_conv import Backend
from cranial_sparse.sparse_conv.reference import kernel_offsets

LAYERS = ("submanifold", "depthwise", "down", "up")


@dataclass(frozen=True, eq=False)
class Grids:
    """A grid, and for strided layers the one above it."""

    fine: BrickGrid
    coarse: BrickGrid | None

    @property
    def above(self) -> BrickGrid:
        assert self.coarse is not None
        return self.coarse


@dataclass(frozen=True, eq=False)
class Layer:
    """One of LAYERS, with its operands. Down doubles the channels, up halves them."""

    kind: str
    grids: Grids
    channels: int  # of the fine grid
    dtype: torch.dtype = torch.float32

    def convolve(self, backend: Backend, features: Tensor, weight: Tensor, grids: Grids | None = None) -> Tensor:
        on = grids or self.grids
        match self.kind:
            case "submanifold":
                return backend.submanifold_conv(features, weight, on.fine)
            case "depthwise":
                return backend.depthwise_conv(features, weight, on.fine)
            case "down":
                return backend.down_conv(features, weight, on.fine, on.above)
            case _:
                return backend.up_conv(features, weight, on.above, on.fine)

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, ...], tuple[int, int]]:
        """Of features, weight and output."""
        fine, c = self.grids.fine.num_voxels, self.channels
        match self.kind:
            case "submanifold":
                return (fine, c), (27, c, c), (fine, c)
            case "depthwise":
                return (fine, c), (27, c), (fine, c)
            case "down":
                return (fine, c), (8, c, 2 * c), (self.grids.above.num_voxels, 2 * c)
            case _:
                return (self.grids.above.num_voxels, 2 * c), (8, 2 * c, c), (fine, c)

    def operands(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features, weight, and a gradient of the output: random, the same every time."""
        generator = torch.Generator().manual_seed(0)
        features, weight, gradient = (torch.randn(shape, generator=generator) for shape in self.shapes)
        moved = (operand.to(self.grids.fine.device, self.dtype) for operand in (features, weight * 0.05, gradient))
        return tuple(moved)  # type: ignore[return-value]

    def fresh(self) -> Callable[[], Grids]:
        """Makes the grids anew from the voxels' coordinates, so that nothing is known of them."""
        voxels = coordinates(self.grids.fine)
        return lambda: grids_of(self.kind, from_coordinates(voxels))

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows of the input and rows of the output that meet, for every offset of the kernel."""
        fine = self.grids.fine
        if self.kind in ("submanifold", "depthwise"):
            voxels = coordinates(fine)
            for step in kernel_offsets(3):
                rows = lookup(fine, voxels + voxels.new_tensor((0, *step)))
                out = (rows >= 0).nonzero().squeeze(1)
                yield rows[out], out
        else:
            parent, slots = parents(fine, self.grids.above)
            for slot in range(8):
                child = (slots == slot).nonzero().squeeze(1)
                yield (child, parent[child]) if self.kind == "down" else (parent[child], child)

    @cached_property
    def num_pairs(self) -> int:
        return sum(len(rows) for rows, _ in self.pairs())

    @property
    def flops(self) -> int:
        """Of one pass."""
        if self.kind == "depthwise":
            return depthwise_flops(self.num_pairs, self.channels)
        return conv_flops(self.num_pairs, *self.shapes[1][1:])


def grids_of(kind: str, fine: BrickGrid) -> Grids:
    return Grids(fine, None if kind in ("submanifold", "depthwise") else coarsen(fine))

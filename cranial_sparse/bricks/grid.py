"""Where there is something: occupancy in bricks of 8×8×8 bits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cranial_sparse.bricks.checks import check_tensor

SIDE = 8


@dataclass(frozen=True, eq=False)
class BrickGrid:
    """A batch of sparse voxel sets.

    Bricks are sorted by (batch, x, y, z), each there once and none empty. Word x of a mask holds the brick's plane
    at x; bit 8 * y + z of the word is the voxel (x, y, z). Features of the voxels are rows ``[N, C]`` in brick
    order and, within a brick, in the order x, y, z.

    Immutable and free of geometry: no spacing, no origin. ``x >> 3`` is the brick of voxel ``x``, negative ones
    included.

    Raises ValueError where an array has another type or shape. What the arrays hold (order, range, offsets that
    follow from the masks) is trusted, and the kernels read and write by it: make grids with the functions of this
    package, from bytes with ``unpack``, which checks all of it.
    """

    coords: Tensor  # int32 [B, 4]: batch, x, y, z, in bricks
    masks: Tensor  # int64 [B, 8]: the bits of unsigned words
    offsets: Tensor  # int64 [B + 1]: row of each brick's first voxel; the last is N

    def __post_init__(self) -> None:
        check_tensor("BrickGrid.coords", self.coords, torch.int32, "B", 4)
        bricks = self.coords.shape[0]
        check_tensor("BrickGrid.masks", self.masks, torch.int64, bricks, 8)
        check_tensor("BrickGrid.offsets", self.offsets, torch.int64, bricks + 1)
        for name in ("coords", "masks", "offsets"):  # kernels take addresses of contiguous arrays
            object.__setattr__(self, name, getattr(self, name).contiguous())

    @property
    def num_bricks(self) -> int:
        return self.coords.shape[0]

    # Read from the device once, and not by cached_property, whose lock the compiler of PyTorch stops at.

    @property
    def num_voxels(self) -> int:
        known = self.__dict__.get("_num_voxels")
        if known is None:
            known = self.__dict__["_num_voxels"] = int(self.offsets[-1])
        return known

    @property
    def batch_size(self) -> int:
        """The highest batch index in use + 1."""
        known = self.__dict__.get("_batch_size")
        if known is None:
            known = self.__dict__["_batch_size"] = int(self.coords[-1, 0]) + 1 if self.num_bricks else 0
        return known

    @property
    def device(self) -> torch.device:
        return self.coords.device

    @property
    def arrays(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.coords, self.masks, self.offsets

    @property
    def neighbours(self) -> Tensor:
        """The 27 bricks around each brick, x slowest, -1 where there is none: int32 [B, 27].

        Found at first use and shared by all layers; the only thing about neighbourhoods that is ever stored.
        """
        known = self.__dict__.get("_neighbours")
        if known is None:
            with torch.inference_mode(False):  # found by an evaluation, they must still serve a training
                known = torch.ops.cranial_sparse.neighbour_bricks(self.coords)
            if type(known) is type(self.coords):  # not the stand-in of a tracer, which must not outlive it
                self.__dict__["_neighbours"] = known
        return known

    def to(self, device: torch.device | str) -> "BrickGrid":
        if torch.device(device) == self.device:
            return self
        return BrickGrid(*(array.to(device) for array in self.arrays))

    def __len__(self) -> int:
        return self.num_voxels

    def __repr__(self) -> str:
        return f"BrickGrid({self.num_voxels} voxels in {self.num_bricks} bricks, batch {self.batch_size})"


def empty(device: torch.device | str = "cpu") -> BrickGrid:
    """A grid without voxels."""
    return BrickGrid(
        torch.empty((0, 4), dtype=torch.int32, device=device),
        torch.empty((0, 8), dtype=torch.int64, device=device),
        torch.zeros(1, dtype=torch.int64, device=device),
    )


def equal(a: BrickGrid, b: BrickGrid) -> bool:
    """Whether two grids hold the same voxels."""
    return torch.equal(a.coords, b.coords) and torch.equal(a.masks, b.masks)

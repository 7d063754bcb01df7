"""Dilation, erosion, surface."""

from cranial_sparse.bricks import ops
from cranial_sparse.bricks.grid import BrickGrid
from cranial_sparse.bricks.sets import difference

MAX_REACH = 28
"""Voxels: a dilated line of 8 has to fit into one 64-bit word."""


def dilate(grid: BrickGrid, radius: float) -> BrickGrid:
    """All voxels whose centre lies at most ``radius`` voxels from that of a set one.

    Radius 1 adds the 6 neighbours, √2 the 18, √3 the 26. One pass costs about π radius² words a brick, so large
    radii are cheap: no need to repeat small ones, which would not give a ball. What would lie beyond ±2¹⁸ voxels,
    where grids end, is left out. Raises ValueError for a radius that is not 0 to 28.
    """
    return BrickGrid(*ops.dilate(*grid.arrays, _checked(radius)))


def erode(grid: BrickGrid, radius: float) -> BrickGrid:
    """The voxels with every voxel within ``radius`` voxels set, the outside of the grid being empty. Raises
    ValueError for a radius that is not 0 to 28."""
    return BrickGrid(*ops.erode(*grid.arrays, _checked(radius)))


def surface(grid: BrickGrid) -> BrickGrid:
    """The set voxels with an empty one among their 6 neighbours."""
    return difference(grid, erode(grid, 1))


def _checked(radius: float) -> float:
    if not 0 <= radius <= MAX_REACH:
        raise ValueError(f"radius: expected 0 to {MAX_REACH} voxels, got {radius}; coarsen first for larger ones")
    return float(radius)

"""BrickGrid, the sparse voxel set, and everything that makes one from another."""

from cranial_sparse.bricks.batching import batch, row_splits, unbatch
from cranial_sparse.bricks.build import coordinates, from_coordinates, from_dense, lookup, to_dense
from cranial_sparse.bricks.components import components, largest_component
from cranial_sparse.bricks.grid import BrickGrid, empty, equal
from cranial_sparse.bricks.morphology import dilate, erode, surface
from cranial_sparse.bricks.packed import load, pack, save, unpack
from cranial_sparse.bricks.pyramid import (
    coarsen,
    inherit,
    parents,
    refine,
    subdivide,
    upsample,
    upsample_with_coordinates,
)
from cranial_sparse.bricks.sets import crop, difference, intersection, prune, union

__all__ = [
    "BrickGrid",
    "batch",
    "coarsen",
    "components",
    "coordinates",
    "crop",
    "difference",
    "dilate",
    "empty",
    "equal",
    "erode",
    "from_coordinates",
    "from_dense",
    "inherit",
    "intersection",
    "largest_component",
    "load",
    "lookup",
    "pack",
    "parents",
    "prune",
    "refine",
    "row_splits",
    "save",
    "subdivide",
    "surface",
    "to_dense",
    "unbatch",
    "union",
    "unpack",
    "upsample",
    "upsample_with_coordinates",
]

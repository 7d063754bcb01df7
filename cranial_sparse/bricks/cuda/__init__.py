"""The grid operations on a GPU, by kernels/cuda: same names, arguments and results as the ops of bricks/ops.py.

Nothing here waits for the device except to learn how large a result is. What the arrays of a grid hold, and that
``rows`` are theirs, is trusted as everywhere.
"""

from cranial_sparse.bricks.cuda.build import from_coordinates, from_dense, to_dense
from cranial_sparse.bricks.cuda.index import child_bricks, coordinates, lookup, neighbour_bricks
from cranial_sparse.bricks.cuda.inherit import inherit
from cranial_sparse.bricks.cuda.morphology import dilate, erode
from cranial_sparse.bricks.cuda.pyramid import coarsen, parents, refine, upsample, upsample_listed
from cranial_sparse.bricks.cuda.sets import combine, crop, prune

__all__ = [
    "child_bricks",
    "coarsen",
    "combine",
    "coordinates",
    "crop",
    "dilate",
    "erode",
    "from_coordinates",
    "from_dense",
    "inherit",
    "lookup",
    "neighbour_bricks",
    "parents",
    "prune",
    "refine",
    "to_dense",
    "upsample",
    "upsample_listed",
]

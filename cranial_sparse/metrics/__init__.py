"""Metrics on the implant, at the case's own voxel grid, in millimetres. A failed case counts at its worst value."""

from cranial_sparse.metrics.case import Scores, evaluate_case, failed_case, same_grid
from cranial_sparse.metrics.distance import asd, hd, hd95, pooled_surface_distances, surface_voxels
from cranial_sparse.metrics.overlap import bdsc, dsc
from cranial_sparse.metrics.table import ScoreTable

__all__ = [
    "ScoreTable",
    "Scores",
    "asd",
    "bdsc",
    "dsc",
    "evaluate_case",
    "failed_case",
    "hd",
    "hd95",
    "pooled_surface_distances",
    "same_grid",
    "surface_voxels",
]

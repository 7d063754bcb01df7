"""Metrics on the implant, at the case's own voxel grid, in millimetres. A failed case counts at its worst value."""

from cranial_sparse.metrics.case import Scores, evaluate_case, failed_case, same_grid
from cranial_sparse.metrics.contour import sdh
from cranial_sparse.metrics.curvature import border_curvature_error
from cranial_sparse.metrics.distance import asd, hd, hd95, nsd, pooled_surface_distances, surface_voxels
from cranial_sparse.metrics.fit import coverage, intrusion
from cranial_sparse.metrics.overlap import bdsc, dsc, sdi
from cranial_sparse.metrics.table import ScoreTable
from cranial_sparse.metrics.volume import component_count, volume_ratio, volumetric_error

__all__ = [
    "ScoreTable",
    "Scores",
    "asd",
    "bdsc",
    "border_curvature_error",
    "component_count",
    "coverage",
    "dsc",
    "evaluate_case",
    "failed_case",
    "hd",
    "hd95",
    "intrusion",
    "nsd",
    "pooled_surface_distances",
    "same_grid",
    "sdh",
    "sdi",
    "surface_voxels",
    "volume_ratio",
    "volumetric_error",
]

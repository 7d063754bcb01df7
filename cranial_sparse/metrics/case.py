"""All figures of one case, and of a case that failed."""

from dataclasses import dataclass

import numpy as np

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box, diagonal, whole
from cranial_sparse.metrics.distance import pooled_surface_distances
from cranial_sparse.metrics.overlap import bdsc, dsc


@dataclass(frozen=True)
class Scores:
    """Implant metrics of one case: overlaps in [0, 1], distances in mm, volumes in ml."""

    dsc: float
    bdsc_10mm: float
    bdsc_10vox: float
    hd95: float
    hd: float
    asd: float
    predicted_ml: float
    true_ml: float


def evaluate_case(prediction: Volume, truth: Volume, defective: Volume) -> Scores:
    """Compare two implants, on their common grid, beside the defective skull the implant is for.

    Arrays are [X, Y, Z]; non-zero counts as set. Raises ValueError where the three are not on one grid.
    """
    for name, volume in (("prediction", prediction), ("defective skull", defective)):
        if not same_grid(volume.geometry, truth.geometry):
            raise ValueError(f"{name} is on another grid than the true implant: {difference(volume, truth)}")
    p, g, d = (np.asarray(v.array, bool) for v in (prediction, truth, defective))
    spacing = truth.geometry.spacing
    distances = pooled_surface_distances(p, g, spacing)
    ml = truth.geometry.voxel_volume / 1000
    return Scores(
        dsc=dsc(p, g),
        bdsc_10mm=bdsc(p, g, d, spacing),
        bdsc_10vox=bdsc(p, g, d, (1.0, 1.0, 1.0)),
        hd95=float(np.percentile(distances, 95)),
        hd=float(distances.max()),
        asd=float(distances.mean()),
        predicted_ml=int(np.count_nonzero(p)) * ml,
        true_ml=int(np.count_nonzero(g)) * ml,
    )


def failed_case(truth: Volume) -> Scores:
    """A case without a usable prediction, at its worst value: as if nothing had been predicted.

    Overlaps are 0 and distances the diagonal of the true implant's box, or of the whole grid where the truth is
    empty (a skull without a defect): nothing was produced, so nothing may count as right.
    """
    mask = np.asarray(truth.array, bool)
    worst = diagonal(bounding_box(mask) or whole(mask), truth.geometry.spacing)
    true_ml = int(np.count_nonzero(mask)) * truth.geometry.voxel_volume / 1000
    return Scores(
        dsc=0.0, bdsc_10mm=0.0, bdsc_10vox=0.0, hd95=worst, hd=worst, asd=worst, predicted_ml=0.0, true_ml=true_ml
    )


def same_grid(a: Geometry, b: Geometry, tolerance: float = 1e-3) -> bool:
    """Whether the corner voxels of both lattices are within ``tolerance`` mm of each other."""
    if a.shape != b.shape:
        return False
    corners = np.indices((2, 2, 2)).reshape(3, 8).T * (np.asarray(a.shape) - 1)
    return bool(np.abs(a.to_physical(corners) - b.to_physical(corners)).max() <= tolerance)


def difference(a: Volume, b: Volume) -> str:
    """In one phrase, how two grids differ."""
    for field in ("shape", "spacing", "origin", "direction"):
        got, expected = getattr(a.geometry, field), getattr(b.geometry, field)
        if not np.allclose(got, expected, atol=1e-4):
            return f"{field} {got}, expected {expected}"
    return "corners differ"

"""All figures of one case, and of a case that failed."""

from dataclasses import dataclass

import numpy as np

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box, diagonal, whole
from cranial_sparse.metrics.contour import sdh
from cranial_sparse.metrics.curvature import WORST, border_curvature_error
from cranial_sparse.metrics.distance import pooled_surface_distances, share_within
from cranial_sparse.metrics.fit import coverage, intrusion
from cranial_sparse.metrics.overlap import bdsc, dsc, sdi
from cranial_sparse.metrics.volume import component_count, volume_ratio, volumetric_error


@dataclass(frozen=True)
class Scores:
    """Implant metrics of one case: distances in mm, curvature in mm⁻², volumes in ml, the rest without a unit."""

    dsc: float
    bdsc_10mm: float
    bdsc_10vox: float
    hd95: float
    hd: float
    asd: float
    nsd_1mm: float
    sdi: float
    volumetric_error: float
    sdh: float
    border_curvature_error: float
    coverage_2mm: float
    intrusion_2mm: float
    volume_ratio: float
    components: int
    predicted_ml: float
    true_ml: float


def evaluate_case(prediction: Volume, truth: Volume, defective: Volume) -> Scores:
    """Compare two implants, on their common grid, beside the defective skull the implant is for.

    Arrays are [X, Y, Z]; non-zero counts as set. Surface distances are measured once for all that need them. Takes
    seconds; where a few figures are enough, call their functions. Raises ValueError where the three are not on one grid.
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
        nsd_1mm=share_within(distances, 1.0) if p.any() == g.any() else 0.0,
        sdi=sdi(p, g),
        volumetric_error=volumetric_error(p, g),
        sdh=sdh(p, g, d, spacing),
        border_curvature_error=border_curvature_error(p, g, d, spacing),
        coverage_2mm=coverage(p, g, spacing),
        intrusion_2mm=intrusion(p, g, spacing),
        volume_ratio=volume_ratio(p, g),
        components=component_count(p),
        predicted_ml=int(np.count_nonzero(p)) * ml,
        true_ml=int(np.count_nonzero(g)) * ml,
    )


def failed_case(truth: Volume) -> Scores:
    """A case without a usable prediction, at its worst value: as an empty prediction counts.

    Shares of what is right are 0, intrusion and volumetric error 1, the volume ratio and the number of parts 0, the
    curvature error its cap. Distances are the diagonal of the true implant's box. All this holds also where the truth
    is empty (a skull without a defect; the diagonal is the whole grid's then): nothing was produced, so nothing may
    count as right.
    """
    mask = np.asarray(truth.array, bool)
    worst = diagonal(bounding_box(mask) or whole(mask), truth.geometry.spacing)
    return Scores(
        dsc=0.0,
        bdsc_10mm=0.0,
        bdsc_10vox=0.0,
        hd95=worst,
        hd=worst,
        asd=worst,
        nsd_1mm=0.0,
        sdi=0.0,
        volumetric_error=1.0,
        sdh=worst,
        border_curvature_error=WORST,
        coverage_2mm=0.0,
        intrusion_2mm=1.0,
        volume_ratio=0.0,
        components=0,
        predicted_ml=0.0,
        true_ml=int(np.count_nonzero(mask)) * truth.geometry.voxel_volume / 1000,
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

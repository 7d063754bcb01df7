"""A case small enough to report on in a moment."""

from collections.abc import Callable

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant import implant_mesh
from cranial_sparse.report.summary import Source, Summary, implant_facts, volume_ml


@pytest.fixture(scope="session")
def shell() -> tuple[Volume, Volume]:
    """A hollow ball with a lid missing, and the lid; 3 mm voxels."""
    geometry = Geometry((60, 60, 60), (3.0, 3.0, 3.0), (-88.5, -88.5, -88.5))
    points = geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    bone, lid = (radius < 80) & (radius > 70), (points[..., 2] > 55) & (points[..., 0] > -10)
    return Volume(bone & ~lid, geometry), Volume(bone & lid, geometry)


@pytest.fixture(scope="session")
def make_summary() -> Callable[..., Summary]:
    """A function of skull and implant, and of fields of the Summary to change."""
    return _summary


def _summary(skull: Volume, implant: Volume, **changes: object) -> Summary:
    facts = implant_facts(implant, implant_mesh(implant))
    fields = {
        "case": "phantom",
        "source": Source("folder/phantom.nrrd", "mask", "0" * 64),
        "options": {"system": "cascade", "threshold_hu": 150.0},
        "shape": skull.geometry.shape,
        "spacing_mm": skull.geometry.spacing,
        "skull_ml": volume_ml(skull),
        "outside_ml": 1.5,
        "implant": facts,
        "warnings": (),
        "seconds": {"read": 0.5, "complete": 2.25},
        "peak_memory_mb": 2048.0,
        "versions": {"cranial-sparse": "0.0", "python": "3"},
        "weights": {"weights.safetensors": "f" * 64},
        "created": "2000-01-01 00:00 UTC",
    }
    return Summary(**{**fields, **changes})

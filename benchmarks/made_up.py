"""A head made of the shape model's own mean, with a hole: a case for runs without real skulls. Nothing to run here."""

from pathlib import Path

import numpy as np

from cranial_sparse.classical.maps import look_up, to_pixel
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume

CASE = "mean"
SPACING = 1.5  # mm
EXTENT = (170.0, 210.0, 135.0)  # mm
ORIGIN = (-85.0, -105.0, -40.0)  # mm, in the head
HOLE = (50.0, 20.0, 50.0), 38.0  # centre and radius, mm


def made_up_case(folder: Path) -> str:
    """Write complete skull, defective skull and implant below ``folder`` as an official case, and return its name."""
    nx, ny, nz = (int(length / SPACING) for length in EXTENT)
    geometry = Geometry((nx, ny, nz), (SPACING,) * 3, ORIGIN)
    points = geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    pixel, model = to_pixel(points / np.maximum(radius, 1e-6)[..., None]), shipped_model()
    outer, thickness = look_up(model.outer.mean, pixel), look_up(model.thickness.mean, pixel)
    bone = (radius <= outer) & (radius >= outer - thickness)
    hole = np.linalg.norm(points - HOLE[0], axis=-1) < HOLE[1]
    for kind, array in (("complete_skull", bone), ("defective_skull", bone & ~hole), ("implant", bone & hole)):
        path = folder / "official" / kind / f"{CASE}.nrrd"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, Volume(array, geometry))
    return CASE

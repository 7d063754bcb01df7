"""A head that the shipped radial model recognises, made of the model's own mean."""

import numpy as np
import pytest

from cranial_sparse.classical.maps import look_up, to_pixel
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.geometry import Geometry, Volume


def mean_head(spacing: float = 1.5, lowest: float = -40.0) -> Volume:
    """The mean vault as a bool volume, cut off at z = ``lowest`` mm like a real scan."""
    shape = (int(170 / spacing), int(210 / spacing), int((95 - lowest) / spacing))
    geometry = Geometry(shape, (spacing,) * 3, (-85.0, -105.0, lowest))
    points = geometry.to_physical(np.stack(np.indices(shape), -1))
    radius = np.linalg.norm(points, axis=-1)
    pixel = to_pixel(points / np.maximum(radius, 1e-6)[..., None])
    model = shipped_model()
    outer, thickness = look_up(model.outer.mean, pixel), look_up(model.thickness.mean, pixel)
    return Volume((radius <= outer) & (radius >= outer - thickness), geometry)


def cut(skull: Volume, centre: tuple[float, float, float], radius: float) -> tuple[Volume, np.ndarray]:
    """The skull without a ball, and the bone that went."""
    points = skull.geometry.to_physical(np.stack(np.indices(skull.array.shape), -1))
    inside = np.linalg.norm(points - np.asarray(centre), axis=-1) < radius
    return Volume(skull.array & ~inside, skull.geometry), skull.array & inside


@pytest.fixture(scope="session")
def head() -> Volume:
    return mean_head()


@pytest.fixture(scope="session")
def defect(head: Volume) -> tuple[Volume, np.ndarray]:
    """A hole of about 40 ml on the left parietal side."""
    return cut(head, (50.0, 20.0, 50.0), 38.0)

from collections.abc import Callable

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume


def head(spacing: float = 2.0, shift: tuple[float, float, float] = (10.0, -20.0, 300.0), pitch: float = 0.0) -> Volume:
    """A made-up skull: a 6 mm ellipsoidal shell with two orbits, open below, nose to -y, pitched about x (radians)."""
    shape = (int(160 / spacing), int(210 / spacing), int(180 / spacing))
    corner = np.array([-80.0, -105.0, -100.0])
    origin = corner + shift
    geometry = Geometry(shape, (spacing,) * 3, tuple(map(float, origin)))
    x, y, z = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3).T * spacing + corner[:, None]
    y, z = np.cos(pitch) * y + np.sin(pitch) * z, -np.sin(pitch) * y + np.cos(pitch) * z
    outer = (x / 70) ** 2 + (y / 92) ** 2 + (z / 75) ** 2
    inner = (x / 64) ** 2 + (y / 86) ** 2 + (z / 69) ** 2
    orbit = (np.abs(x) - 32) ** 2 + (y + 74) ** 2 + (z + 38) ** 2 < 18**2
    bone = (outer < 1) & (inner > 1) & (z > -60) & ~orbit
    return Volume(bone.reshape(shape), geometry)


@pytest.fixture(scope="session")
def make_head() -> Callable[..., Volume]:
    return head


@pytest.fixture(scope="session")
def skull() -> Volume:
    return head()


@pytest.fixture(scope="session")
def points(skull: Volume) -> np.ndarray:
    """Bone points [N, 3] of ``skull``; each stands for 0.008 ml."""
    return skull.geometry.to_physical(np.argwhere(skull.array))

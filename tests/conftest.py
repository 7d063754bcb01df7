"""A head that the shipped radial model recognises, made of the model's own mean; a ball with a hole, and its implant."""

from collections.abc import Callable

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


def cut_shell(
    *axes: tuple[float, float, float], hole: float = 20.0, thickness: float = 6.0, voxel: float = 1.0
) -> tuple[Volume, Volume]:
    """A hollow ball, 45 mm around (0, 0, 0), without what lies within ``hole`` mm of each axis, and what went."""
    n = int(102 / voxel)
    geometry = Geometry((n, n, n), (voxel,) * 3, (-(n - 1) / 2 * voxel,) * 3)
    points = geometry.to_physical(np.stack(np.indices(geometry.shape), -1))
    radius = np.linalg.norm(points, axis=-1)
    shell = (radius <= 45) & (radius > 45 - thickness)
    gone = np.zeros_like(shell)
    for axis in axes:
        along = points @ (np.array(axis) / np.linalg.norm(axis))
        gone |= (along > 0) & (radius**2 - along**2 < hole**2)
    return Volume(shell & ~gone, geometry), Volume(shell & gone, geometry)


@pytest.fixture(scope="session")
def make_shell() -> Callable[..., tuple[Volume, Volume]]:
    """``cut_shell``."""
    return cut_shell


@pytest.fixture(scope="session")
def holed() -> tuple[Volume, Volume]:
    """A ball with a round hole near its top, and the missing bone."""
    return cut_shell((0.25, 0.1, 1.0), hole=18.0)


@pytest.fixture(scope="session")
def make_design() -> Callable:
    """A function of skull, implant and ``key=value`` options: what ``design`` makes of them, on a coarse lattice."""
    pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)
    from cranial_sparse.implant.design import design
    from cranial_sparse.implant.settings import load_implant_config

    def make(skull: Volume, implant: Volume, *options: str):
        return design(skull, implant, load_implant_config("peek", None, ["solid.voxel_mm=0.6", *options]))

    return make


@pytest.fixture(scope="session")
def designed(holed: tuple[Volume, Volume], make_design: Callable):
    """The finished design for the ball's hole, every option at its default."""
    return make_design(*holed)

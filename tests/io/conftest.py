"""Lattices of every awkward kind, and the real scans where CRANIAL_SPARSE_DATA has them."""

import os
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cranial_sparse.geometry import Geometry, Volume

TILT = Rotation.from_euler("xyz", [9.0, -4.0, 13.0], degrees=True).as_matrix()
SHEAR = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -np.sin(0.2)], [0.0, 0.0, np.cos(0.2)]])
DIRECTIONS = {
    "straight": np.eye(3),
    "flipped": np.diag([1.0, -1.0, -1.0]),
    "permuted": np.eye(3)[[2, 0, 1]],
    "oblique": TILT,
    "left_handed": TILT * [1.0, 1.0, -1.0],
    "sheared": SHEAR,
}


def _make_volume(direction: str = "oblique", dtype: str = "uint8") -> Volume:
    """Random voxels on an anisotropic lattice: no two axes alike in size or spacing."""
    values = np.random.default_rng(0).integers(0, 2 if dtype == "uint8" else 1000, (5, 6, 7)).astype(dtype)
    matrix = tuple(DIRECTIONS[direction].ravel().tolist())
    return Volume(values, Geometry((5, 6, 7), (0.41, 0.488281, 0.625), (-125.0, -176.10000610351562, 33.3), matrix))


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    """A function of a name in DIRECTIONS and a voxel type."""
    return _make_volume


@pytest.fixture(params=DIRECTIONS)
def volume(request) -> Volume:
    return _make_volume(request.param)


@pytest.fixture
def oblique() -> Volume:
    return _make_volume("oblique")


def _hollow_head(spacing: float = 2.0) -> tuple[np.ndarray, Geometry]:
    """[X, Y, Z] distance in mm from the surface of an ellipsoidal head of 150 × 190 × 170 mm, negative inside."""
    shape = (100, 120, 100)
    geometry = Geometry(shape, (spacing, spacing, spacing), (-100.0, -120.0, -100.0))
    axes = np.ogrid[tuple(slice(0, size) for size in shape)]
    radii = (75.0, 95.0, 85.0)
    scaled = sum(
        ((axis * spacing + start) / radius) ** 2
        for axis, start, radius in zip(axes, geometry.origin, radii, strict=True)
    )
    return (np.sqrt(scaled) - 1.0) * 82.0, geometry


@pytest.fixture
def head_mask() -> Volume:
    distance, geometry = _hollow_head()
    return Volume((distance < -6) & (distance > -13), geometry)


@pytest.fixture
def head_ct() -> Volume:
    """Skin, skull and brain in HU, with noise, above a denser table on which a headrest stands."""
    distance, geometry = _hollow_head()
    hu = np.full(distance.shape, -1000.0)
    hu[distance < 0] = 40.0
    hu[(distance < -6) & (distance > -13)] = 900.0
    hu[20:80, 110:113, :] = 600.0  # a table top denser than bone's threshold
    hu[45:55, 107:110, 30:70] = 300.0  # and a headrest touching the skin
    hu += np.random.default_rng(0).normal(0.0, 15.0, hu.shape)
    return Volume(hu.astype(np.int16), geometry)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = os.environ.get("CRANIAL_SPARSE_DATA")
    if not folder:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    return Path(folder)


@pytest.fixture(scope="session")
def real_skull(data_folder: Path, tmp_path_factory) -> Path:
    """A SkullFix complete skull scanned with gantry tilt, in its official layout."""
    unpack = runpy.run_path(str(data_folder / "skullfix" / "unpack.py"))
    head, complete, _ = unpack["read_packed"](data_folder / "skullfix" / "000.skull.xz")
    path = tmp_path_factory.mktemp("skullfix") / "000.nrrd"
    unpack["write_nrrd"](path, complete, head)
    return path

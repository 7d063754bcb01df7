"""Random grids that cross bricks, signs and batch items; how much memory a function takes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cranial_sparse.bricks import BrickGrid, empty, from_coordinates, from_dense


def random_grid(seed: int = 0, density: float = 0.2, origin: tuple[int, int, int] = (-13, 5, -100)) -> BrickGrid:
    generator = torch.Generator().manual_seed(seed)
    return from_dense(torch.rand((2, 21, 30, 19), generator=generator) < density, origin)


def corner_grid() -> BrickGrid:
    """Voxels on both sides of brick borders and near ±2¹⁵."""
    far = 1 << 15
    voxels = [(0, x, y, z) for x in (-far, -1, 0, 7, 8, far - 1) for y in (-8, -1, 0, far - 1) for z in (-far, 7, 8)]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


def item_grid() -> BrickGrid:
    """Voxels in batch items up to the last there can be."""
    voxels = [(item, x, 5, -9) for item in (0, 7, 8, 16, 32, (1 << 15) - 1) for x in (-1, 0, 4)]
    return from_coordinates(torch.tensor(voxels, dtype=torch.int32))


@pytest.fixture(params=["random", "dense", "corners", "items", "one", "empty"])
def grid(request: pytest.FixtureRequest) -> BrickGrid:
    return {
        "random": random_grid,
        "dense": lambda: from_dense(torch.ones(9, 17, 8, dtype=torch.bool), (-1, 0, 3)),
        "corners": corner_grid,
        "items": item_grid,
        "one": lambda: from_coordinates(torch.tensor([[3, -1, 8, 1000]], dtype=torch.int32)),
        "empty": empty,
    }[request.param]()


def _memory(entry: str) -> int:  # kB
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(entry)).split()[1])


@pytest.fixture
def peak_growth() -> Callable[[Callable[[], object]], float]:
    """peak_growth(function): MiB by which the memory in use rose, at its highest, while the function ran."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pytest.skip("this system does not reset the peak of a process's memory")

    def measure(function: Callable[[], object]) -> float:
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmRSS")
        function()
        return (_memory("VmHWM") - before) / 1024

    return measure

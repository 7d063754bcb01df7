"""What other libraries keep of a grid (boxes, pairs of rows, kernel maps): built once, shared by all layers, freed with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.functional import pad

from cranial_sparse.bricks import BrickGrid

T = TypeVar("T")


def once_per_grid(build: Callable[..., T]) -> Callable[..., T]:
    """``build(grid, *rest)``, run once for each grid and rest. What it returns must not hold the grid itself."""
    known: WeakKeyDictionary[BrickGrid, dict[tuple[Any, ...], T]] = WeakKeyDictionary()

    @wraps(build)
    def found(grid: BrickGrid, *rest: Any) -> T:
        built = known.setdefault(grid, {})
        if rest not in built:
            with torch.inference_mode(False):  # found by an evaluation, it must still serve a training
                built[rest] = build(grid, *rest)
        return built[rest]

    return found


def once_per_pair(build: Callable[[BrickGrid, BrickGrid], T]) -> Callable[[BrickGrid, BrickGrid], T]:
    """``build(fine, coarse)``, run once for each pair of grids and freed with either."""

    @once_per_grid
    def partners(fine: BrickGrid) -> WeakKeyDictionary[BrickGrid, T]:
        return WeakKeyDictionary()

    @wraps(build)
    def found(fine: BrickGrid, coarse: BrickGrid) -> T:
        built = partners(fine)
        if coarse not in built:
            with torch.inference_mode(False):
                built[coarse] = build(fine, coarse)
        return built[coarse]

    return found


def no_sums(features: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Zeros ``[rows, Cout]`` that still depend on both operands: libraries stumble over grids with nothing to add."""
    return pad(features[:0] @ weight.sum(0), (0, 0, 0, rows))

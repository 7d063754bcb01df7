"""One way to upsample, on one grid: checked, then timed stage by stage."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.common.answers import compare, expect
from benchmarks.common.memory import Peak, peak_of
from benchmarks.common.timing import Timing, busy, measure
from benchmarks.upsampling.rivals import generate
from cranial_sparse.bricks import (
    BrickGrid,
    coarsen,
    coordinates,
    equal,
    from_coordinates,
    inherit,
    load,
    lookup,
    parents,
    upsample,
    upsample_with_coordinates,
)
from cranial_sparse.networks.cascade import children_of

OURS, PLAIN, LIBRARIES = "ours", "plain PyTorch", ("spconv", "spconv_triton", "minkowski")
PROFILED = 5  # runs, each of which starts the profiler
COORDINATES, LOGIT = 16, 4  # bytes of a voxel's, and of a float


@dataclass(frozen=True)
class Case:
    """One way, on the children in the file ``grid``."""

    way: str
    grid: str
    channels: int
    device: str
    repeats: int

    def __str__(self) -> str:
        return self.way


@dataclass(frozen=True)
class Stage:
    """``bytes`` are the least that must be read and written. On a card ``seconds`` lie between two events, ``wall``
    holds the host's one wait as well and ``kernels`` is what the card works; on the CPU they are the same."""

    name: str
    bytes: int
    seconds: Timing
    wall: Timing
    kernels: Timing
    peak: Peak


@dataclass(frozen=True)
class Row:
    """The stages of one way."""

    parents: int
    children: int
    stages: tuple[Stage, ...]


def measure_case(case: Case) -> Row:
    """Raises WrongAnswer where other children are kept than there are."""
    fine = load(case.grid).to(case.device)
    coarse = coarsen(fine)
    logits, features = operands(fine, coarse, case.channels)
    stages = (
        ours(fine, coarse, logits, features) if case.way == OURS else rivals(case.way, fine, coarse, logits, features)
    )
    return Row(len(coarse), len(fine), tuple(_timed(case, *stage) for stage in stages))


def operands(fine: BrickGrid, coarse: BrickGrid, channels: int) -> tuple[Tensor, Tensor]:
    """Logits [N, 8] of the children that there are, and features [N, channels] of the parents."""
    there = lookup(fine, children_of(coordinates(coarse))) >= 0
    logits = torch.where(there, 4.0, -4.0).view(-1, 8)
    features = torch.randn(len(coarse), channels, generator=torch.Generator().manual_seed(0))
    return logits, features.to(fine.device)


Stages = list[tuple[str, int, Callable[[], object]]]


def ours(fine: BrickGrid, coarse: BrickGrid, logits: Tensor, features: Tensor) -> Stages:
    """Every operation by itself, then what replaces generating and pruning."""
    kept = upsample(coarse, logits)
    expect(equal(kept, fine), f"expected {len(fine):,} children, got {len(kept):,}")
    again, listed = upsample_with_coordinates(coarse, logits)
    expect(equal(again, fine), "upsample_with_coordinates: other children than of upsample")
    expect(torch.equal(listed, coordinates(fine)), "upsample_with_coordinates: other coordinates than the children's")
    rows, slots = parents(kept, coarse)
    children = children_of(coordinates(coarse)).view(-1, 8, 4)
    expect(torch.equal(children[rows, slots.long()], coordinates(kept)), "parents: other children are theirs")
    expect(torch.equal(inherit(features, kept, coarse), features[rows]), "inherit: other features than the parents'")
    small, large, channels = len(coarse), len(fine), features.shape[1]
    bits = [sum(array.numel() * array.element_size() for array in grid.arrays) for grid in (coarse, fine)]
    grown = bits[0] + 8 * LOGIT * small + bits[1]
    moved = sum(bits) + LOGIT * channels * (small + large)
    return [
        ("upsample", grown, lambda: upsample(coarse, logits)),
        ("coordinates", bits[1] + COORDINATES * large, lambda: coordinates(fine)),
        ("parents", sum(bits) + 9 * large, lambda: parents(fine, coarse)),
        ("inherit", moved, lambda: inherit(features, fine, coarse)),
        ("children", grown + COORDINATES * large, lambda: upsample_with_coordinates(coarse, logits)),
        ("children with features", grown + moved, lambda: inherit(features, upsample(coarse, logits), coarse)),
    ]


def rivals(way: str, fine: BrickGrid, coarse: BrickGrid, logits: Tensor, features: Tensor) -> Stages:
    """Generate, then prune: children as coordinates, and with the features of their parents."""
    voxels = coordinates(coarse)
    run = generate(way, voxels, logits, features)
    children, inherited = run(True)
    assert inherited is not None
    kept = from_coordinates(children.int())
    expect(len(children) == len(fine), f"{way}: expected {len(fine):,} children, got {len(children):,}")
    expect(equal(kept, fine), f"{way}: other children are kept than there are")
    compare(f"{way}: features", inherited, inherit(features, fine, coarse)[lookup(fine, children.int())], 1e-3)
    small, large, channels = len(coarse), len(fine), features.shape[1]
    listed = (COORDINATES + 8 * LOGIT) * small + COORDINATES * large
    return [
        ("children", listed, lambda: run(False)),
        ("children with features", listed + LOGIT * channels * (small + large), lambda: run(True)),
    ]


def _timed(case: Case, name: str, size: int, run: Callable[[], object]) -> Stage:
    with torch.no_grad():
        peak = peak_of(run, case.device)
        seconds = measure(run, case.repeats, case.device)
        wall = measure(run, case.repeats, case.device, wall=True) if case.device == "cuda" else seconds
        kernels = busy(run, PROFILED) if case.device == "cuda" else seconds
    return Stage(name, size, seconds, wall, kernels, peak)

"""What is counted and fitted, against numbers worked out by hand."""

import math

import pytest
import torch

from benchmarks.common.arithmetic import (
    conv_flops,
    crossover,
    dense_cells,
    depthwise_flops,
    exponent,
    feature_bytes,
    unet_bytes,
)
from benchmarks.common.text import bytes_text, ratio_text, share_text, time_text
from benchmarks.common.timing import Timing, measure, timing
from benchmarks.convolution.layers import Layer, grids_of
from cranial_sparse.bricks import from_coordinates, from_dense


def layer(kind: str, channels: int = 3) -> Layer:
    """Three voxels in a row and one far away: the row has 3 + 2 · 2 pairs, and two parents; the other has one each."""
    voxels = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2], [0, 40, 0, 0]], dtype=torch.int32)
    return Layer(kind, grids_of(kind, from_coordinates(voxels)), channels)


@pytest.mark.parametrize(
    ("kind", "pairs", "flops"),
    [
        ("submanifold", 8, 8 * 2 * 3 * 3),
        ("depthwise", 8, 8 * 2 * 3),
        ("down", 4, 4 * 2 * 3 * 6),
        ("up", 4, 4 * 2 * 6 * 3),
    ],
)
def test_pairs_and_flops_of_a_layer(kind: str, pairs: int, flops: int) -> None:
    assert layer(kind).num_pairs == pairs
    assert layer(kind).flops == flops


def test_a_full_cube_has_the_pairs_of_its_axes() -> None:
    """Along an axis of 4 there are 4 + 2 · 3 = 10 pairs; in a cube 10³."""
    full = from_dense(torch.ones((4, 4, 4), dtype=torch.bool))
    assert Layer("submanifold", grids_of("submanifold", full), 1).num_pairs == 1000


def test_counts() -> None:
    assert conv_flops(10, 2, 3) == 120
    assert depthwise_flops(10, 4) == 80
    assert feature_bytes((10, 2), (5, 4)) == (20 + 20) * 4
    assert dense_cells((8, 8, 16), 3) == [1024, 128, 16]


def test_the_least_a_unet_holds() -> None:
    """Forward three arrays at full size; training two for each convolution: 8 at the first level, 4 at the deepest."""
    assert unet_bytes([100, 10], [4, 8], training=False) == 3 * 400 * 4
    assert unet_bytes([100, 10], [4, 8], training=True) == (8 * 400 + 4 * 80) * 4
    dense = unet_bytes(dense_cells((512,) * 3, 3), (16, 32, 64), training=True)
    assert dense / 2**30 == pytest.approx(8 * 8 + 8 * 2 + 4 * 0.5)


def test_exponents() -> None:
    assert exponent([1, 2, 4], [5, 40, 320]) == pytest.approx(3)
    assert exponent([10, 100], [7, 7]) == pytest.approx(0)
    assert exponent([1, math.e, math.e**2], [1, math.e, math.e**4]) == pytest.approx(
        2
    )  # slope of (0, 0), (1, 1), (2, 4)
    with pytest.raises(ValueError, match="two or more"):
        exponent([2, 2], [1, 1])


def test_where_dense_becomes_faster() -> None:
    fills = [0.01, 0.1, 1.0]
    assert crossover(fills, [1, 2, 4], [2, 2.5, 2]) == pytest.approx(
        10 ** -(math.log(2) / (math.log(1.25) + math.log(2)))
    )
    assert crossover(fills, [1, 1, 4], [2, 4, 1]) == pytest.approx(math.sqrt(0.1))  # as much faster as slower
    assert crossover(fills, [1, 1, 1], [2, 2, 2]) is None
    assert crossover(fills, [3, 3, 3], [2, 2, 2]) == 0
    assert crossover(fills, [3, 1, 4], [2, 2, 2]) == pytest.approx(10**-0.5)  # the last crossing counts


def test_median_and_spread() -> None:
    assert timing([1.0]) == Timing(1.0, 0.0, 1)
    assert timing([4.0, 1.0, 3.0, 2.0]) == Timing(2.5, 2.5, 4)


def test_slow_runs_end_early_but_not_before_three() -> None:
    calls = []
    assert measure(lambda: calls.append(0), repeats=7).repeats == 7
    assert len(calls) == 8
    assert measure(lambda: None, repeats=7, patience=-1).repeats == 3


def test_figures_as_text() -> None:
    assert time_text(Timing(1.5, 0.25, 3)) == "1.5 ± 0.25 s"
    assert time_text(Timing(0.1234, 0.2, 3)) == "123 ± 200 ms"
    assert time_text(Timing(2e-5, 0, 3)) == "20 ± 0 µs"
    assert [bytes_text(n) for n in (None, 512, 3 << 20, 5 << 30)] == ["–", "0.5 KiB", "3 MiB", "5 GiB"]
    assert [share_text(x) for x in (None, 0.042, 0.5)] == ["–", "4.2%", "50%"]
    assert ratio_text(None) == "–"

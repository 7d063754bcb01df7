"""What is counted and fitted: floating-point operations, bytes, growth, the point where two curves cross."""

from collections.abc import Sequence
from math import exp, log, prod

import numpy as np

FLOAT = 4  # bytes


def conv_flops(pairs: int, cin: int, cout: int) -> int:
    """Operations of one pass (forward, or one of the gradients): a product and a sum for each pair of neighbours that
    are both there, and each pair of channels. What a library adds by filling up (zeros, dense boxes) is not counted."""
    return 2 * pairs * cin * cout


def depthwise_flops(pairs: int, channels: int) -> int:
    """As conv_flops, every channel by itself."""
    return 2 * pairs * channels


def feature_bytes(*rows_and_channels: tuple[int, int], itemsize: int = FLOAT) -> int:
    """Bytes of several arrays of features, each read or written once."""
    return sum(rows * channels for rows, channels in rows_and_channels) * itemsize


def unet_bytes(cells: Sequence[int], widths: Sequence[int], training: bool, itemsize: int = FLOAT) -> int:
    """The least that a residual U-Net (networks/blocks.py) holds at once, for so many cells on each level.

    Forward: the features that the first block adds to, its convolution's input and output. Training: for each of the
    convolutions, two in a block, what its normalisation and it were given. A lower bound: work space comes on top.
    """
    if not training:
        return 3 * cells[0] * widths[0] * itemsize
    deepest = len(widths) - 1
    blocks = [1 if level == deepest else 2 for level in range(len(widths))]
    return sum(4 * count * n * width * itemsize for count, n, width in zip(blocks, cells, widths, strict=True))


def dense_cells(shape: Sequence[int], levels: int) -> list[int]:
    """Cells of a box on each level."""
    return [prod(size >> level for size in shape) for level in range(levels)]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of size that values grow with: the slope of a line through their logarithms, by least squares."""
    if len(set(sizes)) < 2:
        raise ValueError(f"sizes: expected two or more, got {sorted(set(sizes))}")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def crossover(fills: Sequence[float], sparse: Sequence[float], dense: Sequence[float]) -> float | None:
    """The fill level, ascending, from which dense is faster; 0 where it always is, None where it never is.

    Between two levels the ratio is taken to follow a power of the fill.
    """
    ratios = [log(ours / theirs) for ours, theirs in zip(sparse, dense, strict=True)]
    slower = [ratio > 0 for ratio in ratios]
    if not slower[-1]:
        return None
    last = max((i for i, lost in enumerate(slower) if not lost), default=-1)  # from there on dense is faster
    if last < 0:
        return 0.0
    share = ratios[last] / (ratios[last] - ratios[last + 1])
    return exp(log(fills[last]) + share * (log(fills[last + 1]) - log(fills[last])))

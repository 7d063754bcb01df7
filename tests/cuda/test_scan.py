"""The single-pass prefix sum: whatever the blocks before have published so far, the prefix is their sum."""

import pytest
import torch

from cranial_sparse.bricks.cuda import launch

pytestmark = pytest.mark.usefixtures("on_cpu")

HAS_SUM, HAS_PREFIX = 1 << 62, -(1 << 63)  # as signed integers


def published(sums: list[int], known: list[int]) -> torch.Tensor:
    """The counter and the words of blocks with these sums; those in ``known`` know their prefix already."""
    words = [0]
    for block, own in enumerate(sums):
        words.append(HAS_PREFIX | sum(sums[: block + 1]) if block in known else HAS_SUM | own)
    return torch.tensor([*words, 0], dtype=torch.int64)


@pytest.mark.parametrize(
    ("blocks", "known"),
    [
        (0, []),
        (1, [0]),
        (5, [0]),
        (5, [0, 3]),
        (32, [0]),
        (33, [0]),
        (33, [0, 1]),
        (100, [0]),
        (100, [0, 40, 67]),
        (128, [0]),
        (129, [0]),
        (300, [0]),
        (300, [0, 150]),
    ],
)
def test_prefix_of_a_block(blocks, known):
    sums = [(block * 7 + 3) % 11 + (block << 36) for block in range(blocks)]
    state, prefix = published(sums, known), torch.zeros(32, dtype=torch.int64)
    launch.run("probe_prefix", 32, 32, state, blocks, 5, prefix)
    assert prefix.tolist() == [sum(sums)] * 32
    assert state[1 + blocks].item() == HAS_PREFIX | (sum(sums) + 5)

"""The learning rate and the random numbers as functions of the step, so that nothing has to be remembered."""

import math

import numpy as np


def learning_rate_factor(step: int, warmup: int, total: int, end: float) -> float:
    """Linear warm-up over ``warmup`` steps, then half a cosine down to ``end`` at ``total``: a factor of the rate."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(total - warmup, 1), 1.0)
    return end + (1 - end) * (1 + math.cos(math.pi * progress)) / 2


def item_seed(seed: int, item: int) -> int:
    """A 63-bit seed for training item ``item`` of the run ``seed``: neighbouring items share nothing."""
    return int(np.random.SeedSequence((seed, item)).generate_state(1, np.uint64)[0]) >> 1

"""How sure a mean over cases is, when several cases share a skull."""

from collections.abc import Sequence

import numpy as np

RESAMPLES, SEED = 10_000, 0


def interval_by_skull(values: Sequence[float], skulls: Sequence[str]) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of the mean of ``values`` [N], resampling ``skulls`` [N] with all their cases.

    Cases of one skull are no independent observations: its defects share its shape. So skulls are drawn, with
    replacement, 10,000 times with a fixed seed (Efron and Tibshirani 1993, chapters 8 and 13: the units that are sampled
    are those drawn). None for fewer than two skulls, which say nothing of others.
    """
    _, number = np.unique(np.asarray(skulls), return_inverse=True)
    if len(values) == 0 or number.max() == 0:
        return None
    count = np.bincount(number)
    total = np.bincount(number, np.asarray(values, np.float64))
    drawn = np.random.default_rng(SEED).integers(0, len(count), (RESAMPLES, len(count)))
    low, high = np.percentile(total[drawn].sum(1) / count[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)

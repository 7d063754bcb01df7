"""How good a completion may be, from the standard deviation of its surfaces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr


@dataclass(frozen=True)
class Overlap:
    """Voxels that are ``claimed`` as bone, that are ``expected`` to be bone, and expected to be ``both``."""

    claimed: float = 0.0
    expected: float = 0.0
    both: float = 0.0

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(self.claimed + other.claimed, self.expected + other.expected, self.both + other.both)

    @property
    def dsc(self) -> float:
        """The Dice coefficient of what is claimed, in the ratio of expectations; 0 where nothing is claimed."""
        total = self.claimed + self.expected
        return 2 * self.both / total if total else 0.0


def expected_overlap(depth: NDArray, spread: NDArray) -> Overlap:
    """Of voxels at a signed distance ``depth`` [N] (mm, positive in bone) from a surface that is Gaussian about its place
    with a standard deviation ``spread`` [N] (mm): each is bone with probability Φ(depth / spread)."""
    chance = ndtr(depth / np.maximum(spread, 1e-6))
    claimed = depth > 0
    return Overlap(float(claimed.sum()), float(chance.sum()), float(chance[claimed].sum()))

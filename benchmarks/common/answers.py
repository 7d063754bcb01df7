"""Answers are checked before anything is timed."""

from torch import Tensor


class WrongAnswer(Exception):
    """Something computes another thing than it should: no time of it counts."""


def expect(right: bool, wrong: str) -> None:
    """Raises WrongAnswer, saying what is ``wrong``."""
    if not right:
        raise WrongAnswer(wrong)


def compare(name: str, got: Tensor, expected: Tensor, tolerance: float) -> None:
    """Raises WrongAnswer where the largest error exceeds this share of the largest value, or is not a number."""
    error = float((got.detach().double() - expected.double()).abs().max() / expected.double().abs().max())
    expect(
        error <= tolerance, f"{name}: expected an error of at most {tolerance:g} of the largest value, got {error:.2g}"
    )


def compare_norms(name: str, got: Tensor, expected: Tensor, tolerance: float) -> None:
    """Raises WrongAnswer where the norm of the error exceeds this share of the norm of what is expected, or is not a number.

    For gradients: an activation next to zero, whose ReLU passes all of one or none as rounding falls, changes a single
    value by more than the tolerance, but not all of them.
    """
    error = float((got.detach().double() - expected.double()).norm() / expected.double().norm())
    expect(error <= tolerance, f"{name}: expected an error of at most {tolerance:g} of the norm, got {error:.2g}")

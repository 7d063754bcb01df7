"""The page of figures, and which of them are judged."""

import pytest
import torch

from benchmarks.backends import page, worst
from benchmarks.parity import relative_error

CONVOLVED = {"submanifold 3³": (1e-7, 2e-7, 3e-7)}


def test_the_page_names_the_library_and_every_figure() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: pip install 'cranial-sparse[spconv]'")
    text = page("spconv", CONVOLVED, {"hollow ball, float32": (1e-7, 9e-6)})
    assert "| submanifold 3³ | 1.0e-07 | 2.0e-07 | 3.0e-07 |" in text
    assert "| hollow ball, float32 | 1.0e-07 | 9.0e-06 |" in text
    assert "spconv 2." in text
    assert torch.__version__ in text


def test_single_precision_gradients_of_a_real_skull_are_not_judged() -> None:
    assert worst(CONVOLVED, {"real skull, float32": (1e-7, 5e-4)}) == 3e-7
    assert worst(CONVOLVED, {"real skull, float64": (1e-16, 5e-4)}) == 5e-4
    assert worst(CONVOLVED, {"real skull, float32": (2e-4, 0.0)}) == 2e-4


def test_errors_are_relative_and_shapes_count() -> None:
    assert relative_error(torch.tensor([1.0, 9.0]), torch.tensor([1.0, 10.0])) == pytest.approx(0.1)
    assert relative_error(torch.tensor([3.0]), torch.tensor([0.0])) == 3.0
    assert relative_error(torch.zeros(0, 2), torch.zeros(0, 2)) == 0.0
    assert relative_error(torch.zeros(1), torch.zeros(2)) == float("inf")

"""Plots of what was not measured."""

from pathlib import Path

import pytest

from benchmarks.common.plots import Axes, draw


def test_curves_without_points_are_drawn_empty(tmp_path: Path) -> None:
    """Regression: where every case was left out, logarithmic axes took the page along."""
    pytest.importorskip("matplotlib")
    draw(tmp_path / "a.svg", [Axes("time", "size", "s", {"ours": ([], []), "theirs": ([], [])})])
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")

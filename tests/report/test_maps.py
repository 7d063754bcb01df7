"""Colour maps: 256 steps from one end to the other."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cranial_sparse.report.maps import ColourMap


def steps(packed: dict) -> list[int]:
    return list(base64.b64decode(packed["values"]))


def test_ends_middle_and_beyond():
    packed = ColourMap("Gap", "mm", np.array([-5.0, -1, 0, 1, 9, np.nan]), -1.0, 1.0).packed()
    assert steps(packed) == [0, 0, 128, 255, 255, 128]  # what was not measured counts as 0 mm
    assert {key: packed[key] for key in ("name", "unit", "low", "high")} == {
        "name": "Gap",
        "unit": "mm",
        "low": -1.0,
        "high": 1.0,
    }


@given(st.lists(st.floats(0, 3, width=32), min_size=1))
def test_a_step_is_as_near_as_can_be(values: list[float]):
    read = np.array(steps(ColourMap("x", "mm", np.array(values, np.float32), 0.0, 3.0).packed())) * 3 / 255
    np.testing.assert_allclose(read, values, atol=3 / 255 / 2 + 1e-6)


def test_a_flat_map_does_not_divide_by_nothing():
    assert steps(ColourMap("x", "mm", np.zeros(3), 0.0, 0.0).packed()) == [0, 0, 0]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_figures_take_the_end(value: float):
    assert steps(ColourMap("x", "mm", np.array([value]), 0.0, 3.0).packed()) == [255 if value > 0 else 0]

"""Plots: round ticks, dots where their values are, nothing that could break out of a page."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.report.svg import FAILED, WIDTH, Dot, Group, limits, scatter, strips, ticks

CIRCLES = ".//circle"


def test_labels_at_the_edges_are_whole():
    """0.95 had lost its first digit, 1.05 its last: values of 0.95 to 1.05 make an axis that begins and ends with them."""
    group = Group([Dot(0.9545, "a"), Dot(1.0455, "b")], 1.0, None)
    plot = strips("parts", {"all": group})
    places = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*middle[^>]*>([^<]+)<', plot)}
    assert {"0.95", "1.05"} <= places.keys()
    assert all(4 * 3.5 <= x <= WIDTH - 4 * 3.5 for x in places.values())


def test_ticks_are_round():
    assert ticks(0, 1) == [0, 0.5, 1]
    assert ticks(0.893, 0.957) == [0.9, 0.92, 0.94]
    assert ticks(-3, 130) == [0, 50, 100]
    assert ticks(0.0007, 0.0014) == [0.0008, 0.001, 0.0012, 0.0014]


@settings(max_examples=60, deadline=None)
@given(low=st.floats(-1e3, 1e3), span=st.floats(1e-3, 1e4))
def test_there_are_a_few_ticks_and_they_are_in_range(low: float, span: float):
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low - span * 1e-5 <= tick <= low + span * (1 + 1e-5) for tick in found)
    assert found == sorted(found)


def test_limits_have_a_length_even_of_one_value():
    assert limits([1.0, 3.0]) == pytest.approx((0.9, 3.1))
    assert limits([2.0]) == pytest.approx((1.9, 2.1))
    assert limits([0.0]) == (-0.5, 0.5)


def test_dots_stand_in_order_of_their_values():
    dots = [Dot(0.5, "a"), Dot(0.9, "b"), Dot(0.0, "c", failed=True)]
    tree = ElementTree.fromstring(strips("DSC", {"all (3)": Group(dots, 0.47, (0.1, 0.9))}))
    circles = tree.findall(CIRCLES)
    places = [float(circle.get("cx", "")) for circle in circles]
    assert places[2] < places[0] < places[1]
    assert all(0 < place < WIDTH for place in places)
    assert [circle.get("fill") == FAILED for circle in circles] == [False, False, True]
    assert [title.text for title in tree.findall(f"{CIRCLES}/title")] == ["a", "b", "c"]
    assert len(tree.findall("line[@stroke-width]")) == 2  # interval and mean


def test_no_interval_no_line():
    text = strips("DSC", {"000": Group([Dot(0.5, "a")], 0.5, None)})
    assert text.count("stroke-width") == 1


def test_a_scatter_has_size_along_and_error_up():
    tree = ElementTree.fromstring(scatter("HD95", "ml", [(10.0, Dot(1.0, "a")), (90.0, Dot(5.0, "b"))]))
    (small, large) = tree.findall(CIRCLES)
    assert float(small.get("cx", "")) < float(large.get("cx", ""))
    assert float(small.get("cy", "")) > float(large.get("cy", ""))


def test_names_are_escaped():
    text = strips("<b>", {"<i>": Group([Dot(1.0, '"<script>')], 1.0, None)})
    assert not re.search("<(b|i|script)>", text)
    ElementTree.fromstring(text)

"""Sliding: energy never rises, the step is the least, curves keep to their chord, and what must stay stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.classical.maps import PIXELS, directions
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.tps.sliding import estimated, relax, slide
from cranial_sparse.classical.tps.spline import bending_energy, bending_matrix
from cranial_sparse.classical.tps.surface import Surface, along
from cranial_sparse.classical.tps.template import template

BALL = Surface(np.full((PIXELS, PIXELS), 80.0), directions()[1])


def tangents(rng: np.random.Generator, count: int) -> np.ndarray:
    first, second = rng.normal(size=(2, count, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second -= (second * first).sum(1, keepdims=True) * first
    return np.stack([first, second / np.linalg.norm(second, axis=1, keepdims=True)], axis=1)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(6, 40))
def test_a_step_never_raises_energy(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    reference, points = rng.uniform(-80, 80, (2, count, 3))
    matrix = bending_matrix(reference)
    moved = slide(points, matrix, tangents(rng, count))
    before = bending_energy(matrix, points)
    assert bending_energy(matrix, moved) <= before + 1e-9 * before


def test_no_other_step_along_the_tangents_is_better() -> None:
    rng = np.random.default_rng(1)
    reference, points = rng.uniform(-80, 80, (2, 25, 3))
    matrix, ways = bending_matrix(reference), tangents(rng, 25)
    moved = slide(points, matrix, ways)
    least = bending_energy(matrix, moved)
    # all went along their tangents
    normal = np.cross(ways[:, 0], ways[:, 1])
    np.testing.assert_allclose(((moved - points) * normal).sum(1), 0, atol=1e-8)
    for _ in range(20):
        other = moved + (rng.normal(size=(25, 2, 1)) * 0.1 * ways).sum(1)
        assert bending_energy(matrix, other) > least


def test_points_without_tangents_stay() -> None:
    rng = np.random.default_rng(2)
    reference, points = rng.uniform(-80, 80, (2, 20, 3))
    ways = tangents(rng, 20)
    ways[:5], ways[5, 1] = 0.0, 0.0
    moved = slide(points, bending_matrix(reference), ways)
    np.testing.assert_array_equal(moved[:5], points[:5])
    step = moved[5] - points[5]
    np.testing.assert_allclose(np.cross(step, ways[5, 0]), 0, atol=1e-9)
    np.testing.assert_array_equal(slide(points, bending_matrix(reference), 0 * ways), points)


def scattered(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The template's points on a ball, and the same strewn about on it by some millimetres."""
    even = along(BALL.radius, template(shipped_model()).outer.points)
    rough = even + np.random.default_rng(seed).normal(size=even.shape) * 3
    return even, along(BALL.radius, rough)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_strewn_points_go_home(seed: int) -> None:
    """On a sphere the least bending from even points to themselves is none; a few points are held."""
    even, rough = scattered(seed)
    fixed = np.arange(len(even)) < 12
    rough[fixed] = even[fixed]
    alone = np.arange(len(even))
    seen = BALL.sees(rough) & BALL.sees(even)
    found = relax(even, rough, BALL, seen, fixed, alone, alone)
    assert np.linalg.norm(found.points - even, axis=1)[seen].mean() < 0.1
    assert found.energy[-1] < 1e-2 * found.energy[0]
    assert len(found.energy) == 11
    assert found.slides[-1] < 0.01 * found.slides[0]
    np.testing.assert_array_equal(found.points[fixed], even[fixed])
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1)[seen], 80, atol=1e-9)


def test_energy_never_rises_on_rough_bone() -> None:
    """Regression: back on a rough surface, points once ended at more bending than they had begun with."""
    even, rough = scattered(0)
    noise = np.random.default_rng(0).normal(size=(PIXELS, PIXELS))
    bone = Surface(80.0 + noise, directions()[1])
    start, alone = along(bone.radius, rough), np.arange(len(even))
    seen = bone.sees(start)
    found = relax(even, start, bone, seen, np.zeros(len(even), bool), alone, alone)
    assert (np.diff(found.energy) <= 0).all()
    assert found.energy[-1] < 0.9 * found.energy[0]


def test_missing_points_bend_nothing() -> None:
    rng = np.random.default_rng(3)
    reference, points = rng.uniform(-80, 80, (2, 30, 3))
    seen = np.arange(30) > 6
    whole = estimated(reference, points, seen)
    np.testing.assert_array_equal(whole[seen], points[seen])
    energy = bending_energy(bending_matrix(reference[seen]), points[seen])
    assert bending_energy(bending_matrix(reference), whole) == pytest.approx(energy, rel=1e-6)

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cranial_sparse.errors import InputError
from cranial_sparse.io.affine import format_lengths, geometry_from_steps

FILE = Path("scan.nrrd")
degrees = st.floats(-180.0, 180.0)


@given(degrees, degrees, st.tuples(st.floats(0.2, 3.0), st.floats(0.2, 3.0), st.floats(0.2, 3.0)))
def test_steps_come_back_to_the_bit(tilt: float, turn: float, spacing: tuple) -> None:
    a, b = np.deg2rad([tilt, turn])
    rotation = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    rotation = rotation @ [[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]
    steps = rotation * spacing
    geometry = geometry_from_steps((1, 2, 3), steps, np.zeros(3), FILE)
    np.testing.assert_array_max_ulp(geometry.matrix, steps, maxulp=1)
    assert (geometry.matrix == steps).mean() > 0.8
    np.testing.assert_allclose(geometry.spacing, np.linalg.norm(steps, axis=0), rtol=1e-13)


def test_nearly_all_random_steps_are_exact() -> None:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(1000, 3, 3))
    exact = [(geometry_from_steps((1, 1, 1), one, np.zeros(3), FILE).matrix == one).all() for one in steps]
    assert np.mean(exact) > 0.99


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (np.diag([1.0, np.nan, 1.0]), "missing or not finite"),
        (np.diag([1.0, 0.0, 1.0]), "spacing must be positive"),
        (np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), "do not span space"),
    ],
)
def test_unusable_steps_are_refused(steps: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        geometry_from_steps((1, 1, 1), steps, np.zeros(3), FILE)
    assert "scan.nrrd" in str(caught.value)


def test_lengths_read_well() -> None:
    assert format_lengths((0.488281, 1.0, 12.0)) == "0.488 × 1 × 12"

"""Robust fitting and completion by the shape model, on shells that it knows."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.maps import PIXEL_MM, PIXELS
from cranial_sparse.classical.orbital import places
from cranial_sparse.classical.ssm import GAP, RIM, Fit, complete_fields, field_logits, fit_modes, ssm_completer
from cranial_sparse.classical.ssm_model import BOX, CLIP, ShapeModel, fit_shape_model
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import dsc

RADIUS = np.linalg.norm(places(BOX), axis=-1)
FIT = Fit()


def shell(outer: float) -> np.ndarray:
    return np.clip(4 - np.abs(RADIUS - outer + 4), -CLIP, CLIP)


def hole(radius: int = 12) -> np.ndarray:
    row, column = np.indices((PIXELS, PIXELS))
    return np.hypot(row - PIXELS / 2, column - PIXELS / 2) < radius


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    fields = np.stack([shell(outer) for outer in (76, 78, 80, 82, 84)])
    return fit_shape_model(fields, np.ones_like(fields, bool), 1)


def opened(distance: np.ndarray) -> np.ndarray:
    """The shell without what lies above the directions of the hole."""
    cone = places(BOX)[..., 2] > 0.95 * RADIUS
    return np.where(cone, -np.minimum(CLIP, 1 + distance_transform_edt(cone) * BOX.spacing[0]), distance)


def test_a_size_is_recovered(model: ShapeModel) -> None:
    fitted = fit_modes(shell(81.0), np.ones(BOX.shape, bool), model, FIT)
    rebuilt = model.fields.mean + np.tensordot(fitted, model.fields.modes, 1)
    near = np.abs(shell(81.0)) < 3
    assert np.abs(rebuilt - shell(81.0))[near].mean() < 0.25


def test_a_hole_hardly_moves_the_fit(model: ShapeModel) -> None:
    seen = np.ones(BOX.shape, bool)
    whole, damaged = (fit_modes(one, seen, model, FIT) for one in (shell(81.0), opened(shell(81.0))))
    np.testing.assert_allclose(damaged, whole, atol=0.05)


def test_without_evidence_the_mean_is_returned(model: ShapeModel) -> None:
    np.testing.assert_array_equal(fit_modes(shell(81.0), np.zeros(BOX.shape, bool), model, FIT), [0.0])


def test_the_hole_is_filled_and_the_rest_stays(model: ShapeModel) -> None:
    distance, seen = opened(shell(81.0)), np.ones(BOX.shape, bool)
    fitted = fit_modes(distance, seen, model, FIT)
    filled = complete_fields(distance, seen, hole(), fitted, model, FIT)
    inside = (places(BOX)[..., 2] > 0.97 * RADIUS) & (np.abs(shell(81.0)) < 3)
    assert np.abs(filled - shell(81.0))[inside].mean() < 0.4
    far = places(BOX)[..., 2] < 0
    np.testing.assert_array_equal(filled[far], distance[far])


def test_logits_fade_beyond_the_rim() -> None:
    lattice = canonical_lattice(3)
    logits = field_logits(np.full(BOX.shape, 1.0), hole(10), lattice)
    middle = lattice.to_index(np.array([0.0, 0.0, 60.0])).round().astype(int)
    assert logits[tuple(middle)] == pytest.approx(2.0, abs=0.05)
    away = lattice.to_index(np.array([60.0, 0.0, 0.0])).round().astype(int)
    assert logits[tuple(away)] < 0
    assert GAP >= RIM > PIXEL_MM


def test_a_hole_in_the_mean_head_is_filled(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="ssm")
    assert dsc(completion.implant.array, truth) > 0.85
    assert completion.weights == ("radial.safetensors", "ssm.safetensors.xz")
    assert all(isinstance(value, float) for value in completion.facts["modes"])


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert ssm_completer(head) is None

"""Robust fitting and completion by the shape model, on shells that it knows."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.maps import PIXELS, look_up, to_pixel
from cranial_sparse.classical.orbital import places
from cranial_sparse.classical.ssm import Fit, complete_fields, field_logits, fit_modes, ssm_completer
from cranial_sparse.classical.ssm_model import BOX, CLIP, ShapeModel
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import dsc

RADIUS = np.linalg.norm(places(BOX), axis=-1)
FIT = Fit()
MEAN = np.clip(4 - np.abs(RADIUS - 76), -CLIP, CLIP).astype(np.float32)  # a shell 8 mm thick
MODE = (1 + places(BOX)[..., 2] / RADIUS).astype(np.float32) / 2  # thicker, most so at the vertex


def shell(thicker: float) -> np.ndarray:
    """The mean with so much of the mode."""
    return np.clip(MEAN + thicker * MODE, -CLIP, CLIP)


def hole(radius: int = 12) -> np.ndarray:
    row, column = np.indices((PIXELS, PIXELS))
    return np.hypot(row - PIXELS / 2, column - PIXELS / 2) < radius


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    return ShapeModel(MapModel(MEAN, MODE[None], np.full(BOX.shape, 1.0, np.float32)))


def opened(distance: np.ndarray) -> np.ndarray:
    """The shell without what lies above the directions of the hole."""
    cone = places(BOX)[..., 2] > 0.95 * RADIUS
    return np.where(cone, -np.minimum(CLIP, 1 + distance_transform_edt(cone) * BOX.spacing[0]), distance)


def test_a_mode_is_recovered(model: ShapeModel) -> None:
    fitted = fit_modes(shell(1.5), np.ones(BOX.shape, bool), model, FIT)
    np.testing.assert_allclose(fitted, [1.5], atol=0.02)


def test_a_hole_hardly_moves_the_fit(model: ShapeModel) -> None:
    fitted = fit_modes(opened(shell(1.5)), np.ones(BOX.shape, bool), model, FIT)
    np.testing.assert_allclose(fitted, [1.5], atol=0.1)


def test_without_evidence_the_mean_is_returned(model: ShapeModel) -> None:
    np.testing.assert_array_equal(fit_modes(shell(1.5), np.zeros(BOX.shape, bool), model, FIT), [0.0])


def test_the_hole_is_filled_and_the_rest_stays(model: ShapeModel) -> None:
    distance, seen = opened(shell(1.5)), np.ones(BOX.shape, bool)
    filled = complete_fields(distance, seen, hole(20), np.array([1.5]), model, FIT)
    inside = (places(BOX)[..., 2] > 0.95 * RADIUS) & (np.abs(shell(1.5)) < 3)
    assert np.abs(filled - shell(1.5))[inside].mean() < 0.1
    far = places(BOX)[..., 2] < 0
    np.testing.assert_allclose(filled[far], distance[far], atol=1e-6)


def test_what_the_modes_leave_over_is_carried_into_the_hole(model: ShapeModel) -> None:
    """Bone that lies half a millimetre farther out everywhere than the modes can say does so in a small hole too."""
    outside = np.clip(MEAN + 0.5 * np.sign(RADIUS - 76).astype(np.float32), -CLIP, CLIP)
    filled = complete_fields(
        np.where(hole_at(8), -CLIP, outside), np.ones(BOX.shape, bool), hole(8), np.array([0.0]), model, FIT
    )
    table = hole_at(3) & (np.abs(RADIUS - 80) < 2)
    assert 0.2 < (filled - MEAN)[table].mean() < 0.5


def hole_at(radius: int) -> np.ndarray:
    """The voxels in the directions of the hole."""
    return look_up(hole(radius).astype(float), to_pixel(places(BOX) / RADIUS[..., None])) > 0.5


def test_logits_fade_beyond_the_rim() -> None:
    lattice = canonical_lattice(3)
    logits = field_logits(np.full(BOX.shape, 1.0), hole(10), lattice)
    middle = lattice.to_index(np.array([0.0, 0.0, 60.0])).round().astype(int)
    assert logits[tuple(middle)] == pytest.approx(2.0, abs=0.05)
    away = lattice.to_index(np.array([60.0, 0.0, 0.0])).round().astype(int)
    assert logits[tuple(away)] < 0


def test_a_hole_in_the_mean_head_is_filled(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="ssm")
    assert dsc(completion.implant.array, truth) > 0.85
    assert completion.weights == ("radial.safetensors", "ssm.safetensors.xz")
    assert all(isinstance(value, float) for value in completion.facts["modes"])


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert ssm_completer(head) is None

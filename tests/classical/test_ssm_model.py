"""The shape model's file and fit, on fields whose modes are known."""

import lzma

import numpy as np
import pytest

from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.orbital import places
from cranial_sparse.classical.ssm_model import (
    BOX,
    CLIP,
    LEVELS,
    SHAPE,
    ShapeModel,
    fit_shape_model,
    shipped_shape_model,
)
from cranial_sparse.errors import InputError

POINTS = places(BOX).astype(np.float32)
RADIUS = np.linalg.norm(POINTS, axis=-1)


def shell(outer: float, lopsided: float = 0.0) -> np.ndarray:
    """Distance to a shell 8 mm thick, thicker on the left by ``lopsided`` mm."""
    return np.clip(4 - np.abs(RADIUS - outer + 4) + lopsided * np.sign(POINTS[..., 0]), -CLIP, CLIP)


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    fields = np.stack(
        [shell(outer, lopsided) for outer, lopsided in ((78, 0), (82, 0.5), (80, -0.5), (84, 0), (76, 0))]
    )
    return fit_shape_model(fields, np.ones_like(fields, bool), 2)


def test_the_box_is_symmetric_about_the_midline() -> None:
    np.testing.assert_allclose(POINTS[::-1, ..., 0], -POINTS[..., 0], atol=1e-4)


def test_modes_are_symmetric_or_antisymmetric(model: ShapeModel) -> None:
    for mode in model.fields.modes:
        parity = np.sign((mode * mode[::-1]).sum())
        np.testing.assert_allclose(mode[::-1], parity * mode, atol=2e-3 * np.abs(mode).max())


def test_half_a_file_is_the_whole_model(model: ShapeModel) -> None:
    again = ShapeModel.from_bytes(model.to_bytes())
    np.testing.assert_allclose(again.fields.mean, model.fields.mean, atol=0.051)
    np.testing.assert_allclose(again.fields.spread, model.fields.spread, atol=0.051)
    for mode, kept in zip(model.fields.modes, again.fields.modes, strict=True):
        np.testing.assert_allclose(kept, mode, atol=0.6 * np.abs(mode).max() / LEVELS + 1e-4)


@pytest.mark.parametrize("data", [b"", b"not xz", lzma.compress(b"not safetensors")])
def test_a_damaged_file_is_one_clear_line(data: bytes) -> None:
    with pytest.raises(InputError, match=r"expected a shape model, .* install the package again"):
        ShapeModel.from_bytes(data)


def test_unseen_voxels_do_not_count() -> None:
    fields = np.stack([shell(outer) for outer in (78, 80, 82)])
    seen = np.ones_like(fields, bool)
    seen[0, :, :, :20] = seen[1, :, :, 20:] = False
    damaged = np.where(seen, fields, 99.0)
    mean = fit_shape_model(damaged, seen, 1).fields.mean
    np.testing.assert_allclose(mean[..., :20], (fields[1] + fields[2])[..., :20] / 2, atol=0.01)


def test_the_shipped_model_is_a_mean_and_a_few_dozen_modes() -> None:
    fields = shipped_shape_model().fields
    assert isinstance(fields, MapModel)
    assert fields.mean.shape == SHAPE
    assert fields.modes.shape[1:] == SHAPE
    assert len(fields.modes) <= 64
    assert 200 < (fields.mean > 0).sum() * BOX.voxel_volume / 1000 < 900  # ml of bone

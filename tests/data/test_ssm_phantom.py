"""Skulls drawn from the shape model: they look like one, and a seed is a skull."""

import numpy as np
import pytest
from scipy.ndimage import label

from cranial_sparse.classical.gaussian import MapModel
from cranial_sparse.classical.orbital import places
from cranial_sparse.classical.ssm_model import BOX, CLIP, ShapeModel
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.data.ssm_phantom import ssm_phantom
from cranial_sparse.errors import InputError

RADIUS = np.linalg.norm(places(BOX), axis=-1)


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    """A shell from 70 to 80 mm whose only mode makes it thicker."""
    mean = np.clip(5 - np.abs(RADIUS - 75), -CLIP, CLIP).astype(np.float32)
    return ShapeModel(MapModel(mean, np.ones((1, *BOX.shape), np.float32), np.ones(BOX.shape, np.float32)))


def test_a_shell_comes_out_where_the_mean_has_it(model: ShapeModel) -> None:
    skull = ssm_phantom(1, model=model)
    assert skull.geometry == canonical_lattice()
    assert skull.array.shape == (512, 512, 512)
    index = np.argwhere(skull.array[::8, ::8, ::8]) * 8
    points = skull.geometry.to_physical(index)
    radius = np.linalg.norm(points, axis=1)
    thicker = 0.7 * np.random.default_rng(1).standard_normal(1)[0]
    assert radius.min() == pytest.approx(70 - thicker, abs=1.5)
    assert radius.max() == pytest.approx(80 + thicker, abs=1.5)
    assert points[:, 2].min() >= BOX.origin[2] - 0.5
    assert label(skull.array[::4, ::4, ::4])[1] == 1


def test_a_seed_is_a_skull_and_another_seed_another(model: ShapeModel) -> None:
    first, again, other = (ssm_phantom(seed, raised=60.0, model=model).array for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert canonical_lattice().to_physical(np.argwhere(first).min(0))[2] >= BOX.origin[2] + 59.5


@pytest.mark.parametrize(("seed", "raised", "words"), [(-1, 0.0, "from 0, got -1"), (1, 500.0, "nothing is left")])
def test_what_cannot_be_is_one_clear_line(model: ShapeModel, seed: int, raised: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ssm_phantom(seed, raised, model)

"""Shape models by fold: which skulls a model has seen."""

from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.classical import folds
from cranial_sparse.classical.folds import FoldModels, FoldShapeModels
from cranial_sparse.errors import InputError

CASES = [f"{k:03d}" for k in range(10)]


class Folds(FoldModels):
    """Two skulls a fold, without maps."""

    def __init__(self) -> None:
        self.cases = CASES
        self._fold = np.arange(10) % 5


@pytest.fixture
def distances(tmp_path: Path) -> Path:
    tenths = np.arange(10, dtype=np.int8)[:, None, None, None] * np.ones((4, 3, 2), np.int8)
    np.savez(tmp_path / "distances.npz", cases=CASES, tenths=tenths, seen=np.ones(tenths.shape, bool))
    return tmp_path / "distances.npz"


def test_folds_are_of_one_size_and_keep_one_head_together() -> None:
    names = [f"{k:03d}" for k in range(70)]
    fold = folds.assigned(names)
    assert fold[names.index("011")] == fold[names.index("042")]
    assert sorted(np.bincount(fold)) in ([13, 14, 14, 14, 15], [14] * 5)
    without = folds.assigned([name for name in names if name != "042"])
    assert sorted(np.bincount(without)) == [13, 14, 14, 14, 14]


def test_a_model_has_not_seen_the_fold_of_its_skull(distances: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        folds, "fit_shape_model", lambda fields, where, modes: seen.append(fields[:, 0, 0, 0] * 10) or len(seen)
    )
    models = FoldShapeModels(distances, Folds())
    assert models.without("003") == models.without("008") == 1
    assert models.without("000") == 2
    np.testing.assert_allclose(seen[0], [0, 1, 2, 4, 5, 6, 7, 9])
    np.testing.assert_allclose(seen[1], [1, 2, 3, 4, 6, 7, 8, 9])
    assert models.without("000", "003") == models.without("008", "005") == 3  # made of two: neither fold
    np.testing.assert_allclose(seen[2], [1, 2, 4, 6, 7, 9])


def test_fields_that_are_missing_or_of_other_skulls_are_one_clear_line(distances: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data.distances: .* not found; make it with python -m experiments.build_ssm"):
        FoldShapeModels(tmp_path / "gone.npz", Folds())
    other = Folds()
    other.cases = CASES[::-1]
    with pytest.raises(InputError, match=r"lists other skulls than data\.maps"):
        FoldShapeModels(distances, other)

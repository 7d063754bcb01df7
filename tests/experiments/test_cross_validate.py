"""What cross-validation reports, from made-up scores; the run itself needs the training skulls."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cranial_sparse.classical.radial_model import SHIPPED_MODES, shipped_model
from cranial_sparse.geometry import Geometry, Volume
from experiments import cross_validate
from experiments.cross_validate import KINDS, VARIANTS, score, table


def test_variants_change_one_count_each() -> None:
    for name, modes in VARIANTS.items():
        changed = {
            field for field in ("outer", "thickness", "orbit") if getattr(modes, field) != getattr(SHIPPED_MODES, field)
        }
        assert changed == (set() if name == "shipped" else {name.split()[0]})
    assert len(set(VARIANTS.values())) == len(VARIANTS)


def test_the_table_compares_case_by_case() -> None:
    better = dict.fromkeys(VARIANTS, 0.9) | {"outer 30": 0.92}
    worse = dict.fromkeys(VARIANTS, 0.5) | {"outer 30": 0.48}
    lines = table({"001/official": better, "002/bilateral": worse}).splitlines()
    assert lines[0].split() == ["all", "±", "diff", "bilateral", "official"]
    rows = {" ".join(line.split()[:-4]): [float(figure) for figure in line.split()[-4:]] for line in lines[1:]}
    assert rows["shipped"] == pytest.approx([0.7, 0.0, 0.5, 0.9])
    # 0.02 up and 0.02 down: no gain on average, with a standard error of 0.02 / √2
    assert rows["outer 30"] == pytest.approx([0.7, 0.0141, 0.48, 0.92])


def test_every_kind_that_is_reported_is_cut() -> None:
    assert KINDS[0] == "official"
    assert len(set(KINDS)) == 6


def test_a_skull_that_cannot_be_posed_counts_at_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: one such skull ended the whole run."""
    nothing = Volume(np.zeros((8, 8, 8), bool), Geometry((8, 8, 8), (1.0, 1.0, 1.0)))
    models = SimpleNamespace(without=lambda case: shipped_model())
    monkeypatch.setattr(cross_validate, "read_packed", lambda path: (nothing, nothing))
    monkeypatch.setattr(cross_validate, "fold_models", lambda maps, modes: models)
    assert score(("001", "official"), Path("maps.npz"), Path("skulls")) == dict.fromkeys(VARIANTS, 0.0)

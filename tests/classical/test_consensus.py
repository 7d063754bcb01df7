"""Where two shape models are asked, and what becomes of what they say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cranial_sparse.classical import consensus
from cranial_sparse.classical.consensus import (
    SHIPPED_CONSENSUS,
    ConsensusSettings,
    between,
    consensus_completer,
    template_share,
)
from cranial_sparse.classical.hole import posed_defect
from cranial_sparse.classical.maps import PIXEL_MM, PIXELS
from cranial_sparse.classical.radial import Vault
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import dsc
from tests.conftest import cut

ACROSS = (0.0, 25.0, 75.0)  # on the midline of the mean head


@pytest.fixture(scope="module")
def open_top(head: Volume) -> tuple[Volume, np.ndarray]:
    return cut(head, ACROSS, 35.0)


def flat(value: float) -> Vault:
    return Vault(
        np.full((PIXELS, PIXELS), value), np.full((PIXELS, PIXELS), value / 10), np.zeros((PIXELS, PIXELS), bool)
    )


def test_the_template_is_asked_where_the_mirror_image_is_missing_too() -> None:
    hole = np.zeros((PIXELS, PIXELS), bool)
    hole[60:90, 40:60] = True  # across the middle, between pixels 79 and 80, and farther on one side
    share = template_share(hole, ConsensusSettings(0.5, 10.0))
    assert (share[70:90, 40:60] == 0.5).all()  # both sides are gone
    assert 0 < share[68, 50] < share[69, 50] < 0.5  # fades over 10 mm into what has its other side
    assert share[int(69 - 10 / PIXEL_MM) - 1, 50] == 0
    assert share[70, 39] < 0.5  # and beyond the hole likewise
    aside = np.zeros_like(hole)
    aside[10:40, 40:60] = True
    assert not template_share(aside)[aside].any()


@given(st.floats(0, 1), st.floats(60, 100), st.floats(60, 100))
def test_both_tables_go_the_same_share_of_the_way(share: float, one: float, other: float) -> None:
    first = replace(flat(one), outer_spread=np.ones((PIXELS, PIXELS)))
    found = between(first, flat(other), np.full((PIXELS, PIXELS), share))
    inner = (1 - share) * (one - one / 10) + share * (other - other / 10)
    np.testing.assert_allclose(found.outer - found.thickness, inner)
    np.testing.assert_allclose(found.outer, (1 - share) * one + share * other)
    assert found.outer_spread is first.outer_spread


def test_a_hole_across_the_midline_is_filled_by_both(open_top: tuple[Volume, np.ndarray]) -> None:
    defective, truth = open_top
    completion = complete(defective, system="consensus")
    assert dsc(completion.implant.array, truth) > 0.9
    assert completion.weights == ("radial.safetensors", "radial_aligned.safetensors")
    assert completion.facts["template_share"] > 0.6 * SHIPPED_CONSENSUS.share  # most of its opposite is missing
    assert 0 < completion.facts["apart_mm"] < 3
    assert 0.5 < completion.facts["expected_dsc"] < 1


def test_a_lateral_hole_is_left_to_the_gaussian(
    defect: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    defective, _ = defect
    monkeypatch.setattr(consensus, "complete_tables", lambda *_: pytest.fail("the template was asked"))
    alone, both = complete(defective, system="radial"), complete(defective, system="consensus")
    np.testing.assert_array_equal(alone.implant.array, both.implant.array)


def test_too_few_landmarks_leave_the_gaussian(
    open_top: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("landmarks: expected at least four")

    monkeypatch.setattr(consensus, "complete_tables", refuse)
    both, alone = (complete(open_top[0], system=name) for name in ("consensus", "radial"))
    np.testing.assert_array_equal(alone.implant.array, both.implant.array)
    assert "template_share" not in both.facts


@pytest.mark.parametrize(("error", "moved"), [(0.5, 4 * SHIPPED_CONSENSUS.share), (2.5, 0.0)])
def test_a_template_that_fits_moves_the_vault_by_its_share(
    open_top: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch, error: float, moved: float
) -> None:
    """One that is 4 mm farther out everywhere, and misses the landmarks around the hole by ``error``."""
    defect = posed_defect(open_top[0], shipped_model())
    assert defect is not None
    vaults, whole = [], consensus.completed_field

    def keep(skull, defect, vault, model):
        vaults.append(vault)
        return whole(skull, defect, vault, model)

    first = consensus.complete_vault(defect.rays, defect.hole, shipped_model())
    higher = SimpleNamespace(vault=replace(first, outer=first.outer + 4), chosen="mean", errors={"mean": error})
    monkeypatch.setattr(consensus, "completed_field", keep)
    monkeypatch.setattr(consensus, "complete_tables", lambda *_: higher)
    field = consensus.consensus_field(open_top[0], defect, shipped_model())
    assert field.facts.get("apart_mm") == (4.0 if moved else None)
    both_sides = defect.hole & defect.hole[::-1]
    np.testing.assert_allclose((vaults[0].outer - first.outer)[both_sides], moved)


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert consensus_completer(head) is None

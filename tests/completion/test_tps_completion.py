"""The tps completer from skull to implant, on the model's own mean head, where the truth is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.tps.completer import tps_completer
from cranial_sparse.classical.tps.template import NAMES, template
from cranial_sparse.completion.pipeline import complete_with
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import dsc


def test_a_hole_in_the_mean_head_is_filled(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete_with(defective, tps_completer, None)
    assert dsc(completion.implant.array, truth) > 0.93
    assert not (completion.implant.array & defective.array).any()


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert tps_completer(head) is None


def test_a_vault_cut_above_the_orbits_works(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    low = round((5.0 - defective.geometry.origin[2]) / 1.5)
    shape = defective.array[:, :, low:].shape
    geometry = replace(defective.geometry.crop((0, 0, low), shape))
    completion = complete_with(Volume(defective.array[:, :, low:], geometry), tps_completer, None)
    assert dsc(completion.implant.array, truth[:, :, low:]) > 0.9


def test_facts_say_what_happened_and_can_be_written(defect: tuple[Volume, np.ndarray]) -> None:
    field = tps_completer(defect[0])
    assert field is not None
    facts = json.loads(json.dumps(field.facts, allow_nan=False))
    assert facts["reference"] in ("mean", "mirrored")
    assert set(facts["landmarks"]) == set(NAMES)
    assert {one["source"] for one in facts["landmarks"].values()} == {"automatic", "estimated"}
    assert facts["landmarks"]["left parietal tuber"]["source"] == "estimated"  # in the hole
    places = np.array([one["lps"] for one in facts["landmarks"].values()])
    away = np.linalg.norm(places - template(shipped_model()).outer.points[: len(NAMES)], axis=1)
    assert np.median(away) < 4  # the head lies in the canonical frame
    assert len(facts["bending_energy_mm"]["outer"]) == 11
    assert len(facts["mean_slide_mm"]["inner"]) == 10
    assert facts["mean_slide_mm"]["outer"][-1] < 0.1
    assert facts["scale"] == pytest.approx(1, abs=0.03)
    assert any(note.startswith("the missing bone is modelled on") for note in field.notes)


def test_landmarks_by_hand_are_taken_in_patient_space(defect: tuple[Volume, np.ndarray]) -> None:
    """On a head that lies 300 mm away, names as Slicer's users write them."""
    defective, _ = defect
    x, y, z = defective.geometry.origin
    moved = Volume(defective.array, Geometry(defective.array.shape, (1.5,) * 3, (x + 300.0, y, z)))
    tuber = template(shipped_model()).outer.points[NAMES.index("left parietal tuber")] + [300.0, 0.0, 0.0]
    field = tps_completer(moved, landmarks={"Left_Parietal_Tuber": tuber})
    assert field is not None
    found = field.facts["landmarks"]["left parietal tuber"]
    assert found["source"] == "given"
    np.testing.assert_allclose(found["lps"], tuber, atol=0.01)


@pytest.mark.parametrize(
    ("landmarks", "told"),
    [
        ({"basion": np.zeros(3)}, "expected names among nasion, .* got 'basion'"),
        ({"vertex": np.array([0.0, 0.0, 200.0])}, "expected 'vertex' within 40 mm .* got 12[0-9] mm"),
        ({"vertex": np.full(3, np.nan)}, "expected 'vertex' within 40 mm"),
        ({"vertex": np.array([0.0, 6, 76]), "Vertex": np.array([0.0, 6, 76])}, "expected 'vertex' once"),
    ],
    ids=["unknown", "far", "not finite", "twice"],
)
def test_landmarks_that_cannot_be_are_one_line(landmarks: dict, told: str, defect: tuple[Volume, np.ndarray]) -> None:
    with pytest.raises(InputError, match=told):
        tps_completer(defect[0], landmarks=landmarks)


def test_no_vault_is_an_error(head: Volume) -> None:
    sliver = np.zeros_like(head.array)
    sliver[:, :, :12] = head.array[:, :, :12]
    with pytest.raises(InputError, match="of the vault is in view"):
        tps_completer(Volume(sliver, head.geometry))

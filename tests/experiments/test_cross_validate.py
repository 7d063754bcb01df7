"""What cross-validation reads and reports, from made-up scores; the run itself needs the training skulls."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cranial_sparse.classical.consensus import SHIPPED_CONSENSUS
from cranial_sparse.classical.mirror import SHIPPED_MIRROR
from cranial_sparse.classical.radial_model import SHIPPED_MODES, shipped_model
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS
from cranial_sparse.classical.ssm import SHIPPED_FIT
from cranial_sparse.classical.tps.warp import SHIPPED_WARP, Rim
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from experiments import cross_validate
from experiments.cross_validate import (
    FROM_CUT_TO_CUT,
    KINDS,
    SHIPPED,
    ConsensusVariant,
    MirrorVariant,
    RadialVariant,
    ShapeVariant,
    Variant,
    WarpVariant,
    completed,
    facts,
    finished,
    read_variants,
    score,
    table,
)
from experiments.train import CONFIGS

VARIANTS = {"shipped": RadialVariant(), "outer 30": RadialVariant(modes=replace(SHIPPED_MODES, outer=30))}


@pytest.mark.parametrize("path", sorted((CONFIGS / "cross_validation").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_committed_variants_are_read(path: Path) -> None:
    shipped = SHIPPED.get(path.stem, SHIPPED["radial"])
    variants = read_variants(path, shipped)
    assert next(iter(variants.items())) == ("shipped", shipped)
    assert len({repr(variant) for variant in variants.values()}) == len(variants) > 1


def test_a_variant_changes_what_it_names_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("shipped: {}\nboth: {modes: {orbit: 15}, settings: {outer: {length: 60}, rim: 6}}\n")
    found = read_variants(path)["both"]
    assert found.modes == replace(SHIPPED_MODES, orbit=15)
    assert (found.settings.outer.length, found.settings.outer.mirror) == (60.0, SHIPPED_SETTINGS.outer.mirror)
    assert replace(found.settings, outer=SHIPPED_SETTINGS.outer) == replace(SHIPPED_SETTINGS, rim=6.0)


def test_variants_of_the_shape_model(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("shipped: {}\nfewer: {modes: 40, fit: {ridge: 100}}\n")
    found = read_variants(path, ShapeVariant())["fewer"]
    assert found == ShapeVariant(40, replace(SHIPPED_FIT, ridge=100.0))
    path.write_text("shipped: {}\nfewer: {settings: {rim: 6}}\n")
    with pytest.raises(InputError, match="fewer: expected some of modes, fit with their values"):
        read_variants(path, ShapeVariant())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "not readable as YAML"),
        ("a: {modes: {outer: 3}}", "'shipped: {}' first"),
        ("shipped: {}\na: {modes: {outter: 3}}", "a.modes: expected some of outer, thickness, orbit with their values"),
        ("shipped: {}\na: {modes: {outer: 2.5}}", "a.modes.outer: expected int, got 2.5"),
        ("shipped: {}\na: {settings: {rim: wide}}", "a.settings.rim: expected float, got 'wide'"),
        ("shipped: {}\na: {settings: {outer: 60}}", "a.settings.outer: expected some of length, noise, mirror"),
    ],
)
def test_a_mistake_in_the_variants_is_named(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_variants(tmp_path / "some.yaml")
    assert told in str(caught.value)
    assert "some.yaml" in str(caught.value)


def test_scores_of_other_variants_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    maps, scores = tmp_path / "maps.npz", {"001/official": {"shipped": 0.9, "outer 30": 0.8}}
    maps.write_bytes(b"maps")
    made_of = facts("radial", VARIANTS, maps, None)
    assert finished(path, made_of) == {}
    path.write_text(json.dumps({"of": made_of, "scores": scores}))
    assert finished(path, facts("radial", VARIANTS, maps, None)) == scores
    changed = dict.fromkeys(VARIANTS, RadialVariant())  # the same names
    for other in (facts("consensus", VARIANTS, maps, None), facts("radial", changed, maps, None)):
        with pytest.raises(InputError, match="another system, variants or maps"):
            finished(path, other)
    maps.write_bytes(b"other maps")
    with pytest.raises(InputError, match="another system, variants or maps"):
        finished(path, facts("radial", VARIANTS, maps, None))


def test_every_cut_is_of_another_kind() -> None:
    for number in range(len(KINDS)):
        assert len({KINDS[(number + ahead) % len(KINDS)] for ahead in FROM_CUT_TO_CUT}) == len(KINDS)


def test_the_table_compares_case_by_case() -> None:
    better, worse = {"shipped": 0.9, "outer 30": 0.92}, {"shipped": 0.5, "outer 30": 0.48}
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
    assert score(("001", "official"), VARIANTS, Path("maps.npz"), Path("skulls")) == dict.fromkeys(VARIANTS, 0.0)


def test_every_variant_is_completed_with_its_own_model_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A completer that returns the true implant for the shipped settings, nothing for other modes, half for a wide rim."""
    bone = np.zeros((16, 16, 16), bool)
    bone[2:14, 2:14, 2:14] = True
    geometry, truth = Geometry(bone.shape, (1.0, 1.0, 1.0)), np.zeros_like(bone)
    truth[4:12, 4:12, 4:12] = True
    models = lambda maps, modes: SimpleNamespace(without=lambda case: SimpleNamespace(outer=None, modes=modes))  # noqa: E731

    def find(defective, pose, fitted, model, settings):
        return None if model.modes != SHIPPED_MODES else object()

    def complete(defective, defect, model, settings):
        found = truth & (np.arange(16) < (8 if settings.rim > 4 else 16))
        return Field(torch.from_numpy(np.where(found, 5.0, -5.0).astype(np.float32)), geometry, pose)

    pose = Pose(np.eye(3), np.zeros(3))
    monkeypatch.setattr(cross_validate, "read_packed", lambda path: (Volume(bone, geometry), Volume(truth, geometry)))
    monkeypatch.setattr(cross_validate, "fold_models", models)
    monkeypatch.setattr(cross_validate, "estimate_pose", lambda skull, outer: (pose, None))
    monkeypatch.setattr(cross_validate, "find_defect", find)
    monkeypatch.setattr(cross_validate, "radial_field", complete)
    variants = VARIANTS | {"wide": RadialVariant(settings=replace(SHIPPED_SETTINGS, rim=6.0))}
    found = score(("001", "official"), variants, Path("maps.npz"), Path("skulls"))
    assert found == pytest.approx({"shipped": 1.0, "outer 30": 0.0, "wide": 2 / 3}, abs=0.02)  # corners are opened away


def test_shape_models_are_fitted_with_a_variants_modes_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit that keeps as many planes of the truth as there are modes, all of it under another ridge."""
    bone = np.zeros((16, 16, 16), bool)
    bone[2:14, 2:14, 2:14] = True
    geometry, truth = Geometry(bone.shape, (1.0, 1.0, 1.0)), np.zeros_like(bone)
    truth[4:12, 4:12, 4:12] = True
    pose = Pose(np.eye(3), np.zeros(3))

    def complete(defective, defect, model, fit):
        found = truth & (np.arange(16) < (16 if fit.ridge > 30 else 4 + model.modes))
        return Field(torch.from_numpy(np.where(found, 5.0, -5.0).astype(np.float32)), geometry, pose)

    models = SimpleNamespace(without=lambda case: SimpleNamespace(outer=None))
    shapes = lambda distances, maps, modes: SimpleNamespace(without=lambda case: SimpleNamespace(modes=modes))  # noqa: E731
    monkeypatch.setattr(cross_validate, "read_packed", lambda path: (Volume(bone, geometry), Volume(truth, geometry)))
    monkeypatch.setattr(cross_validate, "fold_models", lambda maps, modes: models)
    monkeypatch.setattr(cross_validate, "fold_shapes", shapes)
    monkeypatch.setattr(cross_validate, "estimate_pose", lambda skull, outer: (pose, None))
    monkeypatch.setattr(cross_validate, "find_defect", lambda *given: object())
    monkeypatch.setattr(cross_validate, "ssm_field", complete)
    variants = {
        "shipped": ShapeVariant(8), "half": ShapeVariant(4), "ridge": ShapeVariant(4, replace(SHIPPED_FIT, ridge=99.0)),
    }  # fmt: skip
    found = score(("001", "official"), variants, Path("maps.npz"), Path("skulls"), Path("distances.npz"))
    assert found == pytest.approx({"shipped": 1.0, "half": 2 / 3, "ridge": 1.0}, abs=0.02)


def test_a_variant_of_the_consensus_decides_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    bone = np.ones((8, 8, 8), bool)
    skull, pose = Volume(bone, Geometry(bone.shape, (1.0, 1.0, 1.0))), Pose(np.eye(3), np.zeros(3))
    monkeypatch.setattr(cross_validate, "fold_models", lambda maps, modes: SimpleNamespace(without=lambda case: None))
    monkeypatch.setattr(cross_validate, "find_defect", lambda *given: object())
    monkeypatch.setattr(cross_validate, "consensus_field", lambda skull, defect, model, settings: settings.share)
    for share in (0.0, 0.65):
        variant = ConsensusVariant(replace(SHIPPED_CONSENSUS, share=share))
        assert completed(variant, "001", skull, pose, bone, Path("maps.npz"), None) == share


@pytest.mark.parametrize(
    ("shipped", "other"),
    [
        (MirrorVariant(), MirrorVariant(replace(SHIPPED_MIRROR, rim=4.0))),
        (WarpVariant(), WarpVariant(replace(SHIPPED_WARP, outer=Rim(12.0, 300.0)))),
    ],
    ids=["mirror", "tps"],
)
def test_mirror_and_tps_complete_with_a_variants_settings(
    shipped: Variant, other: Variant, defect: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    defective, truth = defect
    whole = replace(defective, array=defective.array | truth), replace(defective, array=truth)
    models = SimpleNamespace(without=lambda case: shipped_model())
    monkeypatch.setattr(cross_validate, "read_packed", lambda path: whole)
    monkeypatch.setattr(cross_validate, "fold_models", lambda maps, modes: models)
    found = score(("001", "official"), {"shipped": shipped, "other": other}, Path("maps.npz"), Path("skulls"))
    assert found["shipped"] > 0.9
    assert 0.8 < found["other"] != found["shipped"]


def test_a_variant_that_refuses_a_case_counts_at_the_worst(
    defect: tuple[Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_):
        raise InputError("no side to mirror")

    defective, truth = defect
    whole = replace(defective, array=defective.array | truth), replace(defective, array=truth)
    models = SimpleNamespace(without=lambda case: shipped_model())
    monkeypatch.setattr(cross_validate, "read_packed", lambda path: whole)
    monkeypatch.setattr(cross_validate, "fold_models", lambda maps, modes: models)
    monkeypatch.setattr(cross_validate, "mirror_field", refuse)
    assert score(("001", "official"), {"shipped": MirrorVariant()}, Path("m.npz"), Path("s")) == {"shipped": 0.0}

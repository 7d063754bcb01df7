"""Prepared collections as training data: which skulls, how they are read, and a sample drawn from one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cranial_sparse.bricks import from_dense
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.completion.frame import Pose
from cranial_sparse.data import module
from cranial_sparse.data.layouts import Case
from cranial_sparse.data.module import DataConfig, SkullDataModule, SkullSamples, fold_models
from cranial_sparse.data.phantom import phantom
from cranial_sparse.data.prepare import prepare_all, write_manifest
from cranial_sparse.data.prepared import Prepared, Source, save_prepared
from cranial_sparse.data.training_skulls import TrainingSkull, listed_skulls, prepared_skulls, skullfix_folder
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import IDENTITY, Geometry
from cranial_sparse.io.volume import write_volume

LATTICE = Geometry((16, 16, 16), (0.45,) * 3, (1.0, 2.0, 3.0), IDENTITY)


def block(side: int) -> torch.Tensor:
    mask = torch.zeros(LATTICE.shape, dtype=torch.bool)
    mask[2:10, 2:10, 2 : 2 + side] = True
    return mask


def folder_of(root: Path, *cases: Case) -> Path:
    """A prepared folder of blocks; a case with an implant lacks two layers, one without a complete skull is defective."""
    entries = []
    for case in cases:
        source = Source(case.id, case.skull_id, case.kind, case.split, "hash", "test")
        prepared = Prepared(source, Pose(np.eye(3), np.zeros(3)), 1.0, LATTICE, LATTICE, 0.0)
        prepared = replace(
            prepared, **({"complete": from_dense(block(8))} if case.complete else {"damaged": from_dense(block(6))})
        )
        if case.implant:
            prepared = replace(prepared, implant=from_dense(block(8) & ~block(6)))
        save_prepared(prepared, root / f"{case.id}.skull.zip")
        entries.append(
            {
                "id": case.id,
                "skull_id": case.skull_id,
                "split": case.split,
                "file": f"{case.id}.skull.zip",
                "packed_sha256": f"of {case.id}",
                "ml": prepared.volumes_ml(),
            }
        )
    (root / "manifest.json").write_text(json.dumps({"cases": entries}))
    return root


SKULL = Path("complete")


def test_each_training_skull_once_and_no_other(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        Case("b_left", "b", SKULL, implant=SKULL, split="train"),
        Case("b_right", "b", SKULL, implant=SKULL, split="train"),
        Case("a", "a", SKULL, split="train"),
        Case("c", "c", SKULL, split="val"),
        Case("d", "d", SKULL, split="test"),
        Case("e", "e", defective=SKULL, split="train"),
    )
    skulls = prepared_skulls([str(folder)])
    assert [(skull.name, skull.path.name) for skull in skulls] == [("a", "a.skull.zip"), ("b", "b_left.skull.zip")]
    complete, implant = skulls[0].read()
    assert implant is None
    assert complete.geometry == LATTICE
    np.testing.assert_array_equal(complete.array, block(8).numpy())
    complete, implant = skulls[1].read()
    assert implant is not None
    np.testing.assert_array_equal(implant.array, (block(8) & ~block(6)).numpy())


def test_without_splits_an_eighth_stays_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *(Case(f"{k:02d}", f"{k:02d}", SKULL) for k in range(16)))
    assert len(prepared_skulls([str(folder)])) == 14


def test_a_folder_without_training_skulls_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest.json: expected the manifest of a prepared folder"):
        prepared_skulls([str(tmp_path)])
    folder = folder_of(tmp_path, Case("c", "c", SKULL, split="val"))
    with pytest.raises(InputError, match=r"data.prepared: .*manifest.json lists no complete skull"):
        prepared_skulls([str(folder)])
    folder_of(tmp_path, Case("e", "e", defective=SKULL, split="train"))
    with pytest.raises(InputError, match="expected a complete skull, found a defective one"):
        TrainingSkull("e", tmp_path / "e.skull.zip", ("e",)).read()


def test_missing_data_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRANIAL_SPARSE_DATA", raising=False)
    with pytest.raises(InputError, match=r"set CRANIAL_SPARSE_DATA or give data.folder or data.prepared"):
        skullfix_folder("")
    with pytest.raises(InputError, match=r"data.fold: .* give data.maps"):
        fold_models(DataConfig(maps="", prepared=("x",), fold=1))
    with pytest.raises(InputError, match=r"data.maps: .*none.npz not found; make it with"):
        fold_models(DataConfig(maps=str(tmp_path / "none.npz")))


def test_a_validation_skull_in_the_maps_is_refused(tmp_path: Path) -> None:
    """Regression: training took whatever skulls the maps listed."""
    (tmp_path / "cases.csv").write_text("id,split\n000,val\n001,train\n")
    assert [skull.name for skull in listed_skulls(["001"], tmp_path)] == ["001"]
    with pytest.raises(InputError, match=r"lists skull 000, which .*cases.csv calls 'val', not 'train'"):
        listed_skulls(["001", "000"], tmp_path)
    with pytest.raises(InputError, match=r"lists skull 007, .* 'no such skull'"):
        listed_skulls(["007"], tmp_path)


def test_a_crossed_skull_is_in_the_folds_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It trains where neither is left out, validates where both are, and is proposed for by a model that saw neither."""
    cases = [f"{k:03d}" for k in range(10)]

    class Folds:
        """Two skulls a fold; a model is the names of those that it saw."""

        def __init__(self) -> None:
            self.cases = cases

        def members(self, fold: int) -> list[str]:
            return [cases[fold], cases[fold + 5]]

        def without(self, *names: str) -> list[str]:
            out = {int(name) % 5 for name in names}
            return [case for case in cases if int(case) % 5 not in out]

    folder = folder_of(tmp_path, *(Case(name, name, SKULL, split="train") for name in ("same", "apart")))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["cases"][0]["made_of"], manifest["cases"][1]["made_of"] = ["000", "005"], ["000", "001"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(module, "fold_models", lambda config: Folds())
    monkeypatch.setattr(module, "listed_skulls", lambda names, folder: [])
    monkeypatch.setattr(module, "skullfix_folder", lambda folder: tmp_path)

    def skulls(fold: int | None, validation: bool = False) -> dict[str, list[str]]:
        config = DataConfig(maps="", prepared=(str(folder),), pool="", fold=fold)
        samples = SkullSamples(config, 0, 1, validation)
        return {skull.name: samples.proposer(skull) for skull in samples.skulls}  # type: ignore[misc]

    assert set(skulls(None)) == {"same", "apart"}
    assert skulls(None)["apart"] == ["002", "003", "004", "007", "008", "009"]
    assert skulls(None)["same"] == [case for case in cases if int(case) % 5]
    assert set(skulls(0)) == set()
    assert set(skulls(0, validation=True)) == set()  # what is validated on does not change with what is trained on
    assert set(skulls(1)) == {"same"}
    assert set(skulls(2)) == {"same", "apart"}


def test_a_prepared_skull_of_no_known_collection_becomes_a_sample(tmp_path: Path) -> None:
    """Scan, prepare, cut on the fly: what somebody with skulls of their own does."""
    skull = phantom(3)
    write_volume(tmp_path / "mine.nrrd", replace(skull, array=skull.array.view(np.uint8)))
    outcomes = list(prepare_all([Case("mine", "mine", tmp_path / "mine.nrrd", split="train")], tmp_path / "out"))
    write_manifest(tmp_path, tmp_path / "out", outcomes, {})
    config = DataConfig(maps="", prepared=(str(tmp_path / "out"),), pool="", workers=0)
    data = SkullDataModule(config, seed=1, length=1)
    data.setup("fit")
    assert data.training.proposer(data.training.skulls[0]) is shipped_model()
    inputs = SkullSamples(config, 1, 1, validation=False)[0]
    assert inputs.complete is not None
    missing = (inputs.complete > 0) & (inputs.skull == 0)
    assert missing.sum() * 0.45**3 / 1000 > 3  # ml
    found = (inputs.field.repeat_interleave(2, 0).repeat_interleave(2, 1).repeat_interleave(2, 2) > 0) & (
        inputs.skull == 0
    )
    overlap = 2 * (found & missing).sum() / (found.sum() + missing.sum())
    assert overlap > 0.5

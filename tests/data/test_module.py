"""The data module on real training skulls: what it reads, what it keeps, and that a run may stop anywhere."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch

from cranial_sparse.classical.folds import FoldModels
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.config import load_config
from cranial_sparse.data.augment import AugmentConfig
from cranial_sparse.data.module import DataConfig, SkullDataModule, SkullSamples, fingerprint
from cranial_sparse.data.samples import flipped
from cranial_sparse.data.training_skulls import TrainingSkull
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import Cascade, CascadeInputs
from cranial_sparse.training.export import read_checkpoint
from cranial_sparse.training.run import train
from experiments.train import CONFIGS

SEED = 5


def made_up_maps(path: Path, cases: list[str]) -> Path:
    """Maps as experiments.build_radial keeps them, drawn from the shipped model instead of cast, which takes minutes."""
    model, rng = shipped_model(), np.random.default_rng(0)
    draw = lambda part: part.mean + np.tensordot(rng.normal(size=(len(cases), len(part.modes))), part.modes, 1)  # noqa: E731
    outer, thickness = draw(model.outer), np.clip(draw(model.thickness), 2, 20)
    seen = np.broadcast_to(model.presence > 0.5, outer.shape)
    orbit = draw(model.orbit).astype(np.float32)
    np.savez(
        path, cases=cases, mean_outer=model.outer.mean, in_view=np.ones_like(seen),
        outer=np.where(seen, outer, np.nan), inner=np.where(seen, outer - thickness, np.nan),
        orbit=orbit, orbit_seen=np.ones(orbit.shape, bool), displacement=np.zeros((len(cases), 2, *outer.shape[1:])),
    )  # fmt: skip
    return path


CASES = [f"{k:03d}" for k in range(1, 41)]


def test_a_fold_leaves_its_own_skulls_out(tmp_path: Path) -> None:
    models = FoldModels(made_up_maps(tmp_path / "maps.npz", CASES))
    members = [models.members(fold) for fold in range(5)]
    assert sorted(case for part in members for case in part) == CASES
    assert {len(part) for part in members} == {8}
    same, other = (models.without(case) for case in (members[0][0], members[1][0]))
    assert models.without(members[0][1]) is same
    assert not np.array_equal(same.outer.mean, other.outer.mean)


def test_a_fold_model_has_not_seen_its_skull(tmp_path: Path) -> None:
    """One skull with a vault 30 mm too large moves every model but its own."""
    path = made_up_maps(tmp_path / "maps.npz", CASES)
    with np.load(path) as stored:
        changed = dict(stored)
    changed["outer"][3] += 15.0
    np.savez(tmp_path / "changed.npz", **changed)
    before, after = FoldModels(path), FoldModels(tmp_path / "changed.npz")
    odd = CASES[3]
    fellows = next(part for fold in range(5) if odd in (part := before.members(fold)))
    other = next(case for case in CASES if case not in fellows)
    np.testing.assert_array_equal(before.without(odd).outer.mean, after.without(odd).outer.mean)
    assert np.abs(before.without(other).outer.mean - after.without(other).outer.mean).max() > 0.1


def test_maps_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    path = made_up_maps(tmp_path / "maps.npz", CASES)
    with np.load(path) as stored:
        np.savez(path, **{name: stored[name] for name in stored.files if name != "displacement"})
    with pytest.raises(
        InputError, match=r"maps\.npz: expected maps with displacement.* experiments.build_radial --maps"
    ):
        FoldModels(path)


def test_a_pool_is_not_read_for_other_skulls_or_maps(tmp_path: Path) -> None:
    """Regression: samples drawn before the shape model changed went on being used."""
    maps = made_up_maps(tmp_path / "maps.npz", CASES)
    config = DataConfig(maps=str(maps))
    plain = AugmentConfig()
    skulls = [TrainingSkull(case, tmp_path / case, (case,)) for case in CASES]
    first = fingerprint(config, skulls, plain)
    assert first == fingerprint(config, skulls, plain)
    assert first != fingerprint(config, skulls[1:], plain)
    assert first != fingerprint(replace(config, fold=0), skulls, plain)
    assert first != fingerprint(config, skulls, replace(plain, noisy=plain.noisy + 0.1))
    again = [replace(skulls[0], content="crossed by other means"), *skulls[1:]]
    assert first != fingerprint(config, again, plain)
    (tmp_path / "fields").write_bytes(b"1")
    by_fields = replace(config, proposal="ssm", distances=str(tmp_path / "fields"))
    of_fields = fingerprint(by_fields, skulls, plain)
    (tmp_path / "fields").write_bytes(b"2")
    assert of_fields != fingerprint(by_fields, skulls, plain)
    maps.write_bytes(maps.read_bytes() + b" ")
    assert first != fingerprint(config, skulls, plain)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Two samples of two training skulls, drawn the whole way: moved, cut, posed, proposed for, resampled."""
    given = os.environ.get("CRANIAL_SPARSE_DATA")
    if not given:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    rows = [line.split(",") for line in (Path(given) / "skullfix" / "cases.csv").read_text().splitlines()[1:]]
    cases = [row[0] for row in rows if row[1] == "train"][:30]
    folder = tmp_path_factory.mktemp("pool")
    maps = made_up_maps(folder / "maps.npz", cases)
    kept = {"folder": given, "maps": str(maps), "pool": str(folder / "pool")}
    return DataConfig(**kept, pool_size=2, validation_cases=1, workers=0)


def test_a_drawn_sample_is_a_defect_and_comes_again_from_disk(pool: DataConfig) -> None:
    samples = SkullSamples(pool, SEED, 8, validation=False)
    drawn = samples.drawn(0)
    assert drawn.complete is not None
    missing = (drawn.complete > 0) & (drawn.skull == 0)
    assert missing.sum() * 0.45**3 / 1000 > 3  # ml
    assert all(size % 16 == 0 for size in drawn.skull.shape)
    assert drawn.field.shape == tuple(size // 2 for size in drawn.skull.shape)
    again = SkullSamples(pool, SEED, 8, validation=False).drawn(0)
    assert all(torch.equal(getattr(drawn, name), getattr(again, name)) for name in ("skull", "field", "complete"))
    assert len(list(Path(pool.pool).glob("train-*.xz"))) >= 1


def test_items_are_pool_samples_and_their_mirror_images(pool: DataConfig) -> None:
    samples = SkullSamples(pool, SEED, 12, validation=False)
    known = [one for key in (0, 1) for one in (samples.drawn(key), flipped(samples.drawn(key)))]
    hits = {k for item in range(12) for k, one in enumerate(known) if torch.equal(samples[item].field, one.field)}
    assert hits == {0, 1, 2, 3}


def test_a_run_on_the_pool_resumes_to_the_bit(
    pool: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> dict[str, Any]:
        config = load_config(
            [
                "experiment=cascade", f"runs_dir={tmp_path}", f"name={name}", f"seed={SEED}", "logging.wandb=disabled",
                "network.widths=[[4,8],[4],[4]]", "training.level_starts=[0,1,2]", "training.accumulate=1",
                "training.finest_box=16", "training.validate_every=99", "training.warmup_steps=1",
                "training.max_steps=4", "resume=auto",
            ],
            CONFIGS,
        )  # fmt: skip
        L.seed_everything(SEED, verbose=False)
        train(config, Cascade(config.network), SkullDataModule(pool, SEED, config.training.max_steps))
        return read_checkpoint(tmp_path / name / "last.ckpt")

    whole = run("whole")
    read = SkullSamples.__getitem__

    def read_and_interrupt(self: SkullSamples, index: int) -> CascadeInputs:
        if index == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(SkullSamples, "__getitem__", read_and_interrupt)
        assert run("parts")["global_step"] < 4
    parts = run("parts")
    assert parts["global_step"] == whole["global_step"] == 4
    assert whole["state_dict"]["network.levels.2.head.weight"].any()
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, parts["state_dict"][name]), name

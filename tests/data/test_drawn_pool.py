"""A pool drawn elsewhere: trained on where there are neither skulls nor maps."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cranial_sparse.data.augment import AugmentConfig
from cranial_sparse.data.module import DataConfig, SkullDataModule, SkullSamples, drawn_with, facts_of
from cranial_sparse.data.samples import flipped, load_sample, save_sample
from cranial_sparse.errors import InputError
from cranial_sparse.training.export import read_checkpoint
from experiments.train import main
from tests.training.boxes import TINY, box_case

SEED = 5


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Two training samples and one to validate on."""
    folder = tmp_path / "pool"
    folder.mkdir()
    for number, name in enumerate(("train-5-aa-00000", "train-5-aa-00001", "validation-5-bb-00000")):
        save_sample(box_case(0, number), folder / f"{name}.xz", whole=name.startswith("validation"))
        facts_of(folder / f"{name}.xz").write_text(json.dumps(drawn_with(DataConfig(), AugmentConfig())))
    return folder


def arguments(pool: Path, *more: str) -> list[str]:
    return [
        "experiment=cascade", *TINY, f"runs_dir={pool.parent}", "name=run", f"seed={SEED}", "data.drawn=true",
        f"data.pool={pool}", "data.pool_size=2", "data.validation_cases=1", "data.maps=nowhere.npz",
        "training.level_starts=[0,0,0]", "training.finest_box=8", "training.validate_every=2", "training.max_steps=2", *more,
    ]  # fmt: skip


def test_a_run_needs_neither_skulls_nor_maps(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRANIAL_SPARSE_DATA", raising=False)
    assert main(arguments(pool)) == 0
    assert read_checkpoint(pool.parent / "run" / "last.ckpt")["global_step"] == 2


def test_items_are_those_of_the_pool(pool: Path) -> None:
    data = SkullDataModule(DataConfig(pool=str(pool), pool_size=2, drawn=True, validation_cases=1), SEED, 8)
    data.setup("fit")
    plain = [load_sample(path) for path in sorted(pool.glob("train-*.xz"))]
    known = [one.field for sample in plain for one in (sample, flipped(sample))]
    assert all(any(torch.equal(data.training[item].field, field) for field in known) for item in range(8))
    held_out = load_sample(pool / "validation-5-bb-00000.xz")
    assert torch.equal(data.validation[0].field, held_out.field)


def test_what_the_pool_lacks_is_named(pool: Path) -> None:
    config = DataConfig(pool=str(pool), pool_size=9, drawn=True)
    with pytest.raises(
        InputError, match=r"data\.drawn: .*train-5-aa-00007\.xz is not in the pool.*lower data\.pool_size"
    ):
        SkullSamples(config, SEED, 8, validation=False).drawn(7)
    with pytest.raises(InputError, match=r"data\.drawn: expected samples train-6-… of one kind in .*, got none"):
        SkullSamples(config, 6, 8, validation=False)
    save_sample(box_case(0, 0), pool / "train-5-cc-00000.xz")
    with pytest.raises(InputError, match="got those of aa, cc"):
        SkullSamples(config, SEED, 8, validation=False)


def test_a_pool_drawn_for_something_else_is_refused(pool: Path) -> None:
    """Regression: a pool drawn for all skulls was taken for that of a fold."""
    config = DataConfig(pool=str(pool), drawn=True)
    with pytest.raises(
        InputError, match=r"data\.fold: .*train-5-aa\.json says that the pool was drawn with None, got 0"
    ):
        SkullSamples(replace(config, fold=0), SEED, 1, validation=False)
    with pytest.raises(InputError, match=r"data\.augment: .*validation-5-bb\.json says"):
        SkullSamples(replace(config, validation_augment=AugmentConfig(bent=0.5)), SEED, 1, validation=True)
    (pool / "validation-5-bb.json").unlink()
    with pytest.raises(InputError, match=r"validation-5-bb\.json is not there.*copy it too"):
        SkullSamples(config, SEED, 1, validation=True)
    assert len(SkullSamples(config, SEED, 0, validation=True)) == 0


FULL_DISK = """
import os, signal, sys
from lightning.pytorch.loggers import CSVLogger
from cranial_sparse.training.module import CascadeModule
from experiments.train import main

def full(logger, status):
    raise OSError("no space left")

CascadeModule.log_recent = lambda self: os.kill(os.getpid(), signal.SIGTERM)
CSVLogger.finalize = full
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_that_fails_as_it_stops_ends(pool: Path) -> None:
    """Regression: workers pass over the signal that Python ends them with when it exits, so it waited for ever."""
    more = ["data.workers=1", "logging.every=2", "training.max_steps=50", "training.validate_every=50"]
    command = [sys.executable, "-c", FULL_DISK, *arguments(pool, *more)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120)
    assert "no space left" in done.stderr

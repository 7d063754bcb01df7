"""Whole runs, of a few steps on boxes: stopping, resuming, what is left on disk."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cranial_sparse.config import Config, load_config
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import Cascade, CascadeInputs
from cranial_sparse.training.callbacks import BEST, LAST, Checkpoints
from cranial_sparse.training.export import read_checkpoint
from cranial_sparse.training.run import checkpoint_to_resume, run_folder, train
from experiments.train import CONFIGS
from tests.training.boxes import TINY, BoxData, Boxes

STEPS, ACCUMULATE = 6, 2
SHORT = [
    *TINY,
    f"training.max_steps={STEPS}",
    f"training.accumulate={ACCUMULATE}",
    "training.warmup_steps=2",
    "training.validate_every=3",
    "training.validate_cases=1",
    "training.checkpoint_every=2",
    "training.finest_box=8",
    "training.lr=1e-2",
    "logging.every=1",
]


class InterruptedBoxes(Boxes):
    """Calls ``interrupt`` when item ``at`` is asked for."""

    def __init__(self, seed: int, length: int, at: int, interrupt: Callable[[], None]) -> None:
        super().__init__(seed, length)
        self.at, self.interrupt = at, interrupt

    def __getitem__(self, item: int) -> CascadeInputs:
        if item == self.at:
            self.interrupt()
        return super().__getitem__(item)


def configure(folder: Path, *arguments: str) -> Config:
    return load_config(["experiment=cascade", *SHORT, f"runs_dir={folder}", *arguments], CONFIGS)


def run(config: Config, at: int = -1, interrupt: Callable[[], None] = lambda: None) -> Checkpoints:
    L.seed_everything(config.seed, verbose=False)
    data = BoxData(config.data, config.seed, config.training.max_steps * config.training.accumulate)
    data.train = InterruptedBoxes(config.seed, len(data.train), at, interrupt)
    return train(config, Cascade(config.network), data)


def last(folder: Path, name: str = "cascade") -> dict[str, Any]:
    return read_checkpoint(folder / name / LAST)


def assert_same_weights(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a["global_step"] == b["global_step"]
    for left, right in (
        (a["state_dict"], b["state_dict"]),
        (ema(a), ema(b)),
        (moments(a), moments(b)),
    ):
        assert left.keys() == right.keys()
        for name in left:
            assert torch.equal(left[name], right[name]), name


def ema(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    return checkpoint["callbacks"]["ExponentialMovingAverage"]["average"]


def moments(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    state = checkpoint["optimizer_states"][0]["state"]
    return {f"{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(configure(folder)).signalled is None
    return folder


def test_what_a_run_leaves(whole: Path) -> None:
    folder = whole / "cascade"
    checkpoint = last(whole)
    assert checkpoint["global_step"] == STEPS
    assert checkpoint["config"]["training"]["max_steps"] == STEPS
    assert not torch.equal(ema(checkpoint)["network.levels.0.head.bias"], torch.zeros(9))
    assert read_checkpoint(folder / BEST)["val_dsc"] > 0
    assert load_yaml(folder / "config.yaml")["name"] == "cascade"
    assert sorted(p.name for p in (folder / "pictures").iterdir()) == ["step_000003.png", "step_000006.png"]
    header = (folder / "csv" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/loss", "train/lr", "val/dsc", "val/bdsc", "val/hd95", "val/dsc_1.8mm"} <= set(header)


def test_levels_join_when_their_time_comes(tmp_path: Path) -> None:
    run(configure(tmp_path, "training.level_starts=[0,3,6]"))
    weights = last(tmp_path)["state_dict"]
    learned = [bool(weights[f"network.levels.{k}.head.weight"].any()) for k in range(3)]
    assert learned == [True, True, False]


def load_yaml(path: Path) -> dict[str, Any]:
    import yaml

    return yaml.safe_load(path.read_text())


def test_training_moves_the_weights(whole: Path) -> None:
    L.seed_everything(configure(whole).seed, verbose=False)
    start = Cascade(configure(whole).network).state_dict()
    end = last(whole)["state_dict"]
    assert any(not torch.equal(value, end[f"network.{name}"]) for name, value in start.items())


@pytest.mark.parametrize("at", [ACCUMULATE * 2, ACCUMULATE * 3 + 1], ids=["between steps", "in the middle of a step"])
def test_interrupted_and_resumed_is_the_same_to_the_bit(whole: Path, tmp_path: Path, at: int) -> None:
    outcome = run(configure(tmp_path), at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert outcome.signalled is signal.SIGTERM
    assert last(tmp_path)["global_step"] == at // ACCUMULATE + 1  # the step at hand was finished
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    run(configure(tmp_path, "resume=auto"))
    assert_same_weights(last(tmp_path), last(whole))


def test_killed_and_resumed_from_the_checkpoint_before(whole: Path, tmp_path: Path) -> None:
    def die() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        run(configure(tmp_path), ACCUMULATE * 5 + 1, die)
    assert last(tmp_path)["global_step"] == 4
    path = tmp_path / "cascade" / LAST
    run(configure(tmp_path, f"resume={path}", "name=rest"))
    assert_same_weights(last(tmp_path, "rest"), last(whole))


def test_a_budget_stops_the_run_and_counts_over_resumed_parts(tmp_path: Path) -> None:
    outcome = run(configure(tmp_path, "training.max_minutes=1e-5", "training.validate_every=100"))
    assert outcome.signalled is None
    assert last(tmp_path)["global_step"] == 1
    assert (tmp_path / "cascade" / BEST).exists()  # a last validation was made
    run(configure(tmp_path, "training.max_minutes=1e-5", "resume=auto"))
    assert last(tmp_path)["global_step"] == 1
    run(configure(tmp_path, "training.max_minutes=10", "training.max_steps=3", "resume=auto"))
    assert last(tmp_path)["global_step"] == 3


def test_a_finished_run_can_be_made_longer(whole: Path, tmp_path: Path) -> None:
    run(configure(tmp_path, f"resume={whole / 'cascade' / LAST}", "training.max_steps=8"))
    checkpoint = last(tmp_path)
    assert checkpoint["global_step"] == 8
    assert checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"][0]["position"] == 8 * ACCUMULATE


def test_workers_change_nothing(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        BoxData, "train_dataloader", lambda self: DataLoader(self.train, batch_size=None, num_workers=1)
    )
    run(configure(tmp_path, "training.validate_every=100"))
    assert torch.equal(*(last(f)["state_dict"]["network.levels.0.head.weight"] for f in (tmp_path, whole)))


def test_a_run_is_not_overwritten_by_accident(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a run already; say resume=auto"):
        run(configure(whole))
    assert checkpoint_to_resume(configure(tmp_path, "resume=auto"), tmp_path) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("seed=1", "seed"),
        ("network.keep=-1", "network"),
        ("training.accumulate=3", "training.accumulate"),
    ],
)
def test_resuming_another_run_is_refused(whole: Path, change: str, named: str) -> None:
    config = configure(whole, "resume=auto", change)
    with pytest.raises(InputError, match=f"^{named}: .*was made with"):
        checkpoint_to_resume(config, run_folder(config))


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.ckpt: expected a checkpoint"):
        run(configure(tmp_path, f"resume={tmp_path}/nowhere.ckpt"))


def test_runs_of_a_sweep_have_their_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "abc")
    assert run_folder(configure(tmp_path)) == tmp_path / "cascade"
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")
    assert run_folder(configure(tmp_path)) == tmp_path / "cascade-abc"

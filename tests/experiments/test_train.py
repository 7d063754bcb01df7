"""The command itself, and every configuration for a step."""

import re
from pathlib import Path

import pytest
import torch

import experiments.train
from cranial_sparse.sparse_conv import dense
from experiments.train import CONFIGS, main
from tests.training.boxes import TINY, BoxData

EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(experiments.train, "SkullDataModule", BoxData)
    monkeypatch.chdir(tmp_path)  # configurations are found from anywhere, and fast_dev_run leaves nothing behind


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_for_a_step(experiment: str, tmp_path: Path) -> None:
    assert main([f"experiment={experiment}", *TINY, "fast_dev_run=true"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_uses_the_backend_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    called, convolve = [], dense.submanifold_conv
    monkeypatch.setattr(dense, "submanifold_conv", lambda *operands: called.append(1) or convolve(*operands))
    assert main(["experiment=cascade", *TINY, "fast_dev_run=true", "backend=dense"]) == 0
    assert called


def test_one_line_for_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment=cascade", "training.speed=9"]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"error: training\.speed: unknown key; .*\n", error)


def test_help_lists_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "experiment=cascade" in text
    for told in (
        "checkpoint_every",
        "CRANIAL_SPARSE_DATA",
        "experiments.build_radial",
        "data.prepared",
        "twenty minutes",
    ):
        assert told in text
    for key in (
        "network.widths=",
        "network.keep=",
        "data.pool_size=",
        "data.workers=",
        "loss.known=0.1",
        "loss.levels=",
    ):
        assert key in text


def test_a_signal_ends_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    class Interrupted(torch.nn.Module):
        """A network that is interrupted while it works."""

        def __init__(self, config: object) -> None:
            super().__init__()
            from cranial_sparse.networks.cascade import Cascade, CascadeConfig

            self.inner = Cascade(CascadeConfig(widths=((4,), (4,), (4,))))

        def forward(self, *arguments: object) -> object:
            os.kill(os.getpid(), signal.SIGINT)
            return self.inner(*arguments)

    monkeypatch.setattr(experiments.train, "Cascade", Interrupted)
    assert main(["experiment=cascade", *TINY, "training.accumulate=1", "training.max_steps=3"]) == 130
    assert (tmp_path / "runs" / "cascade" / "last.ckpt").exists()

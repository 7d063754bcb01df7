"""Loggers: W&B where it is wanted and there, CSV always, and never a question asked."""

import importlib.util
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from cranial_sparse.config import Config, load_config
from cranial_sparse.training.logs import close_loggers, make_loggers, run_id, tags
from experiments.train import CONFIGS


def configure(*arguments: str) -> Config:
    return load_config(["experiment=cascade", *arguments], CONFIGS)


def test_switched_off(tmp_path: Path) -> None:
    (logger,) = make_loggers(configure("logging.wandb=disabled"), tmp_path)
    assert isinstance(logger, CSVLogger)


def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "wandb" else find(name, *a))
    assert len(make_loggers(configure(), tmp_path)) == 1
    said = capsys.readouterr().out
    assert "wandb is not installed" in said
    assert said.count("\n") == 1


def test_online_without_a_login_goes_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking W&B for a login left it unable to begin even an offline run."""
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    loggers = make_loggers(configure("logging.wandb=online"), tmp_path / "run")
    logger = loggers[1]
    assert isinstance(logger, WandbLogger)
    assert "no W&B login" in capsys.readouterr().out
    logger.log_metrics({"train/loss": 1.0}, step=0)
    close_loggers(loggers, failed=False)
    assert list((tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb"))


def test_an_offline_run_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    loggers = make_loggers(configure("seed=11"), tmp_path)
    logger = loggers[1]
    assert isinstance(logger, WandbLogger)
    assert logger.experiment.config["seed"] == 11
    assert logger.experiment.id == run_id(tmp_path)
    logger.log_metrics({"train/loss": 1.0}, step=0)
    close_loggers(loggers, failed=False)
    (record,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert record.stat().st_size > 0


def test_a_run_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_id(tmp_path) == run_id(tmp_path)
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    assert run_id(tmp_path) != "agents"
    assert run_id(tmp_path / "new") == "agents"


def test_runs_are_named_grouped_and_tagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    loggers = make_loggers(configure("data.fold=2", "logging.group=widths", "logging.tags=[night]"), tmp_path / "wide")
    run = loggers[1].experiment
    close_loggers(loggers, failed=False)
    assert (run.name, run.group, run.job_type) == ("wide", "widths", "train")
    assert set(run.tags) == {"cascade", "radial", "fold 2", "night"}
    assert run.config["training"]["lr"] == configure().training.lr  # plain values, not text


def test_a_run_belongs_to_its_experiment_where_nothing_is_said() -> None:
    assert configure().logging.group == "cascade"
    assert tags(configure("logging.tags=[cascade,x]")) == ["cascade", "radial", "x"]

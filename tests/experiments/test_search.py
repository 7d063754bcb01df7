"""A sweep's YAML read here as W&B reads it, and every sweep of ours run for a step."""

from pathlib import Path

import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

import experiments.train
from cranial_sparse.config import load_config
from cranial_sparse.errors import InputError
from experiments.search import command_line, distribution, next_trial, open_study, points, read_sweep
from experiments.train import CONFIGS
from tests.training.boxes import TINY, BoxData

SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))
by_name = pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)


def as_the_agent_does(path: Path, params: dict) -> list[str]:
    """What wandb agent makes of a sweep's command (wandb_agent.py), by wandb's own functions."""
    command = create_sweep_command(list(yaml.safe_load(path.read_text())["command"]))
    macros = create_sweep_command_args({"args": {name: {"value": value} for name, value in params.items()}})
    macros |= {"interpreter": ["python"], "env": ["/usr/bin/env"]}
    expanded: list[str] = []
    for part in map(str, command):
        expanded += macros.get(part[2:-1]) or [] if part.startswith("${") and part.endswith("}") else [part]
    return expanded


def drawn(path: Path, tmp_path: Path, count: int) -> list[dict]:
    sweep = read_sweep(path)
    study = open_study(sweep, tmp_path / "study.journal", seed=0)
    trials = [next_trial(study, sweep) for _ in range(count)]
    return [trial.params for trial in trials if trial is not None]


def test_there_is_one_of_every_method() -> None:
    assert {read_sweep(path).method for path in SWEEPS} == {"grid", "random", "bayes"}
    assert any(read_sweep(path).stopping for path in SWEEPS)


@by_name
def test_the_command_is_what_the_agent_runs(path: Path, tmp_path: Path) -> None:
    for params in drawn(path, tmp_path, 3):
        assert command_line(read_sweep(path), params, "python") == as_the_agent_does(path, params)


@by_name
def test_two_points_run_for_a_step(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the agent calls them; boxes in the place of skulls."""
    monkeypatch.setattr(experiments.train, "SkullDataModule", BoxData)
    monkeypatch.chdir(tmp_path)
    for params in drawn(path, tmp_path, 2):
        env, interpreter, *rest = as_the_agent_does(path, params)
        assert (env, interpreter, rest[:2]) == ("/usr/bin/env", "python", ["-m", "experiments.train"])
        widths = [one for one in rest[2:] if one.startswith("network.widths=")] or TINY[:1]
        assert experiments.train.main([*rest[2:], *TINY[1:], *widths, "fast_dev_run=true"]) == 0


@by_name
def test_every_end_of_every_range_is_taken(path: Path) -> None:
    sweep = read_sweep(path)
    fixed = [part for part in sweep.command if "=" in part]
    for name, kind in sweep.space.items():
        ends = kind.choices if isinstance(kind, CategoricalDistribution) else (kind.low, kind.high)  # type: ignore
        for value in ends:
            load_config([*fixed, f"{name}={value}"], CONFIGS)
    assert (sweep.metric, sweep.goal) == ("val/dsc", "maximize")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"value": 3}, CategoricalDistribution([3])),
        (7, CategoricalDistribution([7])),
        ({"values": [1, "a", True]}, CategoricalDistribution([1, "a", True])),
        ({"min": 1, "max": 4}, IntDistribution(1, 4)),
        ({"min": 1, "max": 4.5}, FloatDistribution(1, 4.5)),
        ({"distribution": "uniform", "min": 0, "max": 2}, FloatDistribution(0, 2)),
        ({"distribution": "q_uniform", "min": 0, "max": 2, "q": 0.5}, FloatDistribution(0, 2, step=0.5)),
        ({"distribution": "log_uniform_values", "min": 0.001, "max": 1}, FloatDistribution(0.001, 1, log=True)),
    ],
)
def test_distributions_mean_what_they_mean_to_wandb(said: object, meant: object) -> None:
    assert distribution(said, "here") == meant


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"min": "1e-3", "max": 1}, "0.001, not 1e-3"),
        ({"min": 2, "max": 1}, "min below max"),
        ({"min": 0, "max": 1, "distribution": "log_uniform_values"}, "over 0"),
        ({"distribution": "beta", "min": 0, "max": 1}, "'beta'"),
        ({"values": []}, "list of values"),
        ({"values": [1, 2], "probabilities": [0.1, 0.9]}, "all alike"),
        ({"parameters": {"lr": {"value": 1}}}, "min and max"),
    ],
)
def test_what_cannot_be_drawn_is_named(said: object, told: str) -> None:
    with pytest.raises(InputError, match=f"here: .*{told}"):
        distribution(said, "here")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method": "annealing"}, "method: .*annealing"),
        ({"metric": {"goal": "maximize"}}, "metric: "),
        ({"command": ["python"]}, "command: "),
        ({"early_terminate": {"type": "luck"}}, "early_terminate: "),
        ({"method": "grid", "parameters": {"a": {"min": 0, "max": 1}}}, "a: a grid needs values"),
        ({"parameters": None}, "parameters"),
        ({"parameters": ["training.lr"]}, "parameters: "),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_line(change: dict, told: str, tmp_path: Path) -> None:
    plain = yaml.safe_load(SWEEPS[0].read_text()) | change
    if change.get("parameters", 0) is None:
        del plain["parameters"]
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(InputError, match=told):
        read_sweep(tmp_path / "s.yaml")


def sweep_file(folder: Path, **changes: object) -> Path:
    plain = {
        "method": "grid", "metric": {"name": "val/dsc", "goal": "maximize"}, "command": ["${args_no_hyphens}"],
        "parameters": {"a": {"values": [1, 2]}, "b": {"values": ["x", "y", "z"]}},
    }  # fmt: skip
    path = folder / "made.yaml"
    path.write_text(yaml.safe_dump(plain | changes))
    return path


def test_a_grid_is_walked_once_over_resumed_parts(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    first = drawn(path, tmp_path, 4)
    rest = drawn(path, tmp_path, 9)
    assert first + rest == points(read_sweep(path))
    assert len(first + rest) == 6


def test_a_resumed_random_search_draws_other_points(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, method="random", parameters={"a": {"min": 0.0, "max": 1.0}})
    values = [one["a"] for _ in range(3) for one in drawn(path, tmp_path, 2)]
    assert len(set(values)) == 6
    (tmp_path / "again").mkdir()
    assert [one["a"] for one in drawn(path, tmp_path / "again", 2)] == values[:2]


def test_bayes_comes_closer_than_its_first_points(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, method="bayes", parameters={"a": {"min": -5.0, "max": 5.0}})
    sweep = read_sweep(path)
    study = open_study(sweep, tmp_path / "study.journal", seed=1)
    for _ in range(40):
        trial = next_trial(study, sweep)
        assert trial is not None
        study.tell(trial, -((trial.params["a"] - 2) ** 2))
    off = [abs(trial.params["a"] - 2) for trial in study.trials if trial.state is TrialState.COMPLETE]
    assert sum(off[-10:]) < 0.5 * sum(off[:10])


def test_a_journal_of_another_sweep_is_refused(tmp_path: Path) -> None:
    drawn(sweep_file(tmp_path), tmp_path, 1)
    with pytest.raises(InputError, match="another sweep"):
        drawn(sweep_file(tmp_path, parameters={"c": {"values": [1]}}), tmp_path, 1)

"""Configuration: every layer, every kind of mistake, one line that names the key."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cranial_sparse.config import Config, load_config
from cranial_sparse.errors import InputError
from cranial_sparse.schema import from_plain, split_argument, to_plain
from experiments.train import CONFIGS


def load(*arguments: str) -> Config:
    return load_config(["experiment=cascade", *arguments], CONFIGS)


def test_base_values_then_experiment_then_arguments(tmp_path: Path) -> None:
    base = yaml.safe_load((CONFIGS / "base.yaml").read_text())
    (tmp_path / "experiment").mkdir()
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / "experiment" / "small.yaml").write_text("training: {accumulate: 3, clip: 0.5}\nseed: 5\n")
    config = load_config(["experiment=small", "training.clip=2e-1"], tmp_path)
    assert config.training.max_steps == base["training"]["max_steps"]
    assert (config.training.accumulate, config.training.clip, config.seed) == (3, 0.2, 5)
    assert config.name == config.experiment == "small"


def test_the_last_of_two_arguments_counts() -> None:
    assert load("seed=1", "seed=2").seed == 2


def test_sweep_agents_style() -> None:
    config = load("training.lr=1e-3", "loss.levels=[0.5,1,2]", "network.widths=[[8,16],[8],[4]]", "resume=auto")
    assert config.training.lr == 1e-3
    assert config.loss.levels == (0.5, 1.0, 2.0)
    assert config.network.widths == ((8, 16), (8,), (4,))
    assert config.resume == "auto"


def test_optional_values_take_null() -> None:
    assert load("training.max_minutes=1.5").training.max_minutes == 1.5
    assert load("training.max_minutes=null").training.max_minutes is None


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("training.lrr=1", ["training.lrr", "unknown key", "warmup_steps"]),
        ("optimiser=sgd", ["optimiser", "unknown key"]),
        ("training.lr=fast", ["training.lr", "expected float", "fast"]),
        ("training.max_steps=1.5", ["training.max_steps", "1.5"]),
        ("training=3", ["training", "3"]),
        ("loss.levels=[a]", ["loss.levels", "tuple[float"]),
        ("network.widths=7", ["network.widths"]),
        ("network.widths=[[a]]", ["network.widths", "expected int", "a"]),
        ("network.widths=[3]", ["network.widths", "tuple[tuple[int"]),
        ("seed=[", ["seed", "YAML"]),
        ("seed", ["seed", "key=value"]),
        ("--seed=3", ["--seed=3", "key=value"]),
        ("data.fold=5", ["data.fold", "0 to 4", "got 5"]),
        ("data.proposal=guess", ["data.proposal", "radial, mirror, tps, consensus, ssm", "got 'guess'"]),
        ("data.pool_size=0", ["data.pool_size", "at least 1"]),
        ("data.validation_cases=-1", ["data.validation_cases", "at least 0"]),
        ("training..lr=3", ["training..lr", "key=value"]),
        ("training.max_steps=0", ["training.max_steps", "more than 0"]),
        ("training.ema_decay=2", ["training.ema_decay", "0 to 1"]),
        ("training.max_minutes=-1", ["training.max_minutes"]),
        ("logging.wandb=maybe", ["logging.wandb", "offline"]),
        ("training.precision=half", ["training.precision", "bf16-mixed", "half"]),
        ("training.level_starts=[0,5]", ["training.level_starts", "3 steps that rise", "[0, 5]"]),
        ("training.level_starts=[0,9,5]", ["training.level_starts", "that rise"]),
        ("name=a/b", ["name", "a/b"]),
        ("backend=cudnn", ["backend: expected one of native", "minkowski", "got 'cudnn'"]),
        ("seed=-5", ["seed", "0 to 4294967295", "-5"]),
        ("seed=4294967296", ["seed", "0 to 4294967295"]),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(argument: str, says: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load(argument)
    message = str(caught.value)
    assert "\n" not in message
    for part in says:
        assert part in message


def test_a_value_that_no_file_gives_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    base = (CONFIGS / "base.yaml").read_text()
    (tmp_path / "base.yaml").write_text(base.replace("seed:", "# seed:"))
    (tmp_path / "experiment" / "a.yaml").write_text("name: a\n")
    with pytest.raises(InputError, match="seed: no value; give it as seed=…"):
        load_config(["experiment=a"], tmp_path)


def test_an_unknown_experiment_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"experiment: expected one of .*cascade.*, got 'cascad'"):
        load_config(["experiment=cascad"], CONFIGS)
    with pytest.raises(InputError, match="say experiment="):
        load_config([], CONFIGS)


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "base.yaml").write_text((CONFIGS / "base.yaml").read_text())
    (tmp_path / "experiment" / "bad.yaml").write_text("training: {stepps: 3}\n")
    with pytest.raises(InputError, match=r"training\.stepps \(in experiment/bad\.yaml\): unknown key"):
        load_config(["experiment=bad"], tmp_path)


def test_split_argument_keeps_further_equals_signs() -> None:
    assert split_argument("resume=runs/a=b/last.ckpt") == ("resume", "runs/a=b/last.ckpt")


def test_plain_and_back() -> None:
    config = load("loss.levels=[1,2,3]")
    plain = to_plain(config)
    assert plain["loss"]["levels"] == [1.0, 2.0, 3.0]
    assert from_plain(Config, plain) == config


def test_from_plain_builds_nested_tuples() -> None:
    @dataclass(frozen=True)
    class Shape:
        sides: tuple[tuple[int, ...], ...] = ()

    assert from_plain(Shape, {"sides": [[1, 2], [3]]}) == Shape(((1, 2), (3,)))

"""Export: averaged weights, all there, with what is needed to rebuild the network."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from cranial_sparse.completion.refine import load_network
from cranial_sparse.config import load_config
from cranial_sparse.networks.cascade import Cascade, CascadeConfig
from cranial_sparse.schema import from_plain, to_plain
from experiments.export import main
from experiments.train import CONFIGS
from tests.training.boxes import TINY


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    config = load_config(["experiment=cascade", *TINY], CONFIGS)
    torch.manual_seed(0)
    weights = {f"network.{name}": value for name, value in Cascade(config.network).state_dict().items()}
    path = tmp_path / "last.ckpt"
    contents = {
        "config": to_plain(config),
        "global_step": 7,
        "state_dict": {name: value + 1 for name, value in weights.items()},
        "callbacks": {"ExponentialMovingAverage": {"average": weights, "updates": 7}},
    }
    torch.save(contents, path)
    return path


def test_the_average_is_exported_and_rebuilds_the_network(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "cascade.safetensors"
    assert main([str(checkpoint), str(out)]) == 0
    assert [p.name for p in out.parent.iterdir()] == ["cascade.safetensors"]
    with safe_open(out, "pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    assert (metadata["step"], metadata["seed"]) == ("7", "20260716")
    network = Cascade(from_plain(CascadeConfig, json.loads(metadata["config"])["network"]))
    network.load_state_dict(weights)
    average = torch.load(checkpoint, weights_only=True)["callbacks"]["ExponentialMovingAverage"]["average"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, average[f"network.{name}"])
    assert load_network(out).config == network.config  # and the completer can read it


def test_weights_are_replaced_only_when_asked(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cascade.safetensors"
    out.write_text("others")
    assert main([str(checkpoint), str(out)]) == 2
    assert "is there already; give --overwrite" in capsys.readouterr().err
    assert out.read_text() == "others"
    assert main([str(checkpoint), str(out), "--overwrite"]) == 0
    assert load_network(out)


def test_one_line_for_what_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    (tmp_path / "empty.ckpt").write_bytes(b"")
    torch.save({"config": Path("x")}, tmp_path / "pickled.ckpt")
    for name in ("other", "text", "empty", "pickled", "absent"):
        assert main([str(tmp_path / f"{name}.ckpt"), str(tmp_path / "out.safetensors")]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert f"{name}.ckpt" in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.safetensors").exists()

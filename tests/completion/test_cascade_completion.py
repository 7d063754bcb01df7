"""The refiner from a proposal to an implant, with the shipped weights and with none."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.completion.refine import choose_device, load_network, refine_field, shipped_network
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import dsc
from cranial_sparse.networks.cascade import Cascade, CascadeConfig

TINY = CascadeConfig(widths=((4,), (4,), (4,)))


def test_the_shipped_cascade_fills_a_hole_in_the_mean_head(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="cascade")
    assert dsc(completion.implant.array, truth) > 0.93
    assert completion.weights == ("radial.safetensors", "radial_aligned.safetensors", "cascade.safetensors")
    assert set(completion.seconds) == {"propose", "refine", "to patient", "count outside"}


def test_a_whole_head_is_not_refined(head: Volume) -> None:
    completion = complete(head, system="cascade")
    assert not completion.implant.array.any()
    assert "refine" not in completion.seconds


@pytest.fixture(scope="module")
def proposal(defect: tuple[Volume, np.ndarray]) -> Field:
    field = radial_completer(defect[0])
    assert field is not None
    return field


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_an_untrained_cascade_returns_the_proposal(
    levels: int, proposal: Field, defect: tuple[Volume, np.ndarray]
) -> None:
    defective, _ = defect
    torch.manual_seed(0)
    refined = refine_field(defective, proposal, Cascade(TINY).eval(), levels)
    assert refined.geometry.spacing == (0.9 * 2.0 ** (2 - levels),) * 3
    assert refined.logits.shape == refined.geometry.shape
    before, after = (missing_bone(*patient_logits(f, defective.geometry), defective).array for f in (proposal, refined))
    assert dsc(before, after) > (0.93, 0.97, 0.97)[levels - 1]  # lattices of 1.8 mm blur a head of 1.5 mm voxels


def test_weights_carry_their_network(tmp_path: Path) -> None:
    """Regression: weights were once exported with a key that loading did not look for."""
    network = Cascade(TINY)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(save(network.state_dict(), {"config": json.dumps({"network": asdict(TINY)})}))
    again = load_network(path)
    assert again.config == TINY
    assert not again.training
    path.write_bytes(save(network.state_dict(), {"network": "{}"}))
    with pytest.raises(InputError, match=r"expected weights made by experiments\.export"):
        load_network(path)


@pytest.mark.parametrize("damage", ["cut", "garbage", "nothing", "a tensor less", "another key"])
def test_damaged_weights_are_named(damage: str, tmp_path: Path) -> None:
    """Regression: most damages raised what no command expects, without the file's name."""
    weights = Cascade(TINY).state_dict()
    config = asdict(TINY) | ({"colour": 1} if damage == "another key" else {})
    if damage == "a tensor less":
        weights.popitem()
    whole = save(weights, {"config": json.dumps({"network": config})})
    path = tmp_path / "weights.safetensors"
    path.write_bytes({"cut": whole[:-9], "garbage": b"x" * 99, "nothing": b""}.get(damage, whole))
    with pytest.raises(InputError, match=r"weights\.safetensors: expected weights made by experiments\.export, but .*"):
        load_network(path)


def test_the_shipped_weights_are_finite_and_of_the_size_promised() -> None:
    network = shipped_network()
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    assert sum(value.numel() * 4 for value in network.parameters()) < 20e6


def test_a_gpu_that_is_not_there_is_told_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", "native") == choose_device("cpu", "native") == "cpu"
    with pytest.raises(InputError, match="--device cuda: expected a GPU"):
        choose_device("cuda", "native")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", "native") == choose_device("cuda", "native") == "cuda"
    assert choose_device("auto", "minkowski") == "cpu"

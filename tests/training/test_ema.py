"""The average by hand, and lent only while validating."""

import pytest
import torch
from torch import nn

from cranial_sparse.training.ema import ExponentialMovingAverage, copy, effective_decay, update


class Module(nn.Module):
    """As much of a LightningModule as the callback looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.register_buffer("seen", torch.tensor(0))
        self.device = torch.device("cpu")


def test_decay_grows_to_its_limit() -> None:
    assert [effective_decay(0.5, updates) for updates in (0, 8, 1000)] == [0.1, 0.5, 0.5]


def test_two_updates_by_hand() -> None:
    average = {"w": torch.tensor([0.0]), "n": torch.tensor(1)}
    update(average, {"w": torch.tensor([10.0]), "n": torch.tensor(5)}, 0.9)
    update(average, {"w": torch.tensor([10.0]), "n": torch.tensor(6)}, 0.9)
    assert average["w"].item() == pytest.approx(10 * (1 - 0.9**2))
    assert average["n"].item() == 6


def test_the_module_is_lent_the_average_and_gets_its_own_weights_back() -> None:
    module = Module()
    ema = ExponentialMovingAverage(0.99)
    ema.on_fit_start(None, module)  # type: ignore[arg-type]
    start = copy(module)
    with torch.no_grad():
        module.layer.weight += 1
    trained = copy(module)
    ema.on_step(None, module)  # type: ignore[arg-type]
    ema.on_validation_start(None, module)  # type: ignore[arg-type]
    expected = start["layer.weight"] + 0.9  # the first decay is 0.1
    torch.testing.assert_close(module.layer.weight.detach(), expected)
    ema.on_validation_end(None, module)  # type: ignore[arg-type]
    assert torch.equal(module.layer.weight, trained["layer.weight"])


def test_state_survives_and_is_not_shared() -> None:
    module = Module()
    ema = ExponentialMovingAverage(0.99)
    ema.on_fit_start(None, module)  # type: ignore[arg-type]
    ema.on_step(None, module)  # type: ignore[arg-type]
    other = ExponentialMovingAverage(0.99)
    other.load_state_dict(ema.state_dict())
    kept = other.average["layer.weight"].clone()
    with torch.no_grad():
        module.layer.weight += 5
    ema.on_step(None, module)  # type: ignore[arg-type]
    assert other.updates == 1
    assert torch.equal(other.average["layer.weight"], kept)

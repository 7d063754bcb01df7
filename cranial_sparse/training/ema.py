"""Exponential moving average of the weights: what is validated and exported."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cranial_sparse.training.callbacks import StepCallback


def effective_decay(decay: float, updates: int) -> float:
    """The decay at an update: less at first, when the weights still run away from the average."""
    return min(decay, (1 + updates) / (10 + updates))


@torch.no_grad()
def update(average: dict[str, Tensor], weights: Mapping[str, Tensor], decay: float) -> None:
    """``average`` moves towards ``weights`` by 1 − ``decay``, in place; what is no float is copied."""
    moving = [name for name, value in weights.items() if value.is_floating_point()]
    # One call for all: on a GPU, starting a kernel for each would cost more than the kernels do.
    if moving:
        get_ema_multi_avg_fn(decay)([average[name] for name in moving], [weights[name] for name in moving], None)
    for name, value in weights.items():
        if not value.is_floating_point():
            average[name].copy_(value)


class ExponentialMovingAverage(StepCallback):
    """Averages the module's state after every step and lends the average to the module during validation."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.updates = 0
        self._kept: dict[str, Tensor] = {}  # the trained weights, while the module holds the average

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.average:
            self.average = copy(pl_module)
        self.average = {name: value.to(pl_module.device) for name, value in self.average.items()}

    def on_step(self, trainer: Trainer, pl_module: LightningModule) -> None:
        update(self.average, pl_module.state_dict(), effective_decay(self.decay, self.updates))
        self.updates += 1

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._kept = copy(pl_module)
        pl_module.load_state_dict(self.average)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.load_state_dict(self._kept)
        self._kept = {}

    def state_dict(self) -> dict[str, Any]:
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.average = {name: value.clone() for name, value in state_dict["average"].items()}
        self.updates = state_dict["updates"]


def copy(module: nn.Module) -> dict[str, Tensor]:
    """The module's state, on its own memory."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}

"""Checkpoints and stopping."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

LAST, BEST = "last.ckpt", "best.ckpt"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StepCallback(Callback):
    """Calls ``on_step`` once a step is complete: an update of the weights, several batches long.

    Half accumulated gradients are in no checkpoint, so that a run may be saved and stopped here only.
    """

    def __init__(self) -> None:
        self._seen = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seen = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step > self._seen:
            self._seen = trainer.global_step
            self.on_step(trainer, pl_module)

    def on_step(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After step number trainer.global_step."""
        raise NotImplementedError


class Checkpoints(StepCallback):
    """Saves last.ckpt every ``every`` steps and where the run stops, best.ckpt where val/dsc is the highest so far.

    A run stops at ``max_steps``, when ``timer`` has run out, and on SIGTERM or Ctrl-C; ``signalled`` then names the
    signal. The step at hand is finished first; a second signal acts as it would without us.
    """

    def __init__(self, folder: Path, every: int, max_steps: int, timer: Timer | None = None) -> None:
        super().__init__()
        self.folder, self.every, self.max_steps, self.timer = folder, every, max_steps, timer
        self.signalled: signal.Signals | None = None
        self.best = -1.0
        self._handlers: dict[signal.Signals, Any] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        best = self.folder / BEST
        if best.exists():
            self.best = torch.load(best, map_location="cpu", weights_only=True)["val_dsc"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._handlers = {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signalled = signal.Signals(number)
        self._restore_handlers()

    def on_step(self, trainer: Trainer, pl_module: LightningModule) -> None:
        late = self.timer is not None and (self.timer.time_remaining() or 0) <= 0
        stop = late or self.signalled is not None or trainer.global_step >= self.max_steps
        if stop or trainer.global_step % self.every == 0:
            trainer.save_checkpoint(self.folder / LAST)
        if stop:
            if self.signalled is not None:
                trainer.limit_val_batches = 0  # whoever sends signals does not wait for a last validation
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = trainer.callback_metrics.get("val/dsc")
        if score is not None and float(score) > self.best:
            self.best = float(score)
            trainer.save_checkpoint(self.folder / BEST)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["val_dsc"] = self.best

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        # The last batch of a finished run is not the last of a longer one, which Lightning would not notice.
        checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"] = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore_handlers()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

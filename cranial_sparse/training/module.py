"""The cascade under training: one case per batch, ``accumulate`` batches per step."""

from collections import deque
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cranial_sparse.config import Config
from cranial_sparse.networks.cascade import CascadeInputs
from cranial_sparse.schema import to_plain
from cranial_sparse.training.crop import random_box
from cranial_sparse.training.losses import cascade_loss, pooling_factor, share
from cranial_sparse.training.picture import case_picture
from cranial_sparse.training.schedule import item_seed, learning_rate_factor
from cranial_sparse.training.scores import case_scores, dense_implant, true_missing


@dataclass(frozen=True, eq=False)
class Validated:
    """A validation case: its ``scores``, palette indices [H, W] of its ``picture``, and the predicted ``implant``
    [X, Y, Z] on the finest lattice."""

    scores: dict[str, float]
    picture: NDArray[np.uint8]
    implant: NDArray[np.bool_]


class CascadeModule(L.LightningModule):
    """``network`` is a Cascade, or is called like one. ``validated`` holds the last validation, case by case."""

    def __init__(self, network: nn.Module, config: Config) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.validated: list[Validated] = []
        # Single cases differ too much for a curve: figures are means over the cases between two log lines.
        self.recent: deque[dict[str, Tensor]] = deque(maxlen=config.logging.every * config.training.accumulate)

    def training_step(self, inputs: CascadeInputs, batch_idx: int) -> Tensor:
        # Whatever is drawn from here on depends on the item alone, so that a resumed run draws it again.
        seed = item_seed(self.config.seed, self.item(batch_idx))
        torch.manual_seed(seed)
        side = self.config.training.finest_box
        levels = sum(self.global_step >= start for start in self.config.training.level_starts)
        outputs = self.network(inputs, random_box(inputs, side, seed) if side else None, levels)
        terms = cascade_loss(outputs, inputs, self.config.loss)
        if not torch.isfinite(terms["loss"]):
            raise FloatingPointError(
                f"loss is {terms['loss'].item()} at step {self.global_step}, item {self.item(batch_idx)}"
            )
        self.recent.append({name: value.detach() for name, value in terms.items()})
        # Figures that nobody writes down cost a tenth of a step.
        if (self.global_step + 1) % self.config.logging.every == 0:
            self.log_recent()
        return terms["loss"]

    def log_recent(self) -> None:
        """The mean of every term over the cases since the last line of the log that have it, and the learning rate."""
        names = {name: None for case in self.recent for name in case}
        means = {
            f"train/{name}": torch.stack([case[name] for case in self.recent if name in case]).mean() for name in names
        }
        self.log_dict(means, batch_size=1)
        self.log("train/lr", self.lr_schedulers().get_last_lr()[0], batch_size=1)  # type: ignore[union-attr]
        self.log("loss", means["train/loss"], prog_bar=True, logger=False, batch_size=1)

    def item(self, batch_idx: int) -> int:
        """The number of the training item of a batch, over all resumed runs."""
        accumulate = self.config.training.accumulate
        return self.global_step * accumulate + batch_idx % accumulate

    def on_validation_epoch_start(self) -> None:
        self.validated = []

    def validation_step(self, inputs: CascadeInputs, batch_idx: int) -> None:
        outputs = self.network(inputs)
        loss = cascade_loss(outputs, inputs, self.config.loss)["loss"]
        factor = pooling_factor(outputs[-1].spacing)
        skull = (share(inputs.skull, factor) > 0.5).cpu().numpy()
        truth, implant = true_missing(inputs, factor).cpu().numpy(), dense_implant(outputs[-1], inputs)
        scores = {"loss": loss.item(), **case_scores(outputs, inputs)}
        self.validated.append(Validated(scores, case_picture(skull, implant, truth), implant))

    def on_validation_epoch_end(self) -> None:
        if not self.validated:
            return
        scores = [case.scores for case in self.validated]
        means = {name: float(np.mean([case[name] for case in scores])) for name in scores[0]}
        self.log_dict({f"val/{name}": value for name, value in means.items()}, batch_size=1)
        self.log("val/dsc_worst", min(case["dsc"] for case in scores), batch_size=1)
        self.log("dsc", means["dsc"], prog_bar=True, logger=False, batch_size=1)

    def configure_optimizers(self) -> Any:
        training = self.config.training
        # Biases and norms are vectors: decaying them only costs capacity.
        decayed = [p for p in self.network.parameters() if p.requires_grad and p.dim() > 1]
        free = [p for p in self.network.parameters() if p.requires_grad and p.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": training.weight_decay}, {"params": free, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=training.lr)
        factor = partial(
            learning_rate_factor, warmup=training.warmup_steps, total=training.max_steps, end=training.lr_end
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(
        self, batch: CascadeInputs, device: torch.device, dataloader_idx: int
    ) -> CascadeInputs:
        """Lightning moves no frozen dataclasses by itself."""
        values = {field.name: getattr(batch, field.name) for field in fields(batch)}
        tensors = {name: v.to(device, non_blocking=True) for name, v in values.items() if isinstance(v, Tensor)}
        return replace(batch, **tensors)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = to_plain(self.config)

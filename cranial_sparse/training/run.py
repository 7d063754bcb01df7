"""One run, from a configuration, a network and data to checkpoints in its folder."""

import os
from datetime import timedelta
from pathlib import Path

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback, RichProgressBar, Timer
from lightning.pytorch.loggers import Logger
from omegaconf import OmegaConf
from torch import nn

from cranial_sparse.config import Config
from cranial_sparse.errors import InputError
from cranial_sparse.schema import to_plain
from cranial_sparse.training.callbacks import LAST, Checkpoints
from cranial_sparse.training.ema import ExponentialMovingAverage
from cranial_sparse.training.export import read_checkpoint
from cranial_sparse.training.logs import close_loggers, make_loggers
from cranial_sparse.training.module import CascadeModule
from cranial_sparse.training.showcase import Showcase
from cranial_sparse.training.steps import StepLoader


def run_folder(config: Config) -> Path:
    """``runs_dir``/``name``; each run of a W&B sweep has its own."""
    agent_run = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    return Path(config.runs_dir) / (f"{config.name}-{agent_run}" if agent_run else config.name)


def checkpoint_to_resume(config: Config, folder: Path) -> Path | None:
    """The checkpoint that ``config.resume`` means, None for a new run.

    Raises InputError where the folder holds a run that would be overwritten, the file is missing or no checkpoint,
    or it is of a run whose weights this one would not reach.
    """
    last = folder / LAST
    if config.resume is None:
        if last.exists():
            raise InputError(f"{folder} holds a run already; say resume=auto to go on with it, or name=… for a new one")
        return None
    if config.resume == "auto" and not last.exists():
        return None
    path = last if config.resume == "auto" else Path(config.resume)
    stored, current = read_checkpoint(path)["config"], to_plain(config)
    for section, name in (("", "seed"), ("", "network"), ("data", "fold"), ("training", "accumulate")):
        a, b = ((plain[section] if section else plain)[name] for plain in (stored, current))
        if a != b:
            raise InputError(f"{section + '.' if section else ''}{name}: {path} was made with {a}, got {b}")
    return path


def train(config: Config, network: nn.Module, data: L.LightningDataModule) -> Checkpoints:
    """Trains ``network`` on ``data``: its training item i must depend on i and the seed alone.

    Returns the callback that knows why the run stopped. Raises as checkpoint_to_resume does.
    """
    training = config.training
    folder = run_folder(config)
    resume = None if config.fast_dev_run else checkpoint_to_resume(config, folder)
    data.prepare_data()
    data.setup("fit")
    timer = Timer(timedelta(minutes=training.max_minutes), interval="epoch") if training.max_minutes else None
    checkpoints = Checkpoints(folder, training.checkpoint_every, training.max_steps, timer)
    loggers: list[Logger] = []
    callbacks: list[Callback] = [RichProgressBar(), ExponentialMovingAverage(training.ema_decay)]
    if not config.fast_dev_run:
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.create(to_plain(config)), folder / "config.yaml")
        loggers = make_loggers(config, folder)
        callbacks += [*([timer] if timer else []), checkpoints, Showcase(folder)]  # shows what checkpoints has saved
    trainer = L.Trainer(
        accelerator="auto",
        devices=1,
        precision=training.precision,  # type: ignore[arg-type]
        max_epochs=1,  # the data module's length is the whole run
        max_steps=training.max_steps,
        accumulate_grad_batches=training.accumulate,
        gradient_clip_val=training.clip or None,
        val_check_interval=training.validate_every * training.accumulate,  # in batches
        check_val_every_n_epoch=None,
        limit_val_batches=1.0 if training.validate_cases is None else training.validate_cases,
        num_sanity_val_steps=0,
        log_every_n_steps=config.logging.every,
        logger=loggers or False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_model_summary=not config.fast_dev_run,
        default_root_dir=folder,
        fast_dev_run=config.fast_dev_run,
    )
    failed, items = True, StepLoader(data.train_dataloader())
    try:
        trainer.fit(
            CascadeModule(network, config),
            items,
            data.val_dataloader(),
            ckpt_path=resume,
            weights_only=True,
        )
        failed = False
    finally:
        items.close()
        close_loggers(loggers, failed)
    return checkpoints

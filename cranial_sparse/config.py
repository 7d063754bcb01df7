"""What a training run is made of: one schema, read from base.yaml, one experiment file and ``key=value`` arguments."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from omegaconf import MISSING

from cranial_sparse.classical.folds import FOLDS
from cranial_sparse.data.module import PROPOSALS, DataConfig
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import CascadeConfig
from cranial_sparse.schema import defaults, merge, settled, split_argument
from cranial_sparse.sparse_conv.backends import BACKENDS

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms; see cranial_sparse.training.losses."""

    bce: float = 1.0
    dice: float = 1.0
    children: float = 1.0
    known: float = 0.1  # what a voxel that is bone in the defective skull counts in the cross entropies, against 1
    levels: tuple[float, ...] = (1.0, 1.0, 1.0)  # coarse to fine


@dataclass(frozen=True)
class TrainingConfig:
    """Schedule and optimiser. A step is one update of the weights, made of ``accumulate`` cases."""

    max_steps: int = MISSING
    max_minutes: float | None = MISSING  # wall clock over all resumed runs; null: no limit
    accumulate: int = MISSING
    lr: float = MISSING
    lr_end: float = MISSING  # what the cosine ends at, as a fraction of lr
    warmup_steps: int = MISSING
    weight_decay: float = MISSING
    clip: float = MISSING  # gradient norm; 0: off
    ema_decay: float = MISSING
    precision: str = MISSING  # one of PRECISIONS, as Lightning calls them
    checkpoint_every: int = MISSING  # steps
    validate_every: int = MISSING  # steps
    validate_cases: int | None = MISSING  # null: all
    level_starts: tuple[int, ...] = (
        MISSING  # the step at which each level begins to learn, coarse to fine; the first is 0
    )
    finest_box: int | None = MISSING  # the finest level learns in a cube of so many 0.9 mm voxels; null: everywhere


@dataclass(frozen=True)
class LoggingConfig:
    """Where figures go. They are always written to runs/<name>/csv as well."""

    wandb: str = MISSING  # offline, online or disabled
    project: str = MISSING
    group: str = MISSING  # of runs that belong together, such as a sweep's; empty: none
    tags: tuple[str, ...] = ()  # besides the experiment, the proposal and the fold
    every: int = MISSING  # steps


@dataclass(frozen=True)
class Config:
    """Everything that decides a run."""

    experiment: str = MISSING  # configs/experiment/<experiment>.yaml
    name: str = MISSING  # the run's folder in runs_dir
    runs_dir: str = MISSING
    seed: int = MISSING
    backend: str = MISSING  # what the sparse convolutions run on, one of sparse_conv.backends.BACKENDS
    resume: str | None = MISSING  # null: start anew; auto: from the run's last.ckpt if there is one; else a path
    fast_dev_run: bool = MISSING  # one step and one validation case, nothing written
    network: CascadeConfig = field(default_factory=CascadeConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)


def load_config(arguments: Sequence[str], folder: Path) -> Config:
    """``key=value`` arguments over ``folder``/experiment/<experiment>.yaml over ``folder``/base.yaml.

    Raises InputError, naming the key, for an unknown, ill-typed, missing or impossible value.
    """
    given = [split_argument(argument) for argument in arguments]
    experiment = dict(given).get("experiment", "")
    known = sorted(path.stem for path in (folder / "experiment").glob("*.yaml"))
    if experiment not in known:
        raise InputError(
            f"experiment: expected one of {', '.join(known)}, got '{experiment}'; say experiment={known[0]}"
        )
    config = defaults(Config)
    for path in (folder / "base.yaml", folder / "experiment" / f"{experiment}.yaml"):
        config = merge(Config, config, path.read_text(encoding="utf-8"), f"{path.parent.name}/{path.name}")
    for key, value in given:
        config = merge(Config, config, [f"{key}={value}"], key)
    return check(settled(Config, config))


def check(config: Config) -> Config:
    """``config`` itself; raises InputError naming the first key whose value makes no sense."""
    training, logging = config.training, config.logging
    if not 0 <= config.seed < 2**32:
        raise InputError(f"seed: expected 0 to {2**32 - 1}, got {config.seed}")
    if config.backend not in BACKENDS:
        raise InputError(f"backend: expected one of {', '.join(BACKENDS)}, got '{config.backend}'")
    for name in ("max_steps", "accumulate", "lr", "checkpoint_every", "validate_every"):
        if not getattr(training, name) > 0:
            raise InputError(f"training.{name}: expected more than 0, got {getattr(training, name)}")
    for name in ("lr_end", "ema_decay"):
        if not 0 <= getattr(training, name) <= 1:
            raise InputError(f"training.{name}: expected a value from 0 to 1, got {getattr(training, name)}")
    if config.data.proposal not in PROPOSALS:
        raise InputError(f"data.proposal: expected one of {', '.join(PROPOSALS)}, got '{config.data.proposal}'")
    if config.data.fold is not None and config.data.fold not in range(FOLDS):
        raise InputError(f"data.fold: expected 0 to {FOLDS - 1} or null, got {config.data.fold}")
    for name, least in (("pool_size", 1), ("validation_cases", 0), ("workers", 0)):
        if getattr(config.data, name) < least:
            raise InputError(f"data.{name}: expected at least {least}, got {getattr(config.data, name)}")
    for key in ("augment", "validation_augment"):
        for name, share in asdict(getattr(config.data, key)).items():
            if not 0 <= share <= 1:
                raise InputError(f"data.{key}.{name}: expected a share of the samples from 0 to 1, got {share}")
    starts = training.level_starts
    if len(starts) != len(config.network.widths) or list(starts) != sorted(starts) or starts[0] != 0:
        raise InputError(
            f"training.level_starts: expected {len(config.network.widths)} steps that rise from 0, one per level, "
            f"got {list(starts)}"
        )
    if training.precision not in PRECISIONS:
        raise InputError(f"training.precision: expected one of {', '.join(PRECISIONS)}, got '{training.precision}'")
    if training.max_minutes is not None and training.max_minutes <= 0:
        raise InputError(f"training.max_minutes: expected more than 0 or null, got {training.max_minutes}")
    if logging.wandb not in ("offline", "online", "disabled"):
        raise InputError(f"logging.wandb: expected offline, online or disabled, got '{logging.wandb}'")
    if not config.name or os.sep in config.name:
        raise InputError(f"name: expected a folder name, got '{config.name}'")
    return config

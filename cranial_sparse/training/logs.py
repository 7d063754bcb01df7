"""Where the figures of a run go."""

import importlib.util
import os
import secrets
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

from cranial_sparse.config import Config
from cranial_sparse.schema import to_plain


def make_loggers(config: Config, folder: Path) -> list[Logger]:
    """CSV files in ``folder``/csv, and W&B unless it is switched off or not installed. Nobody is asked to log in."""
    loggers: list[Logger] = [CSVLogger(folder, name="csv")]
    if config.logging.wandb == "disabled":
        return loggers
    if importlib.util.find_spec("wandb") is None:
        print("wandb is not installed: figures go to CSV files only (pip install wandb, or say logging.wandb=disabled)")
        return loggers
    import wandb

    offline = config.logging.wandb == "offline" or not logged_in()
    if offline and config.logging.wandb == "online":
        print("no W&B login found: logging offline (run `wandb login`, then `wandb sync` what was written)")
    logger = WandbLogger(
        name=folder.name,
        project=config.logging.project,
        group=config.logging.group or None,
        tags=tags(config),
        job_type="train",
        save_dir=folder,
        offline=offline,
        id=run_id(folder),
        resume="allow",
        config=to_plain(config),
        settings=wandb.Settings(console="off"),  # the progress bar is for the terminal
    )
    return [*loggers, logger]


def tags(config: Config) -> list[str]:
    """What a run is found by: its experiment, proposal and fold, and ``logging.tags``."""
    fold = [] if config.data.fold is None else [f"fold {config.data.fold}"]
    return [*dict.fromkeys((config.experiment, config.data.proposal, *fold, *config.logging.tags))]


def logged_in() -> bool:
    """Whether W&B finds credentials without asking."""
    import wandb

    found = bool(wandb.login(prompt=False))
    if not found:
        wandb.teardown()  # it would keep in mind that there is no key, and then not even begin a run offline
    return found


def run_id(folder: Path) -> str:
    """W&B's name for the run in ``folder``, kept there so that resumed parts make one run; or a sweep agent's own."""
    path = folder / "wandb_id"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(os.environ.get("WANDB_RUN_ID") or secrets.token_hex(4), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def close_loggers(loggers: list[Logger], failed: bool) -> None:
    """Ends the W&B run, so that the next one in this process is another."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=int(failed))

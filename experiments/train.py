"""Trains a network: ``python -m experiments.train experiment=cascade key=value …``.

Keys are those of cranial_sparse/config.py, with dots: training.lr=1e-3. The run's checkpoints, figures and pictures
land in runs/<name>. Stop it with Ctrl-C or SIGTERM; resume=auto goes on where it stopped.

examples:
  python -m experiments.train experiment=cascade fast_dev_run=true
  python -m experiments.train experiment=cascade name=night training.max_minutes=480
  python -m experiments.train experiment=cascade name=night training.max_minutes=960 resume=auto
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as L

from cranial_sparse.config import Config, load_config
from cranial_sparse.data.module import SkullDataModule
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import Cascade
from cranial_sparse.training.run import run_folder, train

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
STOPPED = 128  # the shell's convention: 128 + the signal that ended a run


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 trained, 2 something the user can mend, 128 + n stopped by signal n."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(f"{__doc__}\n{(CONFIGS / 'base.yaml').read_text(encoding='utf-8')}")
        return 0
    try:
        config = load_config(arguments, CONFIGS)
        return launch(config)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def launch(config: Config) -> int:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its tips and device lists
    for message in (".*LeafSpec.*", ".*many workers.*", ".*smaller than the logging interval.*"):
        warnings.filterwarnings("ignore", message=message)  # nothing that a user of ours could change
    L.seed_everything(config.seed, verbose=False)
    data = SkullDataModule(config.data, config.seed, config.training.max_steps * config.training.accumulate)
    outcome = train(config, Cascade(config.network), data)
    if outcome.signalled is None:
        return 0
    print(f"stopped by {outcome.signalled.name}; resume=auto goes on from {run_folder(config) / 'last.ckpt'}")
    return STOPPED + outcome.signalled


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Trains a network: ``python -m experiments.train experiment=cascade key=value …``.

It needs, before it starts:
  skulls   CRANIAL_SPARSE_DATA or data.folder, a folder with skullfix/; or data.prepared, folders of cranial-sparse prepare
  maps     data.maps, from python -m experiments.build_radial --maps runs/maps.npz; empty with data.prepared alone
The first pass draws data.pool_size samples, some seconds each, and keeps them in data.pool; after that the shipped
recipe takes twenty minutes on two CPU cores.

Keys are those of cranial_sparse/config.py, with dots: training.lr=1e-3. The run's checkpoints, figures and pictures
land in runs/<name>. Stop it with Ctrl-C or SIGTERM; resume=auto goes on where it stopped.

examples:
  python -m experiments.train experiment=cascade fast_dev_run=true
  python -m experiments.train experiment=cascade name=night training.max_minutes=480
  python -m experiments.train experiment=cascade name=night training.max_minutes=960 resume=auto
"""

import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as L
import torch

from cranial_sparse.config import Config, LossConfig, load_config
from cranial_sparse.data.module import DataConfig, SkullDataModule
from cranial_sparse.errors import in_one_line
from cranial_sparse.networks.cascade import Cascade, CascadeConfig
from cranial_sparse.schema import to_plain
from cranial_sparse.sparse_conv.backends import load_backend, set_backend
from cranial_sparse.training.run import run_folder, train

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
STOPPED = 128  # the shell's convention: 128 + the signal that ended a run


@in_one_line
def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 trained, 2 something the user can mend, 128 + n stopped by signal n."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(help_text())
        return 0
    return launch(load_config(arguments, CONFIGS))


def help_text() -> str:
    """What it is, and every key with its value where nothing else is said."""
    files = [CONFIGS / "base.yaml", *sorted((CONFIGS / "experiment").glob("*.yaml"))]
    shown = [f"{path.relative_to(CONFIGS)}:\n{path.read_text(encoding='utf-8')}" for path in files]
    parts = {"network": CascadeConfig(), "data": DataConfig(), "loss": LossConfig()}
    own = [f"{part}.{key}={json.dumps(value)}" for part, kind in parts.items() for key, value in to_plain(kind).items()]
    return "\n".join([__doc__, *shown, "further keys, where no file above gives another value:", *own])


def launch(config: Config) -> int:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its tips and device lists
    for message in (".*LeafSpec.*", ".*many workers.*", ".*smaller than the logging interval.*"):
        warnings.filterwarnings("ignore", message=message)  # nothing that a user of ours could change
    L.seed_everything(config.seed, verbose=False)
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # ten bits of a factor, as GPUs multiply fast
    network = Cascade(config.network)
    set_backend(network, load_backend(config.backend))
    data = SkullDataModule(config.data, config.seed, config.training.max_steps * config.training.accumulate)
    outcome = train(config, network, data)
    if outcome.signalled is None:
        return 0
    print(f"stopped by {outcome.signalled.name}; resume=auto goes on from {run_folder(config) / 'last.ckpt'}")
    return STOPPED + outcome.signalled


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A checkpoint's averaged weights as a safetensors file that ships."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole

PREFIX = "network."


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of CascadeModule; nothing in it is executed. Raises InputError where it is not one."""
    if not path.is_file():
        raise InputError(f"{path}: expected a checkpoint file, found none")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a checkpoint, or cut short")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({str(error).splitlines()[0]})") from error
    if not isinstance(checkpoint, dict) or not {"config", "global_step", "callbacks"} <= checkpoint.keys():
        raise InputError(f"{path}: not a checkpoint of experiments.train")
    return checkpoint


def averaged_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The network's averaged weights, by the names in its own state_dict."""
    average = checkpoint["callbacks"]["ExponentialMovingAverage"]["average"]
    return {name.removeprefix(PREFIX): value.contiguous() for name, value in average.items() if name.startswith(PREFIX)}


def export(checkpoint_path: Path, out: Path) -> dict[str, str]:
    """Writes the averaged weights to ``out``, all or nothing, and returns the metadata: config (JSON), step, seed."""
    checkpoint = read_checkpoint(checkpoint_path)
    config = checkpoint["config"]
    metadata = {
        "config": json.dumps(config, sort_keys=True),
        "step": str(checkpoint["global_step"]),
        "seed": str(config["seed"]),
    }
    write_whole(out, save(averaged_weights(checkpoint), metadata))
    return metadata

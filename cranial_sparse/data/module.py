"""The LightningDataModule: samples cut on the fly, or drawn once into a pool on disk and reused."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import lightning
import numpy as np
from torch.utils.data import DataLoader, Dataset

from cranial_sparse.classical.folds import FoldModels
from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.data.samples import draw_sample, flipped, load_sample, save_sample
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import CascadeInputs


@dataclass(frozen=True)
class DataConfig:
    """Where skulls come from. Only ``train`` skulls are ever read; validation cuts other defects into them."""

    folder: str = ""  # holds skullfix/; empty: the environment variable CRANIAL_SPARSE_DATA
    maps: str = "runs/maps.npz"  # radial maps of the training skulls, from experiments.build_radial
    pool: str = "runs/pool"  # where drawn samples are kept; empty: draw every sample anew
    pool_size: int = 700
    fold: int | None = None  # leave this fifth of the skulls out of training and validate on it; null: train on all
    validation_cases: int = 8
    workers: int = 1


class SkullSamples(Dataset[CascadeInputs]):
    """Item i depends on (seed, i) alone."""

    def __init__(self, config: DataConfig, seed: int, length: int, validation: bool) -> None:
        self.config, self.seed, self.length, self.validation = config, seed, length, validation
        self.folder = data_folder(config)
        maps = Path(config.maps)
        if not maps.is_file():
            raise InputError(
                f"data.maps: {maps} not found; make it with python -m experiments.build_radial --maps {maps}"
            )
        self.models = FoldModels(maps)
        held_out = self.models.members(config.fold) if config.fold is not None else []
        self.cases = [case for case in self.models.cases if (case in held_out) == (validation and bool(held_out))]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> CascadeInputs:
        if self.validation or not self.config.pool:
            return self.drawn(index)
        rng = np.random.default_rng((self.seed, index))
        inputs = self.drawn(int(rng.integers(self.config.pool_size)))
        return flipped(inputs) if rng.random() < 0.5 else inputs

    def drawn(self, key: int) -> CascadeInputs:
        """The sample of ``key``, from the pool if it is there, else drawn now (and kept)."""
        stream = 1 if self.validation else 0
        path = (
            Path(self.config.pool or ".")
            / f"{'validation' if stream else 'train'}-{self.seed}-{self.config.fold}-{key:05d}.npz"
        )
        if self.config.pool and path.is_file():
            return load_sample(path)
        rng = np.random.default_rng((self.seed, stream, key))
        while True:
            case = self.cases[int(rng.integers(len(self.cases)))]
            complete, implant = read_packed(self.folder / f"{case}.skull.xz")
            try:
                inputs, _ = draw_sample(complete, implant, self.models.without(case), rng)
                break
            except RuntimeError:
                continue
        if self.config.pool:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_sample(inputs, path)
            return load_sample(path)  # the field is kept in half precision: the first reading must equal the later ones
        return inputs


class SkullDataModule(lightning.LightningDataModule):
    """``length`` training samples, and a few validation samples that are the same in every run."""

    def __init__(self, config: DataConfig, seed: int, length: int) -> None:
        super().__init__()
        self.config, self.seed, self.length = config, seed, length

    @cached_property
    def training(self) -> SkullSamples:
        return SkullSamples(self.config, self.seed, self.length, validation=False)

    @cached_property
    def validation(self) -> SkullSamples:
        return SkullSamples(self.config, self.seed, self.config.validation_cases, validation=True)

    def setup(self, stage: str) -> None:
        if stage == "fit":
            assert len(self.training.cases) > 0

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.training, batch_size=None, num_workers=self.config.workers)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.validation, batch_size=None, num_workers=0)


def data_folder(config: DataConfig) -> Path:
    """The folder with the packed skulls. Raises InputError where it is not known or not there."""
    given = config.folder or os.environ.get("CRANIAL_SPARSE_DATA", "")
    folder = Path(given) / "skullfix"
    if not given or not (folder / "cases.csv").is_file():
        raise InputError(
            f"data.folder: expected a folder with skullfix/cases.csv, got '{given}'; set CRANIAL_SPARSE_DATA"
        )
    return folder

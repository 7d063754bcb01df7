"""The LightningDataModule: samples cut on the fly, or drawn once into a pool on disk and reused."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from torch.utils.data import DataLoader, Dataset

from cranial_sparse.classical.consensus import consensus_completer
from cranial_sparse.classical.folds import FoldModels, FoldShapeModels
from cranial_sparse.classical.mirror import mirror_completer
from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.classical.ssm import ssm_completer
from cranial_sparse.classical.tps.completer import tps_completer
from cranial_sparse.completion.completer import Completer
from cranial_sparse.data.augment import AugmentConfig
from cranial_sparse.data.samples import VERSION, NoUsableDefect, draw_sample, flipped, load_sample, save_sample
from cranial_sparse.data.training_skulls import TrainingSkull, listed_skulls, prepared_skulls, skullfix_folder
from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole
from cranial_sparse.networks.cascade import CascadeInputs

COMPLETERS = {  # of a radial model
    "radial": radial_completer, "mirror": mirror_completer, "tps": tps_completer, "consensus": consensus_completer,
}  # fmt: skip
PROPOSALS = (*COMPLETERS, "ssm")
STREAMS = {"order": 1, "train": 2, "validation": 3}  # of random numbers, kept apart; zeros would be padding
SKULLS_TRIED = 10


@dataclass(frozen=True)
class DataConfig:
    """Where skulls come from. Only ``train`` skulls are ever read; validation cuts other defects into them."""

    folder: str = ""  # holds skullfix/; empty: the environment variable CRANIAL_SPARSE_DATA
    prepared: tuple[str, ...] = ()  # folders of cranial-sparse prepare, whose skulls join; alone where maps is empty
    maps: str = "runs/maps.npz"  # radial maps of the training skulls, from experiments.build_radial
    proposal: str = "radial"  # the system that proposes, one of PROPOSALS
    distances: str = (
        "runs/distances.npz"  # distance fields of the training skulls, from experiments.build_ssm, for "ssm"
    )
    pool: str = "runs/pool"  # where drawn samples are kept; empty: draw every sample anew
    pool_size: int = 700
    drawn: bool = False  # the pool's samples and no others, such as on a machine that has neither skulls nor maps
    fold: int | None = None  # leave this fifth of the skulls out of training and validate on it; null: train on all
    validation_cases: int = 8
    workers: int = 1
    augment: AugmentConfig = field(default_factory=AugmentConfig)  # of the training samples
    # of the validation samples: the same in all runs that are to be compared, whatever they train on
    validation_augment: AugmentConfig = field(default_factory=AugmentConfig)


class SkullSamples(Dataset[CascadeInputs]):
    """Item i depends on (seed, i) alone."""

    def __init__(self, config: DataConfig, seed: int, length: int, validation: bool) -> None:
        self.config, self.seed, self.length, self.validation = config, seed, length, validation
        self.stream = "validation" if validation else "train"
        if config.drawn:
            self.made_of = word_in_pool(config, f"{self.stream}-{seed}") if length else ""
            return
        self.models = fold_models(config)
        own: list[TrainingSkull] = []
        held_out: list[str] = []
        if self.models is not None:
            own = listed_skulls(self.models.cases, skullfix_folder(config.folder))
            held_out = self.models.members(config.fold) if config.fold is not None else []
        skulls = own + prepared_skulls(config.prepared)
        self.augment = config.validation_augment if validation else config.augment
        out = set(held_out)
        if validation:  # heads as they are, the same whatever is trained on
            skulls = [skull for skull in skulls if not skull.crossed]
        if validation and out:
            self.skulls = [skull for skull in skulls if out.issuperset(skull.made_of)]
        else:
            self.skulls = [skull for skull in skulls if out.isdisjoint(skull.made_of)]
        self.made_of = fingerprint(config, self.skulls, self.augment)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> CascadeInputs:
        if self.validation or not self.config.pool:
            return self.drawn(index)
        rng = np.random.default_rng((self.seed, STREAMS["order"], index))
        inputs = self.drawn(int(rng.integers(self.config.pool_size)))
        return flipped(inputs) if rng.random() < 0.5 else inputs

    def drawn(self, key: int) -> CascadeInputs:
        """The sample of ``key``, from the pool if it is there, else drawn now (and kept)."""
        path = Path(self.config.pool or ".") / f"{self.stream}-{self.seed}-{self.made_of}-{key:05d}.xz"
        if self.config.pool and path.is_file():
            return load_sample(path)
        if self.config.drawn:
            raise InputError(
                f"data.drawn: {path} is not in the pool; draw it where the skulls are, or lower data.pool_size"
            )
        rng = np.random.default_rng((self.seed, STREAMS[self.stream], key))
        for _ in range(SKULLS_TRIED):
            skull = self.skulls[int(rng.integers(len(self.skulls)))]
            complete, implant = skull.read()
            try:
                inputs, _ = draw_sample(complete, implant, self.completer(skull), rng, self.augment)
                break
            except NoUsableDefect:
                continue
        else:
            raise InputError(
                f"data: none of {SKULLS_TRIED} skulls had room for a defect; train on skulls with whole vaults"
            )
        if self.config.pool:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(facts_of(path), json.dumps(drawn_with(self.config, self.augment)).encode())
            save_sample(inputs, path, whole=self.validation)  # whose pictures show the skull
            return load_sample(path)  # rounded: the first reading must equal the later ones
        return inputs

    def completer(self, skull: TrainingSkull) -> Completer:
        """What proposes for ``skull``, with models that have not seen it."""
        model = self.proposer(skull)
        if self.config.proposal == "ssm":
            return partial(ssm_completer, model=self.shapes.without(*self.listed(skull)), radial=model)
        return partial(COMPLETERS[self.config.proposal], model=model)

    @cached_property
    def shapes(self) -> FoldShapeModels:
        if self.models is None:
            raise InputError("data.proposal: ssm needs folds, which are of the skulls in data.maps; give data.maps")
        return FoldShapeModels(Path(self.config.distances), self.models)

    def proposer(self, skull: TrainingSkull) -> RadialModel:
        """A model that has not seen ``skull``: without its folds, or the shipped one where the maps do not list it.

        The shipped one has seen SkullFix, so that SkullFix skulls which were prepared need the maps as well.
        """
        listed = self.listed(skull)
        return self.models.without(*listed) if self.models and listed else shipped_model()

    def listed(self, skull: TrainingSkull) -> list[str]:
        """Those that ``skull`` was made of and that the maps list."""
        return [name for name in skull.made_of if self.models is not None and name in self.models.cases]


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
            assert self.config.drawn or len(self.training.skulls) > 0

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.training, batch_size=None, num_workers=self.config.workers)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.validation, batch_size=None, num_workers=0)


def fingerprint(config: DataConfig, skulls: list[TrainingSkull], augment: AugmentConfig) -> str:
    """What besides the seed decides a drawn sample, as a word for its file: no sample is read where another is meant."""
    digest = hashlib.sha256(f"{VERSION} {drawn_with(config, augment)}".encode())
    for skull in skulls:
        digest.update(f" {skull.name} {skull.content}".encode())
    for file in (config.maps, config.distances if config.proposal == "ssm" else ""):
        if file:
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:10]


def drawn_with(config: DataConfig, augment: AugmentConfig) -> dict[str, Any]:
    """What of a configuration a drawn sample depends on, apart from skulls and models."""
    return {"proposal": config.proposal, "fold": config.fold, "augment": asdict(augment)}


def facts_of(sample: Path) -> Path:
    """The file beside a sample that says what it and its like were drawn with."""
    return sample.with_name(sample.name.rsplit("-", 1)[0] + ".json")


def word_in_pool(config: DataConfig, stream: str) -> str:
    """The fingerprint of the samples of ``stream`` in the pool.

    Raises InputError where there are none, several kinds, or such as were drawn for another fold, proposal or augmentation.
    """
    words = {path.name.removeprefix(f"{stream}-").split("-")[0] for path in Path(config.pool).glob(f"{stream}-*.xz")}
    if len(words) != 1:
        found = f"those of {', '.join(sorted(words))}" if words else "none"
        raise InputError(f"data.drawn: expected samples {stream}-… of one kind in {config.pool}, got {found}")
    word = words.pop()
    path = facts_of(Path(config.pool) / f"{stream}-{word}-0.xz")
    if not path.is_file():
        raise InputError(f"data.drawn: {path} is not there, which says what the samples were drawn with; copy it too")
    augment = config.validation_augment if stream.startswith("validation") else config.augment
    stored, wanted = json.loads(path.read_text(encoding="utf-8")), drawn_with(config, augment)
    for name, value in wanted.items():
        if stored.get(name) != value:
            raise InputError(f"data.{name}: {path} says that the pool was drawn with {stored.get(name)}, got {value}")
    return word


def fold_models(config: DataConfig) -> FoldModels | None:
    """The models of the training skulls' folds; None where ``data.maps`` is empty and prepared skulls stand alone."""
    if not config.maps and config.prepared:
        if config.fold is not None:
            raise InputError("data.fold: folds are of the skulls in data.maps, which is empty; give data.maps")
        return None
    maps = Path(config.maps)
    if not maps.is_file():
        raise InputError(f"data.maps: {maps} not found; make it with python -m experiments.build_radial --maps {maps}")
    return FoldModels(maps)

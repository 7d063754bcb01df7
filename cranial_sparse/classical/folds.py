"""Radial models that have not seen a given skull, for honest proposals while training."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from cranial_sparse.classical.radial_model import SHIPPED_MODES, Modes, PosedMaps, RadialModel, fit_radial_model

FOLDS = 5
SPLIT_SEED = 1


class FoldModels:
    """Five-fold models by skull from the maps that experiments.build_radial kept; each is fitted when first asked for."""

    def __init__(self, maps: Path, modes: Modes = SHIPPED_MODES) -> None:
        with np.load(maps) as stored:
            self.cases: list[str] = [str(case) for case in stored["cases"]]
            self._maps = PosedMaps(*(stored[field.name] for field in fields(PosedMaps)))
            self._mean_outer = stored["mean_outer"]
        self._modes = modes
        order = np.random.default_rng(SPLIT_SEED).permutation(len(self.cases))
        self._fold = np.empty(len(self.cases), int)
        self._fold[order] = np.arange(len(order)) % FOLDS
        self._models: dict[int, RadialModel] = {}

    def members(self, fold: int) -> list[str]:
        """The skulls that ``fold`` leaves out."""
        return [case for case, own in zip(self.cases, self._fold, strict=True) if own == fold]

    def without(self, case: str) -> RadialModel:
        """The model fitted on the folds that ``case`` is not in."""
        fold = int(self._fold[self.cases.index(case)])
        if fold not in self._models:
            self._models[fold] = fit_radial_model(self._maps[self._fold != fold], self._mean_outer, self._modes)
        return self._models[fold]

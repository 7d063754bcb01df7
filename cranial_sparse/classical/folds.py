"""Radial models that have not seen a given skull, for honest proposals while training."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.classical.radial_model import SHIPPED_MODES, Modes, PosedMaps, RadialModel, fit_radial_model
from cranial_sparse.classical.ssm_model import MODES, ShapeModel, fit_shape_model
from cranial_sparse.errors import InputError

FOLDS = 5
SPLIT_SEED = 1
SAME_HEAD = (("011", "042"),)  # SkullFix has one head twice, in other poses: both belong on the same side of a split


def assigned(cases: Sequence[str]) -> NDArray[np.int64]:
    """The fold [n] of each skull: five of the same size, but for one head that must not be in two."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(cases))
    fold = np.empty(len(cases), np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    names = list(cases)
    for one, again in SAME_HEAD:
        if one in names and again in names:
            fold[names.index(again)] = fold[names.index(one)]
    return fold


class FoldModels:
    """Five-fold models by skull from the maps that experiments.build_radial kept; each is fitted when first asked for.

    Raises InputError where the maps are of an earlier version.
    """

    def __init__(self, maps: Path, modes: Modes = SHIPPED_MODES) -> None:
        with np.load(maps) as stored:
            if missing := {field.name for field in fields(PosedMaps)} - set(stored.files):
                raise InputError(
                    f"{maps}: expected maps with {', '.join(sorted(missing))}, which earlier versions did not write; make"
                    f" them anew with python -m experiments.build_radial --maps {maps}"
                )
            self.cases: list[str] = [str(case) for case in stored["cases"]]
            self._maps = PosedMaps(*(stored[field.name] for field in fields(PosedMaps)))
            self._mean_outer = stored["mean_outer"]
        self._modes = modes
        self._fold = assigned(self.cases)
        self._models: dict[frozenset[int], RadialModel] = {}

    def members(self, fold: int) -> list[str]:
        """The skulls that ``fold`` leaves out."""
        return [case for case, own in zip(self.cases, self._fold, strict=True) if own == fold]

    def folds_of(self, *cases: str) -> frozenset[int]:
        """The folds that ``cases`` are in."""
        return frozenset(int(self._fold[self.cases.index(case)]) for case in cases)

    def others(self, *cases: str) -> NDArray[np.bool_]:
        """Which skulls [n] are in other folds than any of ``cases``."""
        return ~np.isin(self._fold, list(self.folds_of(*cases)))

    def without(self, *cases: str) -> RadialModel:
        """The model fitted on the folds that none of ``cases`` is in."""
        folds = self.folds_of(*cases)
        if folds not in self._models:
            self._models[folds] = fit_radial_model(self._maps[self.others(*cases)], self._mean_outer, self._modes)
        return self._models[folds]


class FoldShapeModels:
    """Statistical shape models on the same folds, from the distance fields that experiments.build_ssm kept.

    Raises InputError where the file is missing or lists other skulls than ``folds``.
    """

    def __init__(self, distances: Path, folds: FoldModels, modes: int = MODES) -> None:
        if not distances.is_file():
            raise InputError(
                f"data.distances: {distances} not found; make it with python -m experiments.build_ssm --fields {distances}"
            )
        with np.load(distances) as stored:
            cases = [str(case) for case in stored["cases"]]
            self._tenths, self._seen = stored["tenths"], stored["seen"]
        if cases != folds.cases:
            raise InputError(
                f"data.distances: {distances} lists other skulls than data.maps; make both from the same data"
            )
        self._folds, self._modes = folds, modes
        self._models: dict[bytes, ShapeModel] = {}

    def without(self, *cases: str) -> ShapeModel:
        """The model fitted on the folds that none of ``cases`` is in."""
        others = self._folds.others(*cases)
        key = others.tobytes()
        if key not in self._models:
            distances = self._tenths[others] / np.float32(10)
            self._models[key] = fit_shape_model(distances, self._seen[others], self._modes)
        return self._models[key]

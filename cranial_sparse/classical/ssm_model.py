"""The statistical shape model: mean and principal modes of signed distance fields over the whole vault.

Leventon, Grimson, Faugeras, Statistical shape influence in geodesic active contours, CVPR 2000, in the canonical frame.
Skulls also count mirrored, so every mode is symmetric or antisymmetric and half of it is enough to store.
"""

import lzma
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cranial_sparse.classical.gaussian import MapModel, fit_map_model
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import IDENTITY, Geometry

WEIGHTS = "ssm.safetensors.xz"
SPACING = 2.7  # mm
SHAPE = (70, 88, 56)
HALF = SHAPE[0] // 2
BOX = Geometry(SHAPE, (SPACING,) * 3, (-SPACING * (SHAPE[0] - 1) / 2, -SPACING * (SHAPE[1] - 1) / 2, -60.0), IDENTITY)
CLIP = 10.0  # mm: farther from any surface only the side matters
MODES = 60
LEVELS = 127  # of a mode's largest value, as it is stored


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """``fields`` are signed distances over BOX, mm, positive in bone: mean, modes times their standard deviation, and
    the spread that the modes leave over."""

    fields: MapModel

    def to_bytes(self) -> bytes:
        """Eight bits a value, the left half of everything, compressed."""
        modes = self.fields.modes
        parity = np.sign((modes * modes[:, ::-1]).sum((1, 2, 3)))
        largest = np.abs(modes).max((1, 2, 3))
        tensors = {
            "mean": _tenths(self.fields.mean[HALF:]), "spread": _tenths(self.fields.spread[HALF:]),
            "modes": np.rint(modes[:, HALF:] / largest[:, None, None, None] * LEVELS).astype(np.int8),
            "largest": largest.astype(np.float32), "parity": parity.astype(np.int8),
        }  # fmt: skip
        return lzma.compress(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))

    @staticmethod
    def from_bytes(data: bytes) -> "ShapeModel":
        """What to_bytes made. Raises InputError where it is something else."""
        try:
            stored = load(lzma.decompress(data))
            modes = stored["modes"] * (stored["largest"] / LEVELS)[:, None, None, None]
            parity = stored["parity"].astype(np.float32)[:, None, None, None]
            mean, spread = (stored[name].astype(np.float32) / 10 for name in ("mean", "spread"))
        except (lzma.LZMAError, EOFError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{WEIGHTS}: expected a shape model, but {error}; install the package again") from error
        both = lambda half: np.concatenate([half[::-1], half])  # noqa: E731
        whole = np.concatenate([modes[:, ::-1] * parity, modes], axis=1).astype(np.float32)
        return ShapeModel(MapModel(both(mean), whole, both(spread)))


def fit_shape_model(distances: NDArray, seen: NDArray, modes: int = MODES) -> ShapeModel:
    """The model of ``distances`` [n, X, Y, Z] (mm) over BOX, each known where ``seen``."""
    return ShapeModel(fit_map_model(distances.astype(np.float32), seen, modes))


@cache
def shipped_shape_model() -> ShapeModel:
    """The model made from the 70 training skulls; CC BY-NC-SA 4.0, see the notice beside it."""
    return ShapeModel.from_bytes(files("cranial_sparse.assets").joinpath(WEIGHTS).read_bytes())


def _tenths(values: NDArray) -> NDArray[np.int8]:
    return np.rint(values * 10).astype(np.int8)

"""The radial shape model: what a vault usually looks like, as two Gaussian maps."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from cranial_sparse.classical.gaussian import MapModel, fit_map_model
from cranial_sparse.classical.maps import directions

OUTER_MODES, THICKNESS_MODES = 20, 10


@dataclass(frozen=True, eq=False)
class RadialModel:
    """Gaussian models of outer radius and thickness (mm), and in what share of skulls bone is met, [P, P]."""

    outer: MapModel
    thickness: MapModel
    presence: NDArray[np.float32]

    @property
    def surface(self) -> NDArray[np.float64]:
        """[P, P, 3] points of the mean outer table in canonical mm."""
        return directions()[0] * self.outer.mean[..., None]

    def to_bytes(self) -> bytes:
        """Half precision is 0.06 mm at a radius of 100 mm, so the means stay single."""
        tensors = {"presence": self.presence.astype(np.float16)}
        for name, part in (("outer", self.outer), ("thickness", self.thickness)):
            tensors |= {f"{name}.mean": part.mean, f"{name}.modes": part.modes.astype(np.float16)}  # type: ignore
            tensors[f"{name}.spread"] = part.spread.astype(np.float16)
        # safetensors writes memory as it lies, so transposed views must be laid out first
        return save({name: np.ascontiguousarray(value) for name, value in tensors.items()})

    @staticmethod
    def from_bytes(data: bytes) -> "RadialModel":
        tensors = {name: value.astype(np.float32) for name, value in load(data).items()}
        part = lambda name: MapModel(*(tensors[f"{name}.{field}"] for field in ("mean", "modes", "spread")))  # noqa: E731
        return RadialModel(part("outer"), part("thickness"), tensors["presence"])


def fit_radial_model(outer: NDArray, inner: NDArray, in_view: NDArray, mean_outer: NDArray) -> RadialModel:
    """From the radii of complete skulls in canonical pose, [n, P, P] mm, NaN where no bone was met."""
    thickness = outer - inner
    met = np.isfinite(outer) & (np.abs(outer - mean_outer) < 22)
    plausible = met & (thickness > 1) & (thickness < 21)
    met_share = met.sum(0) / np.maximum(in_view.sum(0), 1)
    return RadialModel(
        fit_map_model(outer, met, OUTER_MODES),
        fit_map_model(thickness, plausible, THICKNESS_MODES),
        ((met_share + met_share[::-1]) / 2).astype(np.float32),
    )


@cache
def shipped_model() -> RadialModel:
    """The model made from the 70 training skulls; CC BY-NC-SA 4.0, see the notice beside it."""
    return RadialModel.from_bytes(files("cranial_sparse.assets").joinpath("radial.safetensors").read_bytes())

"""The radial shape model: what a vault usually looks like, as two Gaussian maps."""

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from cranial_sparse.classical.gaussian import MapModel, fit_map_model
from cranial_sparse.classical.maps import directions

WEIGHTS = "radial.safetensors"
OFF_MEAN = 22.0  # mm from the mean table: farther away it is another bone


@dataclass(frozen=True)
class Modes:
    """How many modes each map gets; experiments.cross_validate compares other numbers."""

    outer: int = 20
    thickness: int = 10
    orbit: int = 30


SHIPPED_MODES = Modes()


@dataclass(frozen=True, eq=False)
class RadialModel:
    """Gaussian models of outer radius and thickness (mm), and in what share of skulls bone is met, [P, P].

    ``orbit`` models the signed distance (mm) over the orbital region instead, [50, 32, 36].
    """

    outer: MapModel
    thickness: MapModel
    presence: NDArray[np.float32]
    orbit: MapModel

    @property
    def surface(self) -> NDArray[np.float64]:
        """[P, P, 3] points of the mean outer table in canonical mm."""
        return directions()[0] * self.outer.mean[..., None]

    def to_bytes(self) -> bytes:
        """Half precision is 0.06 mm at a radius of 100 mm, so the means stay single."""
        tensors = {"presence": self.presence.astype(np.float16)}
        for name, part in (("outer", self.outer), ("thickness", self.thickness), ("orbit", self.orbit)):
            tensors |= {f"{name}.mean": part.mean, f"{name}.modes": part.modes.astype(np.float16)}  # type: ignore
            tensors[f"{name}.spread"] = part.spread.astype(np.float16)
        # safetensors writes memory as it lies, so transposed views must be laid out first
        return save({name: np.ascontiguousarray(value) for name, value in tensors.items()})

    @staticmethod
    def from_bytes(data: bytes) -> "RadialModel":
        tensors = {name: value.astype(np.float32) for name, value in load(data).items()}
        part = lambda name: MapModel(*(tensors[f"{name}.{field}"] for field in ("mean", "modes", "spread")))  # noqa: E731
        return RadialModel(part("outer"), part("thickness"), tensors["presence"], part("orbit"))


@dataclass(frozen=True, eq=False)
class PosedMaps:
    """What complete skulls in canonical pose look like: radii [n, P, P] in mm, NaN where no bone was met; whether the
    scan would show it; and the signed distance over the orbital region [n, 50, 32, 36] in mm, where it was seen."""

    outer: NDArray
    inner: NDArray
    in_view: NDArray
    orbit: NDArray
    orbit_seen: NDArray

    def __getitem__(self, chosen: NDArray) -> "PosedMaps":
        return PosedMaps(*(getattr(self, field.name)[chosen] for field in fields(self)))


def fit_radial_model(maps: PosedMaps, mean_outer: NDArray, modes: Modes = SHIPPED_MODES) -> RadialModel:
    """The model of these skulls; ``mean_outer`` [P, P] (mm) tells bone of the vault from what lies behind or before it."""
    outer, inner, in_view = maps.outer, maps.inner, maps.in_view
    thickness = outer - inner
    met = np.isfinite(outer) & (np.abs(outer - mean_outer) < OFF_MEAN)
    plausible = met & (thickness > 1) & (thickness < 21)
    met_share = met.sum(0) / np.maximum(in_view.sum(0), 1)
    return RadialModel(
        fit_outer(outer, mean_outer, modes.outer),
        fit_map_model(thickness, plausible, modes.thickness),
        ((met_share + met_share[::-1]) / 2).astype(np.float32),
        fit_map_model(maps.orbit.astype(np.float32), maps.orbit_seen, modes.orbit),
    )


def fit_outer(outer: NDArray, mean_outer: NDArray, modes: int = Modes.outer) -> MapModel:
    """The model of the outer radius alone."""
    return fit_map_model(outer, np.isfinite(outer) & (np.abs(outer - mean_outer) < OFF_MEAN), modes)


@cache
def shipped_model() -> RadialModel:
    """The model made from the 70 training skulls; CC BY-NC-SA 4.0, see the notice beside it."""
    return RadialModel.from_bytes(files("cranial_sparse.assets").joinpath(WEIGHTS).read_bytes())

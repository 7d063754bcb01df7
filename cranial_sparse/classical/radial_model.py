"""The radial shape model: what a vault usually looks like, as two Gaussian maps."""

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from cranial_sparse.classical.alignment import Ridges, displaced, displaced_map, ridges
from cranial_sparse.classical.gaussian import MapModel, fit_map_model
from cranial_sparse.classical.maps import directions

WEIGHTS, ALIGNED_WEIGHTS = "radial.safetensors", "radial_aligned.safetensors"
OFF_MEAN = 22.0  # mm from the mean table: farther away it is another bone


@dataclass(frozen=True)
class Modes:
    """How many modes each map gets; experiments.cross_validate compares other numbers."""

    outer: int = 20
    thickness: int = 10
    orbit: int = 30


SHIPPED_MODES = Modes()


@dataclass(frozen=True, eq=False)
class AlignedModel:
    """The maps of heads that lie on one another, ridge on ridge: the mean ``ridges``, and the Gaussians of both maps."""

    ridges: Ridges
    outer: MapModel
    thickness: MapModel

    @property
    def surface(self) -> NDArray[np.float64]:
        """As RadialModel's."""
        return directions()[0] * self.outer.mean[..., None]

    def to_bytes(self) -> bytes:
        """As RadialModel's."""
        parts = {"height": self.ridges.height, "weight": self.ridges.weight}
        tensors = {name: part.astype(np.float16) for name, part in parts.items()}
        return _saved(tensors | _tensors("outer", self.outer) | _tensors("thickness", self.thickness))

    @staticmethod
    def from_bytes(data: bytes) -> "AlignedModel":
        tensors = _loaded(data)
        return AlignedModel(
            Ridges(tensors["height"], tensors["weight"]), _part(tensors, "outer"), _part(tensors, "thickness")
        )


@dataclass(frozen=True, eq=False)
class RadialModel:
    """Gaussian models of outer radius and thickness (mm), and in what share of skulls bone is met, [P, P].

    ``orbit`` models the signed distance (mm) over the orbital region instead, [50, 32, 36]; ``aligned`` both maps of heads
    that were laid onto one another.
    """

    outer: MapModel
    thickness: MapModel
    presence: NDArray[np.float32]
    orbit: MapModel
    aligned: AlignedModel

    @property
    def surface(self) -> NDArray[np.float64]:
        """[P, P, 3] points of the mean outer table in canonical mm."""
        return directions()[0] * self.outer.mean[..., None]

    def to_bytes(self) -> bytes:
        """All but the aligned part, which has a file of its own. Half precision is 0.06 mm at a radius of 100 mm, so the
        means stay single.
        """
        tensors = {"presence": self.presence.astype(np.float16)}
        for name, part in (("outer", self.outer), ("thickness", self.thickness), ("orbit", self.orbit)):
            tensors |= _tensors(name, part)
        return _saved(tensors)

    @staticmethod
    def from_bytes(data: bytes, aligned: bytes) -> "RadialModel":
        """Of what both models' ``to_bytes`` gave."""
        tensors = _loaded(data)
        outer, thickness, orbit = (_part(tensors, name) for name in ("outer", "thickness", "orbit"))
        return RadialModel(outer, thickness, tensors["presence"], orbit, AlignedModel.from_bytes(aligned))


def _tensors(name: str, part: MapModel) -> dict[str, NDArray]:
    halves = {f"{name}.modes": part.modes.astype(np.float16), f"{name}.spread": part.spread.astype(np.float16)}
    return {f"{name}.mean": part.mean, **halves}


def _part(tensors: dict[str, NDArray[np.float32]], name: str) -> MapModel:
    return MapModel(*(tensors[f"{name}.{field}"] for field in ("mean", "modes", "spread")))


def _saved(tensors: dict[str, NDArray]) -> bytes:
    # safetensors writes memory as it lies, so transposed views must be laid out first
    return save({name: np.ascontiguousarray(value) for name, value in tensors.items()})


def _loaded(data: bytes) -> dict[str, NDArray[np.float32]]:
    return {name: value.astype(np.float32) for name, value in load(data).items()}


@dataclass(frozen=True, eq=False)
class PosedMaps:
    """What complete skulls in canonical pose look like: radii [n, P, P] in mm, NaN where no bone was met; whether the
    scan would show it; the signed distance over the orbital region [n, 50, 32, 36] in mm, where it was seen; and the
    displacement [n, 2, P, P] in pixels that lays each head onto the mean one."""

    outer: NDArray
    inner: NDArray
    in_view: NDArray
    orbit: NDArray
    orbit_seen: NDArray
    displacement: NDArray

    def __getitem__(self, chosen: NDArray) -> "PosedMaps":
        return PosedMaps(*(getattr(self, field.name)[chosen] for field in fields(self)))


def fit_radial_model(maps: PosedMaps, mean_outer: NDArray, modes: Modes = SHIPPED_MODES) -> RadialModel:
    """The model of these skulls; ``mean_outer`` [P, P] (mm) tells bone of the vault from what lies behind or before it."""
    met, plausible = known_tables(maps.outer, maps.inner, mean_outer)
    met_share = met.sum(0) / np.maximum(maps.in_view.sum(0), 1)
    return RadialModel(
        fit_outer(maps.outer, mean_outer, modes.outer),
        fit_map_model(maps.outer - maps.inner, plausible, modes.thickness),
        ((met_share + met_share[::-1]) / 2).astype(np.float32),
        fit_map_model(maps.orbit.astype(np.float32), maps.orbit_seen, modes.orbit),
        fit_aligned_model(maps, mean_outer, modes),
    )


def known_tables(outer: NDArray, inner: NDArray, mean_outer: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where radii [..., P, P] are those of a vault's outer table, and where its thickness can be believed too."""
    met = np.isfinite(outer) & (np.abs(outer - mean_outer) < OFF_MEAN)
    thickness = outer - inner
    return met, met & (thickness > 1) & (thickness < 21)


def fit_aligned_model(maps: PosedMaps, mean_outer: NDArray, modes: Modes = SHIPPED_MODES) -> AlignedModel:
    """The mean ridges and the Gaussians of the maps, each read at its displacement."""
    outer, inner = (
        np.stack([displaced_map(one, u) for one, u in zip(radii, maps.displacement, strict=True)])
        for radii in (maps.outer, maps.inner)
    )
    _, plausible = known_tables(outer, inner, mean_outer)
    return AlignedModel(
        mean_ridges(maps.outer, maps.inner, maps.displacement, mean_outer),
        fit_outer(outer, mean_outer, modes.outer),
        fit_map_model(outer - inner, plausible, modes.thickness),
    )


def mean_ridges(outer: NDArray, inner: NDArray, displacement: NDArray, mean_outer: NDArray) -> Ridges:
    """The ridges of heads [n, P, P] read at their ``displacement`` [n, 2, P, P], averaged, and with their mirror images."""
    height, weight = np.zeros((2, *outer.shape[1:])), np.zeros((2, *outer.shape[1:]))
    for radius, within, u in zip(outer, inner, displacement, strict=True):
        one = ridges(radius, radius - within, *known_tables(radius, within, mean_outer))
        counts = displaced(one.weight, u)
        height += displaced(one.height, u) * counts
        weight += counts
    height /= np.maximum(weight, 1e-3)
    shown = np.clip(2 * weight / len(outer), 0, 1)
    return Ridges((height + height[:, ::-1]) / 2, (shown + shown[:, ::-1]) / 2)


def fit_outer(outer: NDArray, mean_outer: NDArray, modes: int = Modes.outer) -> MapModel:
    """The model of the outer radius alone."""
    return fit_map_model(outer, np.isfinite(outer) & (np.abs(outer - mean_outer) < OFF_MEAN), modes)


@cache
def shipped_model() -> RadialModel:
    """The model made from the 70 training skulls; CC BY-NC-SA 4.0, see the notice beside it."""
    assets = files("cranial_sparse.assets")
    return RadialModel.from_bytes(*(assets.joinpath(name).read_bytes() for name in (WEIGHTS, ALIGNED_WEIGHTS)))

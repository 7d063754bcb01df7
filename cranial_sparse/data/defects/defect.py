"""A defect: what has been taken out of a skull, as a function of points."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.data.defects.shapes import Shape
from cranial_sparse.data.defects.vault import Vault


@dataclass(frozen=True, eq=False)
class Irregularity:
    """Smooth noise for a border: plane waves with ``waves`` [W, 3], rad/mm, ``phases`` [W], ``amplitudes`` [W], mm."""

    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def __call__(self, local: NDArray) -> NDArray:
        """Displacement, mm [N], at points [N, 3]."""
        value = np.zeros(len(local), local.dtype)
        for wave, phase, amplitude in zip(self.waves, self.phases, self.amplitudes, strict=True):
            value += (amplitude * np.cos(local @ wave.astype(local.dtype) + phase)).astype(local.dtype)
        return value

    @property
    def bound(self) -> float:
        """The largest displacement possible, mm."""
        return float(np.abs(self.amplitudes).sum())


@dataclass(frozen=True, eq=False)
class Defect:
    """``shape`` with an irregular border, kept to the shell of a ``vault``; ``floor_drop`` mm below its end at most.

    It is a set in space, not of voxels: evaluate it on any lattice, at any resolution, in the millimetres of the
    points that the vault was fitted to.
    """

    kind: str
    vault: Vault
    shape: Shape
    irregularity: Irregularity
    floor_drop: float = 0.0

    def distance(self, points: NDArray) -> NDArray[np.float32]:
        """About the distance to the defect's border, mm [N], at points [N, 3]; negative inside."""
        local = self.vault.to_local(points)
        border = self.shape(local) + self.irregularity(local)
        return np.maximum(border, self.vault.outside_shell(local, self.floor_drop))

    def contains(self, points: NDArray) -> NDArray[np.bool_]:
        """Whether each point [N, 3] is inside: ``distance(points) < 0``, several times faster on whole scans."""
        local = self.vault.to_local(points)
        centre, radius = self.shape.ball
        reach = radius + self.irregularity.bound
        inside = np.flatnonzero(np.square(local - centre.astype(np.float32)).sum(axis=1) < reach**2)
        value = self.shape(local[inside])
        inside, value = inside[value < self.irregularity.bound], value[value < self.irregularity.bound]
        unsure = np.flatnonzero(value > -self.irregularity.bound)
        value[unsure] += self.irregularity(local[inside[unsure]])
        inside = inside[value < 0]
        inside = inside[self.vault.outside_shell(local[inside], self.floor_drop) < 0]
        result = np.zeros(len(points), bool)
        result[inside] = True
        return result

    @property
    def ball(self) -> tuple[NDArray[np.float64], float]:
        """Centre [3] in the points' own frame and radius, mm, of a ball that holds the defect."""
        centre, radius = self.shape.ball
        return self.vault.to_points(centre), radius + self.irregularity.bound

    def scaled(self, factor: float) -> "Defect":
        """The same defect, its shape grown about its anchor on the vault."""
        return replace(self, shape=self.shape.scaled(factor))


def draw_irregularity(rng: np.random.Generator, long: float, short: float) -> Irregularity:
    """Noise of ``long`` mm standard deviation at wavelengths of 30-70 mm and ``short`` mm at 8-18 mm."""
    directions = rng.normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.concatenate([rng.uniform(30, 70, 10), rng.uniform(8, 18, 10)])
    deviation = np.repeat([long, short], 10) / np.sqrt(10)
    return Irregularity(
        directions * (2 * np.pi / lengths)[:, None],
        rng.uniform(0, 2 * np.pi, 20),
        deviation * np.sqrt(2),
    )

"""Augmentation: what happens to a head before a defect is cut into it, and what a scanner makes of it afterwards.

Every transform is a pure function in ``shape``, ``elastic`` or ``scanner``; here they are composed. Other people's heads come
from ``experiments.cross_register``, as folders of prepared skulls.
"""

from dataclasses import dataclass, fields

import numpy as np

from cranial_sparse.completion.resampling import resample
from cranial_sparse.data.augment.elastic import bent
from cranial_sparse.data.augment.scanner import (
    THICKEST,
    Pair,
    blooming,
    cut_off,
    littered,
    noisy,
    sliced,
    tilted,
)
from cranial_sparse.data.augment.shape import denser, moved, stretched, thickened
from cranial_sparse.geometry import Volume


@dataclass(frozen=True)
class AugmentConfig:
    """The share of samples, 0 to 1, that each transform is applied to, in this order.

    Each draws from a stream of its own, so that changing one share leaves what the others do as it was.
    """

    bent: float = 0.2  # smoothly, by 3 mm
    thickened: float = 0.0  # surfaces outward or inward, up to 1 mm
    denser: float = 0.0  # or less dense: thin bone opens
    stretched: float = 0.0  # other proportions, 8 %
    moved: float = 1.0  # turned, scaled by 6 %, mirrored
    noisy: float = 0.0  # surfaces as a noisy scanner shows them
    blooming: float = 0.0  # partial volume at the rim of the defect
    tilted: float = 0.0  # gantry or head, up to 20 degrees
    sliced: float = 0.0  # slices of up to 2.5 mm
    cut_off: float = 0.0  # the scan starts higher
    littered: float = 0.0  # debris in and around the defect


@dataclass(frozen=True, eq=False)
class Draws:
    """Which transforms a sample gets, and the generator of each."""

    streams: dict[str, np.random.Generator]

    def get(self, name: str) -> np.random.Generator | None:
        """The generator of the transform ``name``, None where this sample goes without it."""
        return self.streams.get(name)


def draw(config: AugmentConfig, rng: np.random.Generator) -> Draws:
    """Choose the transforms of one sample."""
    names = [field.name for field in fields(config)]
    streams = dict(zip(names, rng.spawn(len(names)), strict=True))
    return Draws({name: stream for name, stream in streams.items() if stream.random() < getattr(config, name)})


def shaped(complete: Volume, implant: Volume, draws: Draws) -> Pair:
    """Another head: complete skull and implant (bool [X, Y, Z], one geometry) before anything is cut."""
    if stream := draws.get("bent"):
        complete, implant = bent([complete, implant], stream)
    if stream := draws.get("thickened"):
        complete, implant = thickened(complete, implant, stream)
    if stream := draws.get("denser"):
        complete, implant = denser(complete, implant, stream)
    geometry = complete.geometry
    if stream := draws.get("stretched"):
        geometry = stretched(geometry, stream)
    if stream := draws.get("moved"):
        geometry = moved(geometry, stream)
    return Volume(complete.array, geometry), Volume(implant.array, geometry)


def scanned(complete: Volume, implant: Volume, draws: Draws) -> tuple[Volume, Volume]:
    """The truth, and the defective skull as a scanner shows it, each on its own grid; the head stays where it is.

    The truth is the complete skull as it came, without what lies below a scan that starts higher.
    """
    whole, missing = complete, implant
    if stream := draws.get("noisy"):
        whole, missing = noisy(whole, missing, int(stream.integers(2**31)))
    if draws.get("blooming"):
        whole, missing = blooming(whole, missing)
    if stream := draws.get("tilted"):
        whole, missing = tilted(whole, missing, stream)
    if stream := draws.get("sliced"):
        thinnest = whole.geometry.spacing[2]
        whole, missing = sliced(whole, missing, stream.uniform(thinnest, max(thinnest, THICKEST)))
    if stream := draws.get("cut_off"):
        whole, missing = cut_off(whole, missing, stream)
        complete = within(complete, whole)
    defective = Volume(whole.array & ~missing.array, whole.geometry)
    if stream := draws.get("littered"):
        defective = littered(defective, missing, stream)
    return complete, defective


def within(skull: Volume, scan: Volume) -> Volume:
    """The ``skull`` without what the grid of ``scan`` does not hold."""
    to_scan = scan.geometry.to_index(skull.geometry.to_physical(np.vstack([np.zeros(3), np.eye(3)])))
    matrix = (to_scan[1:] - to_scan[0]).T
    seen = resample(np.ones(scan.geometry.shape, bool), matrix, to_scan[0], skull.geometry.shape)
    return Volume(skull.array & seen, skull.geometry)

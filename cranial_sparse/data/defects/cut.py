"""Cut a defect into a volume."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.data.defects.defect import Defect
from cranial_sparse.data.defects.sampling import crosses_midline, sample_defect
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume

SAMPLE = 300_000  # bone voxels that decide where a defect goes


@dataclass(frozen=True, eq=False)
class Cut:
    """A defective skull and what it lacks, bool [X, Y, Z] on the complete skull's geometry: together they are it."""

    defect: Defect
    defective: Volume
    implant: Volume
    volume_ml: float
    crosses_midline: bool


def cut_volume(skull: Volume, kind: str, seed: int) -> Cut:
    """Cut a defect of ``kind`` into the complete ``skull``, a bool volume; the same seed gives the same cut.

    The implant is the skull's bone inside the defect, to the voxel: one piece but for what is loose or cracked in the
    scan itself. Raises InputError for an unknown kind or a skull that none fits.
    """
    bone = np.flatnonzero(skull.array)
    if not len(bone):
        raise InputError("skull: expected a bone mask, got an empty volume")
    rng = np.random.default_rng([seed, crc32(kind.encode())])  # so that kinds differ under one seed
    chosen = bone if len(bone) <= SAMPLE else bone[np.sort(rng.choice(len(bone), SAMPLE, replace=False))]
    points = skull.geometry.to_physical(np.stack(np.unravel_index(chosen, skull.array.shape), axis=1))
    point_ml = skull.geometry.voxel_volume / 1000 * len(bone) / len(chosen)
    defect = sample_defect(points, point_ml, kind, rng)
    implant = evaluate(defect, skull)
    return Cut(
        defect,
        Volume(skull.array.astype(bool) & ~implant, skull.geometry),
        Volume(implant, skull.geometry),
        float(implant.sum() * skull.geometry.voxel_volume / 1000),
        crosses_midline(defect, points),
    )


def evaluate(defect: Defect, skull: Volume) -> NDArray[np.bool_]:
    """The bone voxels of ``skull`` inside ``defect``, bool [X, Y, Z]."""
    box = _box(defect, skull.geometry)
    index = np.argwhere(skull.array[box])
    inside = index[defect.contains(skull.geometry.to_physical(index + [side.start for side in box]))]
    taken = np.zeros(skull.array.shape, bool)
    taken[box][tuple(inside.T)] = True
    return taken


def _box(defect: Defect, geometry: Geometry) -> tuple[slice, ...]:
    """The voxels that the defect's bounding ball can reach."""
    centre, radius = defect.ball
    reach = radius * np.linalg.norm(np.linalg.inv(geometry.matrix), axis=1)  # voxels along each axis
    middle = geometry.to_index(centre)
    start = np.clip(np.floor(middle - reach).astype(int), 0, geometry.shape)
    stop = np.clip(np.ceil(middle + reach).astype(int) + 1, 0, geometry.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))

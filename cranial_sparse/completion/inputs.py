"""What the cascade sees: the skull, its mirror image and the proposal on one box of the canonical lattice."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.networks.cascade import CascadeInputs

SLAB = 32  # planes resampled at a time, so that no full-resolution float volume is ever held


def cascade_inputs(skull: Volume, field: Field, complete: Volume | None = None) -> CascadeInputs:
    """Resample ``skull`` (bool, patient grid) to 0.45 mm on the box of ``field`` (0.9 mm, canonical), and reflected.

    ``complete`` is the truth on the skull's grid, for training.
    """
    lattice, pose = halved(field.geometry), field.pose
    return CascadeInputs(
        skull=torch.from_numpy(to_lattice(skull, pose, lattice)),
        mirrored=torch.from_numpy(to_lattice(skull, pose, lattice, mirrored=True)),
        field=field.logits,
        complete=None if complete is None else torch.from_numpy(to_lattice(complete, pose, lattice)),
    )


def halved(lattice: Geometry) -> Geometry:
    """The lattice whose 2³ blocks are the voxels of ``lattice``."""
    nx, ny, nz = lattice.shape
    sx, sy, sz = (length / 2 for length in lattice.spacing)
    corner = lattice.to_physical(np.full(3, -0.25))
    return Geometry((2 * nx, 2 * ny, 2 * nz), (sx, sy, sz), (*map(float, corner),), lattice.direction)  # type: ignore[arg-type]


def to_lattice(volume: Volume, pose: Pose, lattice: Geometry, mirrored: bool = False) -> NDArray[np.uint8]:
    """A bool volume on the patient's grid at the voxels of a canonical ``lattice``: trilinear, thresholded at one half.

    ``mirrored`` reads it at the reflection of every voxel in the plane x = 0.
    """
    flip = np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
    to_patient = lambda i: volume.geometry.to_index(pose.to_patient(lattice.to_physical(i) * flip))  # noqa: E731
    origin = to_patient(np.zeros(3))
    matrix = np.stack([to_patient(axis) - origin for axis in np.eye(3)], axis=1)
    source = volume.array.view(np.uint8)
    out = np.empty(lattice.shape, np.uint8)
    for x in range(0, lattice.shape[0], SLAB):
        shape = (min(SLAB, lattice.shape[0] - x), *lattice.shape[1:])
        start = origin + matrix[:, 0] * x
        slab = affine_transform(source, matrix, start, shape, np.float32, order=1, mode="constant", prefilter=False)
        out[x : x + SLAB] = slab > 0.5
    return out

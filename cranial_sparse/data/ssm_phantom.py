"""Skulls drawn from the statistical shape model: the mean and its modes at random. For running, not for scoring."""

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from cranial_sparse.classical.ssm_model import BOX, CLIP, ShapeModel, shipped_shape_model
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.data.phantom import coarse_lattice, keep_largest, upsample_sign
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

CALM = 0.7  # of a standard deviation: whole ones tear thin bone, since the modes are drawn one by one


def ssm_phantom(seed: int, raised: float = 0.0, model: ShapeModel | None = None) -> Volume:
    """A skull, bool [512, 512, 512] at 0.45 mm on the canonical lattice (LPS), cut off below in a plane.

    Modes are drawn from a normal distribution of 0.7 of their deviation. ``raised`` mm more are missing below, as in a scan
    that shows the vault alone. Raises InputError where the seed is negative or nothing is left.
    """
    if seed < 0:
        raise InputError(f"phantom seed: expected a whole number from 0, got {seed}; choose another")
    fields = (model or shipped_shape_model()).fields
    rng = np.random.default_rng(seed)
    shape = CALM * rng.standard_normal(len(fields.modes))
    depth = spline_filter(fields.mean + np.tensordot(shape, fields.modes, 1), 3)
    fine = canonical_lattice()
    coarse = coarse_lattice(fine)
    bone = np.zeros(fine.shape, bool)
    points = coarse.to_physical(np.moveaxis(np.indices(coarse.shape), 0, -1))
    at = map_coordinates(
        depth, np.moveaxis(BOX.to_index(points), -1, 0), np.float32, order=3, cval=-CLIP, prefilter=False
    )
    whole = upsample_sign(-at)
    bone[:] = whole[tuple(map(slice, fine.shape))]
    lowest = BOX.origin[2] + raised
    bone[..., : max(0, int(np.ceil(fine.to_index(np.array([0.0, 0.0, lowest]))[2])))] = False
    if not bone.any():
        raise InputError(f"phantom: nothing is left of the skull with {raised} mm cut off below; choose less")
    keep_largest(bone)
    return Volume(bone, fine)

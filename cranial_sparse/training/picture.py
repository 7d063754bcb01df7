"""One validation case as a picture: three slices, what was found, missed and made up."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

AIR, BONE, FOUND, MISSED, INVENTED = range(5)
PALETTE = np.array([(16, 20, 26), (205, 208, 211), (226, 150, 50), (60, 110, 220), (205, 50, 60)], np.uint8)
"""Colours of air, bone, implant found (orange), missed (blue) and invented (red)."""


def paint(skull: Mask, implant: Mask, truth: Mask) -> NDArray[np.uint8]:
    """Palette indices of three masks of one shape."""
    indices = np.where(skull, BONE, AIR)
    for mask, colour in ((implant & truth, FOUND), (truth & ~implant, MISSED), (implant & ~truth, INVENTED)):
        indices[mask] = colour
    return indices.astype(np.uint8)


def case_picture(skull: Mask, implant: Mask, truth: Mask) -> NDArray[np.uint8]:
    """Palette indices [H, W]: the slices across x, y and z through the middle of the true implant, side by side.

    Masks are [X, Y, Z]; without a true implant the slices go through the middle of the volume. In each slice the
    later axis points up.
    """
    found = np.argwhere(truth)
    middle = np.rint(found.mean(axis=0)).astype(int) if len(found) else np.array(truth.shape) // 2
    slices = []
    for axis in range(3):
        painted = paint(*(np.take(mask, middle[axis], axis=axis) for mask in (skull, implant, truth)))
        slices.append(painted.T[::-1])
    height = max(s.shape[0] for s in slices)
    return np.concatenate([np.pad(s, ((height - s.shape[0], 0), (0, 0)), constant_values=AIR) for s in slices], axis=1)

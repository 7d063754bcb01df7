"""Pictures of one case that say what is wrong with an implant: beside the true one, and slice by slice over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.geometry import Volume
from cranial_sparse.metrics.boxes import bounding_box, grow, joint_box, whole
from cranial_sparse.report.png import encode_png, encode_rgb
from cranial_sparse.report.render import View, shaded
from cranial_sparse.report.slices import MARGIN, PLANES, anatomical_axes, paint, palette, to_lps

AROUND = 15  # mm around both implants in slices
TRUTH = np.array([[90, 200, 250]], np.uint8)  # the line around the true implant


@dataclass(frozen=True)
class Picture:
    """PNG bytes, what they show, and width over height in millimetres."""

    png: bytes
    caption: str
    aspect: float


def compare(skull: Volume, prediction: Volume, truth: Volume) -> tuple[Picture, ...]:
    """Prediction and truth in the skull, shaded, from the side where the implant is; then the two slices that differ most.

    All three are bool [X, Y, Z] on one grid; prediction or truth may be empty. In slices the prediction is filled, the
    truth a blue line.
    """
    order, signs = anatomical_axes(skull.geometry)
    head = joint_box(skull.array, truth.array) or whole(skull.array)
    x, y, z = (int(np.ceil(MARGIN / step)) for step in skull.geometry.spacing)
    frame = grow(head, (x, y, z), skull.array.shape)
    bone, found, true = (to_lps(v.array[frame], order, signs) for v in (skull, prediction, truth))
    a, b, c = (skull.geometry.spacing[axis] for axis in order)
    view, mirrored = best_view(true if true.any() else found)
    pictures = []
    for name, implant in (("prediction", found), ("truth", true)):
        flip = slice(None, None, -1 if mirrored else 1)
        at = {"side": (flip,), "front": (slice(None), flip), "top": ()}[view]
        picture = shaded(bone[at], view, implant[at], (a, b, c))
        picture = picture[:, ::-1] if mirrored else picture
        pictures.append(Picture(encode_rgb(picture), name, picture.shape[1] / picture.shape[0]))
    return (*pictures, *worst_slices(bone, found, true, (a, b, c)))


def best_view(implant: NDArray[np.bool_]) -> tuple[View, bool]:
    """The view (and whether from behind or from the right) that looks along the line on which the implant is off centre.

    ``implant`` [L, P, S] in the frame of its head.
    """
    box = bounding_box(implant)
    if box is None:
        return "top", False
    middle = [(side.start + side.stop) / n - 1 for side, n in zip(box, implant.shape, strict=True)]  # -1 to 1
    left, behind, above = middle
    if above > max(abs(left), abs(behind)):
        return "top", False
    return ("side", left < 0) if abs(left) > abs(behind) else ("front", behind > 0)


def worst_slices(
    bone: NDArray[np.bool_], found: NDArray[np.bool_], true: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> tuple[Picture, ...]:
    """Around the implants, the axial and the coronal slice with the most voxels in one of them only; arrays are [L, P, S]."""
    x, y, z = (int(np.ceil(AROUND / step)) for step in spacing)
    near = grow(joint_box(found, true) or whole(bone), (x, y, z), bone.shape)
    bone, found, true = bone[near], found[near], true[near]
    wrong = next((mask for mask in (found ^ true, true) if mask.any()), bone)
    pictures = []
    for name, _, normal, columns, rows, _ in PLANES[:2]:
        others = tuple(axis for axis in range(3) if axis != normal)
        index = int(np.count_nonzero(wrong, axis=others).argmax())
        cut = (slice(None),) * normal + (index,)
        skull, implant, target = (mask[cut].T for mask in (bone, found, true))
        if rows == 2:
            skull, implant, target = skull[::-1], implant[::-1], target[::-1]
        colours = palette()
        indices = paint(skull, implant)
        indices[target & ~ndimage.binary_erosion(target)] = len(colours)
        png = encode_png(indices, np.concatenate([colours, TRUTH]))
        aspect = skull.shape[1] * spacing[columns] / (skull.shape[0] * spacing[rows])
        pictures.append(Picture(png, f"{name.lower()} slice", aspect))
    return tuple(pictures)

"""From logits on a canonical lattice back to the patient's own voxels."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, find_objects, generate_binary_structure, label

from cranial_sparse.completion.completer import Field
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box, reached
from cranial_sparse.trilinear import resample_field

ABSENT = -10.0  # logit of what a field says nothing about
SMALLEST_PART = 0.1  # of the largest part: a second defect is kept, a crumb is not
SHELL = 1.5  # mm: along an axis with longer voxels, two of them are no shell but bone


def patient_logits(field: Field, patient: Geometry) -> tuple[NDArray[np.float32], tuple[slice, slice, slice]]:
    """``field`` interpolated trilinearly at the patient's voxels: logits of a box and where the box is.

    The box holds whatever is positive and is clipped to the scan; it is empty where there is nothing.
    """
    pose = field.pose
    bone = bounding_box(field.logits.numpy() > 0)
    if bone is None:
        return np.zeros((0, 0, 0), np.float32), (slice(0), slice(0), slice(0))
    index = patient.to_index(pose.to_patient(field.geometry.to_physical(reached(bone))))
    low = np.clip(np.floor(index.min(0)).astype(int), 0, patient.shape)
    high = np.clip(np.ceil(index.max(0)).astype(int) + 1, 0, patient.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    to_canonical = lambda i: field.geometry.to_index(pose.to_canonical(patient.to_physical(i)))  # noqa: E731
    offset = to_canonical(low)
    matrix = np.stack([to_canonical(low + axis) - offset for axis in np.eye(3)], axis=1)
    x, y, z = (int(n) for n in np.maximum(high - low, 0))
    logits = resample_field(field.logits.numpy(), matrix, offset, (x, y, z), ABSENT)
    return logits, (box[0], box[1], box[2])


def missing_bone(logits: NDArray, box: tuple[slice, slice, slice], skull: Volume) -> Volume:
    """Bone by the ``logits`` of a box and not in the ``skull``: cleaned, on the patient's grid (bool)."""
    implant = np.zeros_like(skull.array)  # in the order of its axes too, in which it will be written
    implant[box] = cleaned((logits > 0) & ~skull.array[box], skull.geometry.spacing)
    return Volume(implant, skull.geometry)


def cleaned(proposed: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.bool_]:
    """The large parts of ``proposed`` [X, Y, Z], voxels of ``spacing`` mm.

    Shells thinner than two voxels, which appear where prediction and bone disagree by less than a voxel, are opened away;
    not along an axis of thick slices, where two voxels may be all that a bone has.
    """
    implant = np.zeros_like(proposed)
    tight = find_objects(proposed.astype(np.uint8)) if proposed.any() else []
    if not tight:
        return implant
    proposed = proposed[tight[0]]
    cross = generate_binary_structure(3, 1)
    for axis, step in enumerate(spacing):
        if step > SHELL:
            np.moveaxis(cross, axis, 0)[[0, 2]] = False
    parts, count = label(binary_erosion(proposed, cross))
    if count:
        size = np.bincount(parts.ravel())
        size[0] = 0
        kept = (size >= SMALLEST_PART * size.max())[parts]
        implant[tight[0]] = binary_dilation(kept, cross, iterations=2) & proposed
    return implant

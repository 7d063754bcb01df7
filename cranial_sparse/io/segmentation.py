"""CT in Hounsfield units to a skull: threshold, head without table and headrest, largest component."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

BONE_HU = 150.0
"""Default bone threshold. MUG500+ and its kin were segmented at 150 HU (Li et al., Data in Brief 39, 2021); a higher
one thins the tables of the skull, a lower one lets noise and contrast medium in."""

_TISSUE_HU = -300.0  # between air or foam and skin
_COARSE_MM = 3.0  # voxels in which head and table are told apart
_TABLE_MM = 6.0  # half the thickest table shell, cushion or strap that is removed
_MARGIN_MM = 6.0  # added around the head afterwards, so that nothing of the nose or vertex is lost
_LOOSE = 0.02  # of the skull: loose bone worth telling the user about
_DEEP_MM = 30.0  # below the skin there is mostly brain, whose spread is the scan's noise
_NOISY = 2.0  # standard deviations between brain and threshold, below which noise grows onto the bone and closes holes
_VOTERS_MM = 1.5  # voxels farther apart do not vote on each other


def segment_bone(ct: Volume, threshold_hu: float = BONE_HU, source: str = "CT") -> tuple[Volume, tuple[str, ...]]:
    """Skull mask (bool [X, Y, Z]) of a head CT in HU, and notes for the user.

    The head is what is left of everything denser than foam after an opening that thin shells, cushions and tubes do not
    survive; bone is then the largest 26-connected component at or above ``threshold_hu`` in it. Holes stay open. Where
    noise takes brain over the threshold (bone kernels, low doses), most of the neighbours of a voxel have to be over it,
    which is the same as a median filter before.
    ``source`` names the scan in messages. Raises InputError where there is no head, or no bone in it.
    """
    head = _head_box_mask(ct)
    if head is None:
        raise InputError(
            f"{source}: no head found in this CT (no tissue above {_TISSUE_HU:g} HU); is it in Hounsfield units?"
        )
    box, inside, brain = head
    # Transposed: files are read first axis fastest, and labelling against the memory order takes ten times as long.
    dense: NDArray[np.bool_] = np.greater_equal(ct.array[box].T, threshold_hu)  # [Z, Y, X]
    noise = _spread(brain)
    above = threshold_hu - np.median(brain) if len(brain) else np.inf
    noisy = bool(0 < above < _NOISY * noise) and min(ct.geometry.spacing) <= _VOTERS_MM
    if noisy:
        dense = _majority(dense, ct.geometry.spacing[::-1])
    bone = dense & inside.T
    labels, count = ndimage.label(bone, structure=np.ones((3, 3, 3)))  # type: ignore[misc]
    if count == 0:
        raise InputError(
            f"{source}: no bone above {threshold_hu:g} HU; lower the bone threshold or check the scan's units"
        )
    sizes = np.bincount(labels[bone])
    largest = int(sizes.argmax())
    skull = np.zeros(ct.array.shape, bool, order="F")
    np.equal(labels, largest, out=skull[box].T)

    ml = ct.geometry.voxel_volume / 1000
    notes = [f"segmented from CT at {threshold_hu:g} HU: {sizes[largest] * ml:.0f} ml of bone"]
    if noisy:
        notes.append(
            f"a noisy scan, ± {noise:.0f} HU in the brain: bone is where most neighbouring voxels reach the threshold"
        )
    sizes[largest] = 0
    if sizes.max() > _LOOSE * skull.sum():
        notes.append(
            f"a separate piece of {sizes.max() * ml:.0f} ml (jaw, spine or loose bone) was left out of the skull"
        )
    return Volume(skull, ct.geometry), tuple(notes)


def _majority(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.bool_]:
    """Where most of the 27 voxels around are set, or 9 or 3 where slices are thick: the median of a mask."""
    count, voters = mask.view(np.uint8), 1
    for axis, step in enumerate(spacing):
        if step <= _VOTERS_MM:
            count, voters = ndimage.correlate1d(count, np.ones(3), axis, mode="nearest"), 3 * voters
    return np.asarray(2 * count.astype(np.int16) > voters)


def _spread(values: NDArray) -> float:
    """Standard deviation of most of the ``values``, from their median absolute deviation; 0 of none."""
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def _head_box_mask(ct: Volume) -> tuple[tuple[slice, slice, slice], NDArray[np.bool_], NDArray[np.float64]] | None:
    """The head's bounding box, its mask there, and HU [N] deep in it, found on a lattice of about 3 mm.

    None where there is no tissue.
    """
    steps = [max(1, round(_COARSE_MM / spacing)) for spacing in ct.geometry.spacing]
    spacing = np.multiply(steps, ct.geometry.spacing)
    coarse = ct.array[tuple(slice(step // 2, None, step) for step in steps)]
    tissue = coarse >= _TISSUE_HU
    if not tissue.any():
        return None
    # Beyond the field of view counts as tissue, or the neck and a cropped forehead would shrink.
    labels, count = ndimage.label(_distance(tissue, spacing) > _TABLE_MM)  # type: ignore[misc]
    if count == 0:
        return None
    core = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    head = _distance(~core, spacing) <= _TABLE_MM + _MARGIN_MM
    brain = coarse[_distance(core, spacing) > _DEEP_MM].astype(np.float64)

    # Each coarse voxel stands for its block; the last, partly filled block repeats.
    occupied = [np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    box, index = [], []
    for axis, blocks in enumerate(occupied):
        size = ct.array.shape[axis]
        start, stop = int(blocks[0]) * steps[axis], min(size, (int(blocks[-1]) + 1) * steps[axis])
        stop = size if blocks[-1] == head.shape[axis] - 1 else stop
        box.append(slice(start, stop))
        index.append(np.minimum(np.arange(start, stop) // steps[axis], head.shape[axis] - 1))
    return (box[0], box[1], box[2]), head.T[np.ix_(*reversed(index))].T, brain


def _distance(mask: NDArray[np.bool_], spacing: NDArray) -> NDArray[np.float64]:
    """mm from every voxel of ``mask`` to the nearest voxel outside it."""
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing))

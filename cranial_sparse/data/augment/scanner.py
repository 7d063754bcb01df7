"""What a scanner makes of a head: turned, in thicker slices, cut off, noisy, with partial volume at the rim, with debris.

Pure functions of complete skull and implant, bool [X, Y, Z] on one geometry, and of a seed or generator. Both are brought
to the new grid in the same way, and the implant lies within the complete skull.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.resampling import resample
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box

Pair = tuple[Volume, Volume]  # complete skull and implant
MARGIN = 4  # voxels around the bone
NOISE = 0.2  # standard deviation of the noise, of the contrast between bone and air
NOISE_LENGTH = 0.5  # mm, of the scanner's and the noise's blur
RIM = 4.0  # mm from the implant that count as rim
BLUR = 0.85  # mm, standard deviation: 2 mm at half height
BLOOM = 0.3  # of a voxel: dense bone passes a usual threshold where it fills so much
STEEPEST = 20.0  # degrees that a gantry or a head is tilted
THICKEST = 2.5  # mm, of slices
HIGHEST = 0.4  # of the height of the bone, at which a scan is cut off
PIECES = 8  # of debris
PIECE = (0.8, 3.0)  # mm, half axes
SCATTER = 4.0  # mm from the implant that debris lies within


def rotated(complete: Volume, implant: Volume, rotation: NDArray) -> Pair:
    """The head turned by ``rotation`` [3, 3] about the middle of its bone, on a grid along the axes of LPS.

    The grid has the old spacing and just holds the bone; read trilinearly, thresholded at one half.
    """
    old = complete.geometry
    bone = old.to_physical(np.argwhere(complete.array))
    middle = (bone.min(0) + bone.max(0)) / 2
    turned = (bone - middle) @ rotation.T + middle
    spacing = np.array(old.spacing)
    low = turned.min(0) - MARGIN * spacing
    nx, ny, nz = (np.ceil((turned.max(0) - low) / spacing).astype(int) + 1 + MARGIN).tolist()
    new = Geometry((nx, ny, nz), old.spacing, (float(low[0]), float(low[1]), float(low[2])))
    matrix = np.linalg.solve(old.matrix, rotation.T @ new.matrix)
    offset = old.to_index(rotation.T @ (low - middle) + middle)
    whole = resample(complete.array, matrix, offset, new.shape)
    return Volume(whole, new), Volume(resample(implant.array, matrix, offset, new.shape) & whole, new)


def tilted(complete: Volume, implant: Volume, rng: np.random.Generator) -> Pair:
    """The head where it was, on a grid that is tilted by up to STEEPEST about a random axis."""
    axis = rng.standard_normal(3)
    rotation = Rotation.from_rotvec(
        np.radians(rng.uniform(-STEEPEST, STEEPEST)) * axis / np.linalg.norm(axis)
    ).as_matrix()
    middle = _middle(complete)
    whole, part = rotated(complete, implant, rotation)
    grid = whole.geometry
    origin = rotation.T @ (np.asarray(grid.origin) - middle) + middle
    turned = Geometry(
        grid.shape,
        grid.spacing,
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(map(float, rotation.T.ravel())),
    )
    return Volume(whole.array, turned), Volume(part.array, turned)


def cut_off(complete: Volume, implant: Volume, rng: np.random.Generator) -> Pair:
    """A scan that starts somewhere in the lowest HIGHEST of the bone, by its third axis, whichever end of it is caudal."""
    box = bounding_box(complete.array)
    assert box is not None
    nx, ny, nz = complete.geometry.shape
    lost = int(rng.uniform(0, HIGHEST) * (box[2].stop - box[2].start))
    start, stop = box[2].start + lost, nz
    if complete.geometry.matrix[2, 2] < 0:
        start, stop = 0, box[2].stop - lost
    grid = complete.geometry.crop((0, 0, start), (nx, ny, stop - start))
    return Volume(complete.array[:, :, start:stop], grid), Volume(implant.array[:, :, start:stop], grid)


def littered(defective: Volume, implant: Volume, rng: np.random.Generator) -> Volume:
    """The defective skull with debris: a few ellipsoids in the hole or up to SCATTER mm from it."""
    array, places = defective.array.copy(), np.argwhere(implant.array)
    if not len(places):
        return Volume(array, defective.geometry)
    matrix = defective.geometry.matrix
    for _ in range(rng.integers(1, PIECES + 1)):
        centre = places[rng.integers(len(places))] + np.linalg.solve(matrix, rng.uniform(-SCATTER, SCATTER, 3))
        axes = rng.uniform(*PIECE, 3)
        turn = Rotation.random(random_state=rng).as_matrix()
        reach = np.ceil(axes.max() / np.array(defective.geometry.spacing)).astype(int) + 1
        low = np.clip(np.floor(centre).astype(int) - reach, 0, array.shape)
        high = np.clip(np.ceil(centre).astype(int) + reach + 1, 0, array.shape)
        index = np.moveaxis(np.indices(high - low), 0, -1) + low
        inside = (((index - centre) @ matrix.T @ turn / axes) ** 2).sum(-1) < 1
        array[tuple(map(slice, low, high))] |= inside
    return Volume(array, defective.geometry)


def sliced(complete: Volume, implant: Volume, thickness: float) -> Pair:
    """Slices of ``thickness`` mm along the third axis: bone where it fills more than half of the new voxel.

    The first slice starts where the first old one did; what is less than a slice at the far end is left out.
    """
    old = complete.geometry
    nx, ny, nz = old.shape
    factor = thickness / old.spacing[2]
    count = int(np.floor(nz / factor + 1e-9))
    edges = np.arange(count + 1) * factor
    below, above = edges[:-1, None], edges[1:, None]
    overlap = np.clip(np.minimum(above, np.arange(nz) + 1) - np.maximum(below, np.arange(nz)), 0, None) / factor
    origin = old.to_physical(np.array([0.0, 0.0, (factor - 1) / 2]))
    spacing = (old.spacing[0], old.spacing[1], thickness)
    new = Geometry((nx, ny, count), spacing, (float(origin[0]), float(origin[1]), float(origin[2])), old.direction)
    shares = overlap.T.astype(np.float32)
    whole, part = (
        np.stack([plane @ shares > 0.5 for plane in v.array.astype(np.float32)]) for v in (complete, implant)
    )
    return Volume(whole, new), Volume(part & whole, new)


def noisy(complete: Volume, implant: Volume, seed: int) -> Pair:
    """Surface and rim of the defective skull as a noisy scanner shows them.

    The mask is blurred, smooth Gaussian noise is added, and bone is what exceeds one half; only where the blur left
    neither bone nor air, so that no speck appears away from a surface. What the noise adds the implant loses.
    """
    box = _grown(complete, 3 * NOISE_LENGTH)
    sigma = NOISE_LENGTH / np.array(complete.geometry.spacing)
    soft = gaussian_filter((complete.array & ~implant.array)[box].astype(np.float32), sigma)
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(soft.shape, np.float32), sigma)
    noise *= NOISE / noise.std()
    unsure = (soft > 0.02) & (soft < 0.98)
    return _replaced(complete, implant, box, unsure, soft + noise > 0.5)


def blooming(complete: Volume, implant: Volume) -> Pair:
    """The rim of the defect as partial volume shows it: corners rounded off, dense bone a little swollen.

    Within RIM of the implant the defective skull is blurred to 2 mm, and bone is what exceeds BLOOM.
    """
    if not implant.array.any():
        return complete, implant
    box = _grown(implant, RIM + 3 * BLUR)
    spacing = np.array(complete.geometry.spacing)
    soft = gaussian_filter((complete.array & ~implant.array)[box].astype(np.float32), BLUR / spacing)
    near = distance_transform_edt(~implant.array[box], spacing) <= RIM
    return _replaced(complete, implant, box, near, soft > BLOOM)


def _middle(volume: Volume) -> NDArray[np.float64]:
    """The middle of the box of the bone, mm [3]: what rotated turns about."""
    bone = volume.geometry.to_physical(np.argwhere(volume.array))
    return (bone.min(0) + bone.max(0)) / 2


def _replaced(complete: Volume, implant: Volume, box: tuple[slice, ...], where: NDArray, bone: NDArray) -> Pair:
    """The pair with ``bone`` as the defective skull ``where`` it was scanned anew; the implant is what it leaves over."""
    defective, missing = complete.array & ~implant.array, implant.array.copy()
    defective[box] = np.where(where, bone, defective[box])
    missing &= ~defective
    return Volume(defective | missing, complete.geometry), Volume(missing, complete.geometry)


def _grown(volume: Volume, margin: float) -> tuple[slice, ...]:
    """The box of a mask and ``margin`` mm around it, within the array."""
    box = bounding_box(volume.array)
    assert box is not None
    more = np.ceil(margin / np.array(volume.geometry.spacing)).astype(int)
    return tuple(slice(max(0, side.start - int(m)), side.stop + int(m)) for side, m in zip(box, more, strict=True))

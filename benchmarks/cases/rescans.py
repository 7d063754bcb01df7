"""The official cases scanned again: turned, in thicker slices, with noise, with the partial volume of dense bone.

Pure functions of complete skull and implant, bool [X, Y, Z] on one geometry, and of a seed. Both are brought to the
new grid in the same way, so the truth is the missing bone as the rescan shows it, and lies within the complete skull.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.resampling import resample
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics.boxes import bounding_box

Pair = tuple[Volume, Volume]  # complete skull and implant
ANGLE = 20.0  # degrees
MARGIN = 4  # voxels around the bone
NOISE = 0.2  # standard deviation of the noise, of the contrast between bone and air
NOISE_LENGTH = 0.5  # mm, of the scanner's and the noise's blur
RIM = 4.0  # mm from the implant that count as rim
BLUR = 0.85  # mm, standard deviation: 2 mm at half height
BLOOM = 0.3  # of a voxel: dense bone passes a usual threshold where it fills so much


def rescan(name: str, complete: Volume, implant: Volume, seed: int) -> Pair:
    """The rescan ``name``, one of RESCANS, of an official case."""
    if name == "rotated":
        return rotated(complete, implant, oblique(seed))
    if name == "slices_1mm":
        return sliced(complete, implant, 1.0)
    if name == "slices_2mm":
        return sliced(complete, implant, 2.0)
    return noisy(complete, implant, seed) if name == "noise" else blooming(complete, implant)


def oblique(seed: int) -> NDArray[np.float64]:
    """[3, 3] a turn by ANGLE about an axis well off all three."""
    rng = np.random.default_rng(seed)
    axis = rng.choice((-1, 1), 3) * rng.uniform(0.6, 1, 3)
    return Rotation.from_rotvec(np.radians(ANGLE) * axis / np.linalg.norm(axis)).as_matrix()


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
    box = _grown(implant, RIM + 3 * BLUR)
    spacing = np.array(complete.geometry.spacing)
    soft = gaussian_filter((complete.array & ~implant.array)[box].astype(np.float32), BLUR / spacing)
    near = distance_transform_edt(~implant.array[box], spacing) <= RIM
    return _replaced(complete, implant, box, near, soft > BLOOM)


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

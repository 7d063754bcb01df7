"""Any input a user has, as a skull: a binary mask, a CT in Hounsfield units or a surface mesh."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.affine import format_lengths
from cranial_sparse.io.mesh import MESH_SUFFIXES, read_mesh, voxelize
from cranial_sparse.io.segmentation import BONE_HU, segment_bone
from cranial_sparse.io.volume import SLICES, VOLUME_SUFFIXES, read_volume, volume_suffix

_EXTENT_MM = (80.0, 400.0)  # longest side of a skull's box: a vault alone to a head with neck
_VOLUME_ML = (60.0, 3000.0)  # bone: half a thin vault to a head with spine; an implant alone has less
_SOLID = 0.6  # of its own box: skulls are hollow and fill less than a quarter
_COARSE_MM = 1.5
# Read every millimetre, 0.993 to 1.0 of the bone of 24 train skulls is one piece, cut or on slices of 5 mm too, and a
# vault cut along the middle has two halves; of noise that fills less than a third, 0.005 at most is one piece.
_ONE_PIECE, _READ_MM = 0.3, 1.0


@dataclass(frozen=True, eq=False)
class Skull:
    """A defective or complete skull: ``volume`` is bool [X, Y, Z]; ``notes`` are sentences for the user."""

    volume: Volume
    kind: Literal["mask", "ct", "mesh"]
    notes: tuple[str, ...] = ()


def read_skull(path: str | Path, threshold_hu: float | None = None) -> Skull:
    """Read a mask (0 and 1, or 0 and 255), a head CT (segmented at ``threshold_hu``, or 150) or a closed STL or PLY mesh.

    Raises InputError, one line, where the input is missing, damaged, empty, not finite, neither mask nor CT, too
    small, too large or too light to be a skull in millimetres, or a mask in many pieces.
    """
    path = Path(path)
    if path.suffix.lower() in MESH_SUFFIXES:
        vertices, triangles = read_mesh(path)
        check_extent(np.ptp(vertices, axis=0), path)
        skull = Skull(voxelize(vertices, triangles, source=str(path)), "mesh")
    elif path.is_file() and volume_suffix(path) not in (*VOLUME_SUFFIXES, *SLICES):
        known = ", ".join((*VOLUME_SUFFIXES, *MESH_SUFFIXES))
        raise InputError(f"{path}: expected {known} or a DICOM folder, got '{path.suffix or path.name}'; convert it")
    else:
        skull = _from_volume(read_volume(path), BONE_HU if threshold_hu is None else threshold_hu, path)
    _check_skull(skull.volume, path)
    if skull.kind == "mask":
        _check_one_piece(skull.volume, path)
    notes = list(skull.notes)
    if skull.kind != "ct" and threshold_hu is not None:
        notes.append(f"the threshold of {threshold_hu:g} HU was not used: this is a {skull.kind}, not a CT")
    coarse = max(skull.volume.geometry.spacing)
    if coarse > _COARSE_MM:
        size = format_lengths(skull.volume.geometry.spacing)
        notes.append(f"voxels of {size} mm are coarse: the implant cannot fit closer than they allow")
    return replace(skull, notes=tuple(notes))


def check_extent(extent: NDArray, path: Path) -> None:
    """Raises InputError where a box of ``extent`` [3] mm cannot hold a skull, as happens with lengths in m or cm."""
    low, high = _EXTENT_MM
    if not low <= max(extent) <= high:
        raise InputError(
            f"{path}: the skull measures {format_lengths(extent)} mm, expected {low:g} to {high:g} on its longest side;"
            " is the spacing in mm?"
        )


def _from_volume(volume: Volume, threshold_hu: float, path: Path) -> Skull:
    array = volume.array
    if array.size == 0:
        raise InputError(f"{path}: the volume has no voxels")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = array.size - np.count_nonzero(np.isfinite(array))
        count = "1 voxel is" if bad == 1 else f"{bad} voxels are"
        raise InputError(f"{path}: {count} not finite (NaN or infinite); use another value there, -1000 in a CT")
    low, high = array.min().item(), array.max().item()
    if low == high:
        lacking = "bone" if low == 0 else "air around the bone"
        raise InputError(f"{path}: every voxel is {low:g}, there is no {lacking}; expected a skull mask or a head CT")
    if low == 0 and high in (1, 255):
        mask = array == high
        others = array.size - np.count_nonzero(mask) - np.count_nonzero(array == 0)
        if others == 0:
            return Skull(Volume(mask, volume.geometry), "mask")
        found = f"values between 0 and {high:g}, {others} of them neither"
    elif low <= -200 and high >= 300:
        bone, notes = segment_bone(volume, threshold_hu, str(path))
        return Skull(bone, "ct", notes)
    else:
        found = f"values from {low:g} to {high:g}"
    raise InputError(
        f"{path}: expected a mask of 0 and 1 (or 255), or a CT in Hounsfield units (air near -1000), got {found};"
        " threshold or rescale it first"
    )


def _check_skull(skull: Volume, path: Path) -> None:
    extent = _extent(skull.array, skull.geometry)
    check_extent(extent, path)
    count = np.count_nonzero(skull.array)
    filled = count * float(np.prod(skull.geometry.spacing) / np.prod(extent))
    if filled > _SOLID:
        raise InputError(
            f"{path}: bone fills {100 * filled:.0f} % of its box, a skull is hollow; is the mask inverted?"
        )
    ml, (low, high) = count * skull.geometry.voxel_volume / 1000, _VOLUME_ML
    if not low <= ml <= high:
        raise InputError(
            f"{path}: {ml:.0f} ml of bone is not a skull, expected {low:g} to {high:g} ml; check the segmentation, and"
            f" the spacing ({format_lengths(skull.geometry.spacing)} mm)"
        )


def _check_one_piece(skull: Volume, path: Path) -> None:
    steps = tuple(slice(None, None, max(1, round(_READ_MM / length))) for length in skull.geometry.spacing)
    thin = np.ascontiguousarray(skull.array[steps].T)  # transposed as files are read, or labelling is ten times slower
    labels, _ = ndimage.label(thin)  # type: ignore[misc]
    share = np.bincount(labels[thin], minlength=1).max() / max(1, np.count_nonzero(thin))
    if share < _ONE_PIECE:
        raise InputError(
            f"{path}: this does not look like a skull: its largest piece is {share:.0%} of the mask, expected"
            f" {_ONE_PIECE:.0%} or more; check the segmentation"
        )


def _extent(mask: NDArray, geometry: Geometry) -> NDArray:
    """[3] mm along the array's axes."""
    sides = []
    for axis, spacing in enumerate(geometry.spacing):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        sides.append((occupied[-1] - occupied[0] + 1) * spacing)
    return np.asarray(sides)

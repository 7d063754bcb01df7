"""Volumes from and to files, geometry exactly as the file says: arrays [X, Y, Z], LPS mm."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.dicom import read_dicom_series
from cranial_sparse.io.metaimage import read_metaimage, write_metaimage
from cranial_sparse.io.nifti import read_nifti, write_nifti
from cranial_sparse.io.nrrd import read_nrrd, write_nrrd

_READERS: dict[str, Callable[[Path], Volume]] = {
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
}
_WRITERS: dict[str, Callable[[Path, Volume], None]] = {
    ".nrrd": write_nrrd,
    ".nii": write_nifti,
    ".nii.gz": write_nifti,
    ".mha": write_metaimage,
    ".mhd": write_metaimage,
}
VOLUME_SUFFIXES = tuple(_READERS)
SLICES = (".dcm", ".ima")  # files of a DICOM series


def volume_suffix(path: Path) -> str:
    """The file's kind in lower case, ".nii.gz" whole."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def read_volume(path: str | Path) -> Volume:
    """Read NRRD, NIfTI or MetaImage, or a folder holding a DICOM series, with the file's own voxel type.

    The array is in the file's memory order (first axis fastest) and may be read-only. Raises InputError where the file
    is missing, damaged, not a single scalar 3D volume, or does not say its spacing: 1, 1, 1 is never assumed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return read_dicom_series(path)
    suffix = volume_suffix(path)
    if suffix in SLICES:
        raise InputError(f"{path}: one slice is not a volume; give the folder that holds its DICOM series")
    if suffix not in _READERS:
        raise InputError(
            f"{path}: expected {', '.join(_READERS)} or a DICOM folder, got '{suffix or path.name}'; convert it"
        )
    return _READERS[suffix](path)


def read_mask(path: Path) -> Volume:
    """A bool volume from a file of zeros and one other value; all zeros is an empty mask. Raises InputError."""
    volume = read_volume(path)
    mask = volume.array != 0
    if mask.any() and not np.array_equal(mask, volume.array == volume.array.max()):
        found = f"{volume.array.min()} to {volume.array.max()}"
        raise InputError(
            f"{path}: expected a mask of 0 and one other value, got values from {found}; threshold it first"
        )
    return Volume(mask, volume.geometry)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume in the format its suffix names, bool as uint8, atomically: all of it or nothing.

    NRRD and MetaImage keep the geometry to the bit; NIfTI headers hold float32. Raises InputError where the suffix is
    unknown or the folder cannot be written.
    """
    path = Path(path)
    suffix = volume_suffix(path)
    if suffix not in _WRITERS:
        raise InputError(f"{path}: can write {', '.join(_WRITERS)}, got '{suffix or path.name}'")
    _WRITERS[suffix](path, volume)

"""A folder of DICOM slices as one volume in its own units (Hounsfield for CT)."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.affine import geometry_from_steps

_SERIES, _DESCRIPTION = "0020|000e", "0008|103e"
_PLACE = {"0020|0032": ("Image Position", 3), "0020|0037": ("Image Orientation", 6), "0028|0030": ("Pixel Spacing", 2)}
_EVEN = 0.1  # of the slice step: how far a slice may lie from where even spacing puts it


@contextmanager
def _quiet() -> Iterator[None]:
    """ITK's warnings off: what goes wrong here is said once, in our own words."""
    import SimpleITK as sitk

    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


@dataclass(frozen=True, eq=False)
class _Slice:
    path: Path
    series: str
    description: str
    size: tuple[int, int]
    position: NDArray  # [3] LPS mm, centre of the first pixel
    orientation: NDArray  # [6] directions of a row, then of a column
    spacing: NDArray  # [2] mm between rows, then between columns


def read_dicom_series(folder: Path) -> Volume:
    """The largest series of a folder, sorted by position, rescale slope and intercept applied.

    Slices displaced along the table by gantry tilt give a sheared geometry, as scanned. Raises InputError where the
    folder holds no DICOM slices, where several series are equally large, and where slices are missing, repeated,
    unevenly spaced or do not say their position and pixel spacing.
    """
    slices = _choose_series(_scan(folder), folder)
    first = slices[0]
    columns, rows = (part / np.linalg.norm(part) for part in (first.orientation[:3], first.orientation[3:]))
    positions = np.stack([item.position for item in slices])  # [S, 3]
    order = np.argsort(positions @ np.cross(columns, rows), kind="stable")
    slices, positions = [slices[k] for k in order], positions[order]
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    _check_even(positions, step, folder)
    # Pixel spacing is given as (between rows, between columns); index x runs along a row, from column to column.
    steps = np.stack([columns * first.spacing[1], rows * first.spacing[0], step], axis=1)
    array = _read_pixels([item.path for item in slices])
    return Volume(array, geometry_from_steps(array.shape, steps, positions[0], folder))


def _scan(folder: Path) -> list[_Slice]:
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper() != "DICOMDIR")
    found = [_read_header(path) for path in paths]
    slices = [item for item in found if isinstance(item, _Slice)]
    if slices:
        return slices  # reports and the like beside them do not matter
    for item in found:
        if isinstance(item, InputError):
            raise item
    raise InputError(
        f"{folder}: no DICOM slices in this folder (subfolders are not searched); give the series' own folder"
    )


def _read_header(path: Path) -> _Slice | InputError | None:
    """One slice's place, what is wrong with a DICOM image that does not give it, or None for any other file."""
    import SimpleITK as sitk

    reader: Any = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with _quiet():
            reader.ReadImageInformation()
    except RuntimeError:
        return None
    if len(reader.GetSize()) > 2 and reader.GetSize()[2] > 1:
        return InputError(f"{path}: multi-frame DICOM is not supported; export single slices, or convert it to NRRD")

    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip("\0 ") if reader.HasMetaDataKey(tag) else ""

    place = []
    for tag, (name, count) in _PLACE.items():
        try:
            values = np.array([float(word) for word in text(tag).split("\\")])
        except ValueError:
            values = np.empty(0)
        if values.size != count or not np.isfinite(values).all():
            return InputError(f"{path}: DICOM slice without {name} ({tag.replace('|', ',')}); export the series again")
        place.append(values)
    size = reader.GetSize()
    return _Slice(path, text(_SERIES), text(_DESCRIPTION) or "no description", (size[0], size[1]), *place)


def _choose_series(slices: list[_Slice], folder: Path) -> list[_Slice]:
    """The most slices that share a series, size, orientation and pixel spacing: scouts and reports fall away."""
    groups = defaultdict(list)
    for item in slices:
        key = (item.series, item.size, *np.round(item.orientation, 3), *np.round(item.spacing, 4))
        groups[key].append(item)
    ranked = sorted(groups.values(), key=len, reverse=True)
    if len(ranked[0]) < 2:
        raise InputError(
            f"{folder}: expected a series of parallel slices, got single images; give the folder of a CT series"
        )
    if len(ranked) > 1 and len(ranked[0]) == len(ranked[1]):
        names = ", ".join(f"'{group[0].description}'" for group in ranked if len(group) == len(ranked[0]))
        raise InputError(
            f"{folder}: several series of {len(ranked[0])} slices ({names}); put the one to use in a folder of its own"
        )
    return ranked[0]


def _check_even(positions: NDArray, step: NDArray, folder: Path) -> None:
    length = float(np.linalg.norm(step))
    steps = np.diff(positions, axis=0)  # [S - 1, 3]
    if length == 0 or np.linalg.norm(steps, axis=1).min() < 1e-3 * length:
        raise InputError(
            f"{folder}: two slices lie at the same position; export the series once, without repeated slices"
        )
    even = positions[0] + np.arange(len(positions))[:, None] * step
    gaps = np.linalg.norm(steps, axis=1)
    if np.linalg.norm(positions - even, axis=1).max() > _EVEN * length:
        raise InputError(
            f"{folder}: slices are missing or unevenly spaced ({gaps.min():.3f} to {gaps.max():.3f} mm apart);"
            " export the whole series"
        )


def _read_pixels(paths: list[Path]) -> NDArray:
    """[X, Y, Z] with rescale slope and intercept applied slice by slice."""
    import SimpleITK as sitk

    planes = []
    for path in paths:
        try:
            with _quiet():
                image = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
        except RuntimeError:
            raise InputError(f"{path}: corrupt or cut off DICOM slice; export the series again") from None
        if image.GetNumberOfComponentsPerPixel() != 1:
            raise InputError(f"{path}: expected a greyscale slice, got colour; export the original CT series")
        planes.append(np.squeeze(sitk.GetArrayFromImage(image)).T)
    dtype = np.result_type(*{plane.dtype for plane in planes})
    volume = np.empty((*planes[0].shape, len(planes)), dtype, order="F")
    for z, plane in enumerate(planes):
        volume[:, :, z] = plane
    return volume

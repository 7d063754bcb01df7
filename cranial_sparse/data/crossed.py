"""Cross-case registration: one skull in the shape of another, as a prepared skull that training can read.

Every skull has a Head: its bone, its distances, the frames they are in. A pair's warp (``registration``) brings the moving
head onto the fixed one; the moving mask is then read once, straight onto the canonical lattice of the fixed head.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from cranial_sparse.bricks import from_dense
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.completion.frame import Pose, lattice_for
from cranial_sparse.data.defects.vault import Vault, fit_vault
from cranial_sparse.data.prepared import Prepared, Source
from cranial_sparse.data.registration import (
    AFFINE,
    COMMON,
    OWN,
    RIGID,
    Target,
    Warp,
    demons,
    distance_field,
    fit_linear,
)
from cranial_sparse.geometry import Geometry, Volume

Kind = Literal["rigid", "affine", "demons"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VERSION = 2  # of what crossing makes of two heads: count it up with any change to it or to the registration
STEPS = ((6.0, 15), (3.0, 12))  # demons: lattice, mm, and iterations, coarse to fine
THIN = 1.5  # mm between the voxels that a vault is fitted to
BLOCK = 16  # voxels along a block of the canonical lattice
BATCH = 64  # blocks at a time
BENT = 1.8  # mm: what a warp may stretch half the diagonal of a block by
SHOWN = 0.98  # share of the fixed head's surface in a slice that the moving scan must show


@dataclass(frozen=True, eq=False)
class Head:
    """A complete skull and the ``implant`` that came with it (bool [X, Y, Z], one geometry), and its frames: the ``vault``'s,
    in which ``field`` (registration.distance_field) is, and the canonical ``pose`` and ``lattice`` with its ``size``."""

    complete: Volume
    implant: Volume | None
    vault: Vault
    field: NDArray[np.int8]
    pose: Pose
    lattice: Geometry
    size: float
    outside_ml: float


def head_of(complete: Volume, implant: Volume | None) -> Head:
    """The Head of a skull (bool [X, Y, Z]); about ten seconds. Raises InputError where no pose can be found."""
    geometry = complete.geometry
    step = max(1, round(THIN / min(geometry.spacing)))
    vault = fit_vault(geometry.to_physical(np.argwhere(complete.array[::step, ::step, ::step]) * step))
    model = shipped_model().outer
    pose, fitted = estimate_pose(complete, model)
    lattice, outside_ml = lattice_for(complete, pose)
    size = float(np.mean(fitted / model.mean))
    return Head(complete, implant, vault, distance_field(complete, vault), pose, lattice, size, outside_ml)


def register(moving: Head, fixed: Head, kind: Kind) -> Warp:
    """From the frame of the ``fixed`` vault to that of the ``moving`` one: rigid; affine, from there; demons, from there."""
    distance, seen = (OWN.sample(part.astype(np.float32), COMMON.points(), order=1) for part in fixed.field)
    target = Target(distance / np.float32(10), (seen > 0.99).astype(np.float32))
    skull = moving.field.astype(np.float32)
    warp = fit_linear(target, skull, Warp(), RIGID)
    if kind == "rigid":
        return warp
    warp = fit_linear(target, skull, warp, AFFINE)
    if kind == "affine":
        return warp
    for step, steps in STEPS:
        warp = demons(target, type(COMMON)(step, COMMON.low, COMMON.high), skull, warp, steps)
    return warp


def crossed(moving: Head, fixed: Head, kind: Kind, source: Source) -> Prepared:
    """The ``moving`` skull, and its implant, in the place of the ``fixed`` one.

    The lattice starts where the moving scan shows the head: below, it would look like a hole.
    """
    warp = register(moving, fixed, kind)
    lattice = fixed.lattice
    lattice = lattice.crop((0, 0, (low := _lowest(moving, fixed, warp))), (*lattice.shape[:2], lattice.shape[2] - low))
    to_index = _map(moving, fixed, warp)
    blocks = _blocks_with_bone(moving, fixed, warp, lattice)
    whole = _read(moving.complete.array, to_index, lattice, blocks)
    part = None if moving.implant is None else _read(moving.implant.array, to_index, lattice, blocks) & whole
    return Prepared(
        source, fixed.pose, fixed.size, fixed.complete.geometry, lattice, fixed.outside_ml,
        from_dense(torch.from_numpy(whole)), None if part is None else from_dense(torch.from_numpy(part)),
    )  # fmt: skip


def _map(moving: Head, fixed: Head, warp: Warp) -> Callable[[NDArray], NDArray]:
    """Canonical points [N, 3] of the fixed head to voxel indices [N, 3] of the moving scan."""

    def to_index(points: NDArray) -> NDArray:
        local = warp(fixed.vault.to_local(fixed.pose.to_patient(points)).T).T
        return moving.complete.geometry.to_index(moving.vault.to_points(local))

    return to_index


def _lowest(moving: Head, fixed: Head, warp: Warp) -> int:
    """The first slice of the fixed head's lattice above all those in which the moving scan misses some of the surface."""
    points = COMMON.points()
    surface = points[:, np.abs(OWN.sample(fixed.field[0].astype(np.float32), points)) < 30]
    seen = OWN.sample(moving.field[1].astype(np.float32), warp(surface), order=0) > 0.5
    canonical = fixed.pose.to_canonical(fixed.vault.to_points(surface.T))
    slices = np.clip(fixed.lattice.to_index(canonical)[:, 2], 0, fixed.lattice.shape[2] - 1).astype(int)
    there = np.bincount(slices, minlength=fixed.lattice.shape[2])
    shown = np.bincount(slices, seen, minlength=fixed.lattice.shape[2])
    hidden = np.flatnonzero(shown < SHOWN * there)
    hidden = hidden[hidden < np.median(slices)]  # a vertex cut off stays in: it is a hole in that head too
    return int(hidden[-1]) + 1 if len(hidden) else 0


def _blocks_with_bone(moving: Head, fixed: Head, warp: Warp, lattice: Geometry) -> NDArray[np.int64]:
    """First voxels [n, 3] of the blocks of ``lattice`` whose middle is near enough to the moving head's bone."""
    starts = np.indices([-(-n // BLOCK) for n in lattice.shape]).reshape(3, -1).T * BLOCK
    middle = lattice.to_physical(starts + (BLOCK - 1) / 2)
    reach = float(np.linalg.norm(lattice.matrix @ np.full(3, BLOCK / 2))) + BENT
    local = fixed.vault.to_local(fixed.pose.to_patient(middle)).T
    return starts[OWN.sample(moving.field[0].astype(np.float32), warp(local)) < 10 * reach]


def _read(mask: NDArray[np.bool_], to_index: Callable, lattice: Geometry, blocks: NDArray) -> NDArray[np.bool_]:
    """``mask`` [X, Y, Z] at the voxels of ``lattice`` in ``blocks``: trilinear with nothing outside, thresholded at one half."""
    out = np.zeros([-(-n // BLOCK) * BLOCK for n in lattice.shape], bool)
    within = np.indices((BLOCK,) * 3).reshape(3, -1).T
    grey = mask.view(np.uint8)
    for start in range(0, len(blocks), BATCH):
        voxels = (blocks[start : start + BATCH, None] + within).reshape(-1, 3)
        index = to_index(lattice.to_physical(voxels))
        share = map_coordinates(grey, index.T, np.float32, order=1, mode="grid-constant", prefilter=False)
        out[tuple(voxels[share > 0.5].T)] = True
    nx, ny, nz = lattice.shape
    return out[:nx, :ny, :nz]

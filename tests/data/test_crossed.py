"""Crossed skulls: two made-up heads whose difference is known, and what training makes of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("SimpleITK")

from cranial_sparse.bricks import to_dense
from cranial_sparse.completion.frame import canonical_lattice
from cranial_sparse.completion.resampling import to_lattice
from cranial_sparse.data.crossed import Head, crossed, head_of
from cranial_sparse.data.prepared import Prepared, Source, load_prepared, save_prepared
from cranial_sparse.geometry import Geometry, Volume

SOURCE = Source("a_onto_b", "a_onto_b", "affine", "train", "hash", "test", ("a", "b"))
GRID = Geometry((96, 120, 80), (2.0, 2.0, 2.0), (-95.0, -119.0, -50.0))


def ellipsoid(width: float, length: float, height: float, thickness: float) -> Volume:
    x, y, z = np.moveaxis(GRID.to_physical(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)
    radius = np.sqrt((x / width) ** 2 + (y / length) ** 2 + (z / height) ** 2)
    return Volume((radius < 1) & (radius > 1 - thickness / width), GRID)


def made(skull: Volume) -> Head:
    """With an implant on its left side, high up."""
    hole = np.zeros_like(skull.array)
    hole[60:, 40:70, 45:] = True
    return coarse(head_of(skull, Volume(skull.array & hole, GRID)))


def coarse(head: Head) -> Head:
    """On a lattice of 1.8 mm, which is as good for these and has a 64th of the voxels."""
    return replace(head, lattice=canonical_lattice(2))


@pytest.fixture(scope="module")
def heads() -> tuple[Head, Head]:
    """A narrow, thick one and a wide, thin one."""
    return made(ellipsoid(68, 92, 88, 8)), made(ellipsoid(76, 95, 92, 5))


def vaults(prepared: Prepared, fixed: Head) -> tuple[np.ndarray, np.ndarray]:
    assert prepared.complete is not None
    warped = to_dense(prepared.complete, prepared.lattice.shape).numpy().astype(bool)
    there = to_lattice(fixed.complete, fixed.pose, prepared.lattice).astype(bool)
    return warped[:, :, -55:], there[:, :, -55:]


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def test_a_head_onto_itself_is_itself(heads: tuple[Head, Head]) -> None:
    assert dice(*vaults(crossed(heads[0], heads[0], "affine", SOURCE), heads[0])) > 0.9


def test_each_kind_comes_closer_and_the_implant_comes_along(heads: tuple[Head, Head]) -> None:
    moving, fixed = heads
    found = [crossed(moving, fixed, kind, SOURCE) for kind in ("rigid", "affine", "demons")]
    rigid, affine, bent = (dice(*vaults(prepared, fixed)) for prepared in found)
    assert rigid < affine < bent
    assert bent > 0.8
    for prepared in found:
        assert prepared.complete is not None
        assert prepared.implant is not None
        ml = prepared.volumes_ml()
        share = moving.implant.array.sum() / moving.complete.array.sum()
        assert ml["implant"] / ml["complete"] == pytest.approx(share, rel=0.15)
    # outer surfaces meet, but the bone stays the moving one's: thicker than the fixed one, by an affine map
    thick, thin = vaults(found[1], fixed)
    assert thick.sum() > 1.2 * thin.sum()


def test_what_the_moving_scan_does_not_show_is_no_hole(heads: tuple[Head, Head]) -> None:
    """A scan that starts 30 mm higher gives a lattice that starts higher, by 15 slices of 2 mm or a little more."""
    moving, fixed = heads
    nx, ny, nz = GRID.shape
    grid = GRID.crop((0, 0, 15), (nx, ny, nz - 15))
    short = coarse(head_of(Volume(moving.complete.array[:, :, 15:], grid), None))
    whole, cut = (crossed(head, fixed, "rigid", SOURCE).lattice for head in (moving, short))
    lost = (cut.origin[2] - whole.origin[2]) - 30
    assert -8 < lost < 12
    assert crossed(short, fixed, "rigid", SOURCE).implant is None


def test_what_it_was_made_of_survives_its_file(heads: tuple[Head, Head], tmp_path: Path) -> None:
    prepared = crossed(*heads, "rigid", SOURCE)
    save_prepared(prepared, tmp_path / "one.skull.zip")
    assert load_prepared(tmp_path / "one.skull.zip").source == SOURCE
    plain = replace(prepared, source=replace(SOURCE, made_of=()))
    save_prepared(plain, tmp_path / "other.skull.zip")
    assert load_prepared(tmp_path / "other.skull.zip").source.made_of == ()

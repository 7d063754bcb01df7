"""Rescans of shapes whose volume and place are known."""

import numpy as np
import pytest

from benchmarks.cases.listing import RESCANS
from benchmarks.cases.rescans import ANGLE, oblique, rescan
from cranial_sparse.data.augment.scanner import BLOOM, RIM, blooming, noisy, rotated, sliced
from cranial_sparse.geometry import Geometry, Volume

SPACING = (1.0, 1.0, 0.8)


def places(geometry: Geometry) -> np.ndarray:
    return geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1))


def ball(tilted: bool = False) -> tuple[Volume, Volume]:
    """A shell from 20 to 26 mm about (3, -2, 5); its implant is what lies more than 10 mm above the middle."""
    direction = oblique(3) if tilted else np.eye(3)
    centre = np.array([3.0, -2.0, 5.0])
    shape = (64, 66, 80)
    corner = centre - direction @ (np.array(SPACING) * (np.array(shape) - 1) / 2)
    geometry = Geometry(shape, SPACING, tuple(map(float, corner)), tuple(map(float, direction.ravel())))
    off = places(geometry) - centre
    radius = np.linalg.norm(off, axis=-1)
    shell = (radius > 20) & (radius < 26)
    return Volume(shell, geometry), Volume(shell & (off[..., 2] > 10), geometry)


def millilitres(volume: Volume) -> float:
    return float(volume.array.sum() * volume.geometry.voxel_volume / 1000)


def centroid(volume: Volume) -> np.ndarray:
    return volume.geometry.to_physical(np.argwhere(volume.array)).mean(0)


@pytest.mark.parametrize("name", RESCANS)
@pytest.mark.parametrize("tilted", [False, True])
def test_truth_and_defective_skull_are_the_complete_one(name: str, tilted: bool) -> None:
    """Both on one grid, the truth inside the complete skull, volumes and the truth's place kept, a seed repeatable."""
    complete, implant = ball(tilted)
    before = complete.array.copy(), implant.array.copy()
    whole, missing = rescan(name, complete, implant, 5)
    assert np.array_equal(before[0], complete.array)
    assert np.array_equal(before[1], implant.array)
    assert whole.geometry == missing.geometry
    assert whole.array.dtype == missing.array.dtype == bool
    assert not (missing.array & ~whole.array).any()
    assert millilitres(whole) == pytest.approx(millilitres(complete), rel=0.02)
    moved = {"partial_volume": 0.12, "slices_1mm": 0.05}.get(
        name, 0.02
    )  # the rim swells; the flat rim is a whole slice
    assert millilitres(missing) == pytest.approx(millilitres(implant), rel=moved)
    if name != "rotated":
        assert centroid(missing) == pytest.approx(centroid(implant), abs=0.5)
    again = rescan(name, complete, implant, 5)
    assert np.array_equal(again[0].array, whole.array)
    assert np.array_equal(again[1].array, missing.array)


def test_a_turn_is_oblique_by_the_angle_and_by_the_seed() -> None:
    for seed in range(5):
        turn = oblique(seed)
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(ANGLE)
        assert np.linalg.det(turn) == pytest.approx(1)
        axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        assert np.abs(axis / np.linalg.norm(axis)).min() > 0.35
    assert not np.allclose(oblique(0), oblique(1))


def test_the_head_turns_about_its_middle_and_back() -> None:
    complete, implant = ball(tilted=True)
    turn = oblique(2)
    whole, missing = rotated(complete, implant, turn)
    assert whole.geometry.spacing == SPACING
    middle = np.array([3.0, -2.0, 5.0])
    assert centroid(missing) == pytest.approx(turn @ (centroid(implant) - middle) + middle, abs=0.1)
    _, back = rotated(whole, missing, turn.T)
    assert centroid(back) == pytest.approx(centroid(implant), abs=0.2)
    off = places(back.geometry) - middle
    radius = np.linalg.norm(off, axis=-1)
    true = (radius > 20) & (radius < 26) & (off[..., 2] > 10)
    assert (
        2 * (back.array & true).sum() / (back.array.sum() + true.sum()) > 0.93
    )  # two readings of a 6 mm plate at 1 mm


def test_no_turn_changes_nothing_but_the_grid() -> None:
    complete, implant = ball()
    whole, missing = rotated(complete, implant, np.eye(3))
    assert whole.array.sum() == complete.array.sum()
    assert missing.array.sum() == implant.array.sum()
    assert centroid(missing) == pytest.approx(centroid(implant))


def test_slices_by_hand() -> None:
    """0.5 mm slices with bone in 1 to 5 and implant in 4 and 5: slices of 1 mm cover 0-1, 2-3, 4-5; half is not enough."""
    column = np.zeros((2, 2, 7), bool)
    column[..., 1:6] = True
    geometry = Geometry((2, 2, 7), (1.0, 1.0, 0.5), (0.0, 0.0, 10.0))
    top = column & (np.arange(7) >= 4)
    whole, missing = sliced(Volume(column, geometry), Volume(top, geometry), 1.0)
    assert whole.array[0, 0].tolist() == [False, True, True]
    assert missing.array[0, 0].tolist() == [False, False, True]
    assert whole.geometry.spacing == (1.0, 1.0, 1.0)
    assert whole.geometry.origin == (0.0, 0.0, 10.25)  # its lower face stays at 9.75
    same, _ = sliced(Volume(column, geometry), Volume(top, geometry), 0.5)
    assert np.array_equal(same.array, column)
    assert same.geometry == geometry


def test_noise_is_on_surfaces_alone() -> None:
    """Every voxel that changes is next to a surface of the defective skull, and some change on its rim."""
    complete, implant = ball()
    whole, missing = noisy(complete, implant, 1)
    before, after = complete.array & ~implant.array, whole.array & ~missing.array
    off = places(complete.geometry) - np.array([3.0, -2.0, 5.0])
    radius = np.linalg.norm(off, axis=-1)
    away = np.minimum(np.minimum(np.abs(radius - 20), np.abs(radius - 26)), np.abs(off[..., 2] - 10))
    changed = before ^ after
    assert away[changed].max() < 2
    rim = (np.abs(off[..., 2] - 10) < 1) & (np.abs(radius - 23) < 2)
    assert (changed & rim).any()
    assert (changed & ~rim).sum() > 0.02 * before.sum()
    assert not np.array_equal(noisy(complete, implant, 2)[0].array, whole.array)


def test_partial_volume_swells_a_flat_rim_and_leaves_the_rest() -> None:
    """Across a flat face a Gaussian of 0.85 mm passes 0.3 at 0.45 mm, so the defective block gains its next 0.4 mm."""
    geometry = Geometry((30, 30, 100), (1.0, 1.0, 0.4))
    block = np.ones(geometry.shape, bool)
    block[:, :, 90:] = False
    top = block & (np.arange(100) >= 60)
    whole, missing = blooming(Volume(block, geometry), Volume(top, geometry))
    after = whole.array & ~missing.array
    assert pytest.approx(0.3) == BLOOM
    assert after[15, 15, :].sum() == 61
    assert np.array_equal(whole.array, block)
    assert after[..., : 60 - int(RIM / 0.4) - 1].all()
    nothing = Volume(np.zeros_like(block), geometry)
    assert (
        blooming(Volume(block, geometry), nothing)[1] is nothing
    )  # regression: a skull that misses nothing ended the run

"""Outer contours on lines worked out by hand, and the Hausdorff distance of two of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cranial_sparse.metrics import sdh
from cranial_sparse.metrics.contour import outer_contour

ONE = (1.0, 1.0, 1.0)


def line(*voxels: int, length: int = 10) -> np.ndarray:
    """Voxels along x, in an array one voxel wide."""
    mask = np.zeros((length, 1, 1), bool)
    mask[list(voxels)] = True
    return mask


def kept_along_x(implant: np.ndarray, skull: np.ndarray) -> list[int]:
    """Across, where lines are one voxel long, no skull is met beside a voxel: so the array is put into a wide skull."""
    wide_implant, wide_skull = np.pad(implant, ((0, 0), (1, 1), (1, 1))), np.pad(skull, ((0, 0), (1, 1), (1, 1)))
    wide_skull[:, [0, 2], 1] = wide_skull[:, 1, [0, 2]] = True
    return sorted(outer_contour(wide_implant, wide_skull)[:, 0].tolist())


@pytest.mark.parametrize(
    ("implant", "skull", "expected"),
    [
        ((2, 3, 4), (), [2, 4]),  # no skull: both ends
        ((2, 3, 4), (8,), [2]),  # skull beyond: the inner table is no outer contour
        ((5, 6), (1,), [6]),
        ((4, 5), (1, 8), []),  # between bone
        ((1, 2, 8), (5,), [1, 8]),
        ((2, 3), (3,), [2]),  # where both claim a voxel it is no longer outside
    ],
)
def test_lines_by_hand(implant: tuple[int, ...], skull: tuple[int, ...], expected: list[int]):
    assert kept_along_x(line(*implant), line(*skull)) == expected


def plate(height: int, skull: bool = False) -> np.ndarray:
    """A plate 9 × 9 voxels wide and 2 thick, its top at z = ``height``; the skull is its frame and a floor."""
    mask = np.zeros((13, 13, 12), bool)
    mask[2:11, 2:11, height - 1 : height + 1] = True
    if skull:
        frame = np.ones_like(mask)
        frame[2:11, 2:11] = False
        return (frame & (np.arange(12) <= 7)) | (np.arange(12) == 0)
    return mask


def test_a_plate_lifted_is_that_far_away():
    skull = plate(0, skull=True)
    truth, lifted = plate(6), plate(7)
    assert set(outer_contour(truth, skull)[:, 2]) == {6}  # the top only: below is the floor, beside the frame
    assert len(outer_contour(truth, skull)) == 81
    assert sdh(lifted, truth, skull, (1.0, 1.0, 0.5)) == pytest.approx(0.5)
    assert sdh(truth, truth, skull, ONE) == 0


def test_a_thinner_plate_with_the_same_top_is_perfect():
    """What lies inside does not matter: that is the metric's point."""
    skull, truth = plate(0, skull=True), plate(6)
    thin = truth.copy()
    thin[:, :, 5] = False
    assert sdh(thin, truth, skull, ONE) == 0


def test_empty_masks_and_hidden_contours():
    truth, empty = line(2, 3), line()
    assert sdh(empty, empty, empty, ONE) == 0
    assert sdh(empty, truth, empty, ONE) == sdh(truth, empty, empty, ONE) == pytest.approx(np.sqrt(2**2 + 1 + 1))
    hidden, shown = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    hidden[3, 2, 2] = shown[0, 2, 2] = True
    bone = ~(hidden | shown)
    assert sdh(hidden, hidden, bone, ONE) == 0
    assert sdh(hidden, shown, bone, ONE) == pytest.approx(np.sqrt(4**2 + 1 + 1))


def brute(implant: np.ndarray, skull: np.ndarray) -> set[tuple[int, ...]]:
    found = set()
    for axis in range(3):
        for place in np.ndindex(*(n for a, n in enumerate(implant.shape) if a != axis)):
            index = [*place[:axis], slice(None), *place[axis:]]
            bone, filled = np.flatnonzero(skull[tuple(index)]), np.flatnonzero(implant[tuple(index)])
            if len(filled) and not (bone <= filled[0]).any():
                found.add((*place[:axis], int(filled[0]), *place[axis:]))
            if len(filled) and not (bone >= filled[-1]).any():
                found.add((*place[:axis], int(filled[-1]), *place[axis:]))
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.02, 0.2]), bone=st.sampled_from([0.0, 0.05, 0.3]))
def test_contour_equals_going_along_every_line(seed: int, density: float, bone: float):
    rng = np.random.default_rng(seed)
    implant, skull = rng.random((5, 6, 7)) < density, rng.random((5, 6, 7)) < bone
    assert set(map(tuple, outer_contour(implant, skull).tolist())) == brute(implant, skull)

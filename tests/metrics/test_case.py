"""A whole case: synthetic, failed, and a real skull."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import asd, evaluate_case, failed_case, hd95, nsd, same_grid, sdh

GRID = Geometry((12, 10, 8), (0.5, 0.5, 1.0), (3.0, -4.0, 5.0))


def volume(*slices: slice, geometry: Geometry = GRID, dtype: type = bool) -> Volume:
    array = np.zeros(geometry.shape, dtype)
    array[slices] = 1
    return Volume(array, geometry)


SKULL, TRUTH = volume(slice(0, 2)), volume(slice(2, 6))


def test_perfect_prediction():
    scores = evaluate_case(TRUTH, TRUTH, SKULL)
    assert (scores.dsc, scores.bdsc_10mm, scores.bdsc_10vox) == (1, 1, 1)
    assert (scores.hd95, scores.hd, scores.asd, scores.sdh) == (0, 0, 0, 0)
    assert (scores.nsd_1mm, scores.sdi, scores.coverage_2mm, scores.volume_ratio, scores.components) == (1, 1, 1, 1, 1)
    assert (scores.volumetric_error, scores.intrusion_2mm, scores.border_curvature_error) == (0, 0, 0)
    assert scores.predicted_ml == scores.true_ml == pytest.approx(4 * 10 * 8 * 0.25 / 1000)


def test_shifted_slab():
    scores = evaluate_case(volume(slice(3, 7), dtype=np.uint8), TRUTH, SKULL)
    assert scores.dsc == scores.bdsc_10mm == pytest.approx(0.75)
    assert scores.hd == scores.sdh == 0.5
    assert scores.volumetric_error == pytest.approx(0.5)
    assert (scores.nsd_1mm, scores.coverage_2mm, scores.intrusion_2mm, scores.volume_ratio) == (1, 1, 0, 1)
    assert {type(value) for value in dataclasses.astuple(scores)} == {float, int}  # no NumPy, for JSON


def test_shared_distances_give_what_the_functions_give():
    rng = np.random.default_rng(3)
    p, g, d = (Volume(rng.random(GRID.shape) < share, GRID) for share in (0.2, 0.3, 0.2))
    scores, spacing = evaluate_case(p, g, d), GRID.spacing
    assert scores.hd95 == hd95(p.array, g.array, spacing)
    assert scores.asd == asd(p.array, g.array, spacing)
    assert scores.nsd_1mm == nsd(p.array, g.array, spacing)
    assert scores.sdh == sdh(p.array, g.array, d.array, spacing)


def test_room_around_the_implants_does_not_matter():
    """Each metric looks at a box of its own: an array with much more air must give the same figures."""
    rng = np.random.default_rng(4)
    p, g, d = (ndimage.binary_opening(rng.random((24, 20, 16)) < share) for share in (0.8, 0.8, 0.7))
    spacing = (0.7, 0.9, 1.1)
    figures = []
    for room in ([(0, 0)] * 3, [(11, 40), (3, 0), (30, 5)]):
        arrays = [np.pad(mask, room) for mask in (p & ~d, g & ~d, d)]
        grid = Geometry(arrays[0].shape, spacing)
        figures.append(evaluate_case(*(Volume(array, grid) for array in arrays)))
    assert dataclasses.asdict(figures[0]) == pytest.approx(dataclasses.asdict(figures[1]))
    assert 0 < figures[0].border_curvature_error < 0.25
    assert figures[0].dsc < 1


def test_border_in_voxels_is_not_border_in_millimetres():
    grid = Geometry((40, 6, 6), (4.0, 4.0, 4.0))
    skull, truth = volume(slice(0, 1), geometry=grid), volume(slice(1, 30), geometry=grid)
    prediction = volume(slice(1, 10), geometry=grid)
    scores = evaluate_case(prediction, truth, skull)
    assert scores.bdsc_10mm == 1.0  # planes 1 and 2 are in both
    assert scores.bdsc_10vox == pytest.approx(2 * 9 / (9 + 10))


def test_failed_case_counts_like_an_empty_prediction():
    nothing = volume(slice(0, 0))
    assert failed_case(TRUTH) == evaluate_case(nothing, TRUTH, SKULL)
    assert failed_case(TRUTH).hd95 == pytest.approx(np.sqrt(2**2 + 5**2 + 8**2))


def test_failed_case_is_never_right_not_even_without_a_defect():
    nothing = volume(slice(0, 0))
    assert evaluate_case(nothing, nothing, SKULL).dsc == 1
    assert failed_case(nothing).dsc == 0
    failed = failed_case(nothing)
    assert (failed.volumetric_error, failed.intrusion_2mm, failed.coverage_2mm, failed.nsd_1mm) == (1, 1, 0, 0)
    assert failed_case(nothing).hd95 == pytest.approx(np.sqrt(6**2 + 5**2 + 8**2))


def test_another_grid_is_refused():
    moved = Geometry(GRID.shape, GRID.spacing, (3.0, -4.0, 5.5))
    with pytest.raises(ValueError, match=r"prediction is on another grid.*origin \(3.0, -4.0, 5.5\)"):
        evaluate_case(volume(slice(2, 6), geometry=moved), TRUTH, SKULL)
    with pytest.raises(ValueError, match=r"defective skull is on another grid.*shape"):
        evaluate_case(TRUTH, TRUTH, volume(geometry=Geometry((3, 3, 3), GRID.spacing)))
    assert same_grid(GRID, Geometry(GRID.shape, (0.5, 0.5, 1.0 + 1e-6), GRID.origin))
    assert not same_grid(GRID, Geometry(GRID.shape, (0.5, 0.5, 1.01), GRID.origin))

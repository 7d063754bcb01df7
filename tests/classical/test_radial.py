"""What the completed maps believe of the rim: readings that agree, and not the wall of the cut."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from cranial_sparse.classical import gaussian
from cranial_sparse.classical.alignment import displaced
from cranial_sparse.classical.maps import PIXELS, Rays, directions
from cranial_sparse.classical.radial import complete_vault
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.radial_settings import SHIPPED_SETTINGS

HOLE = np.hypot(*(np.indices((PIXELS, PIXELS)) - np.array([70, 80])[:, None, None])) < 9
BY_THE_HOLE = binary_dilation(HOLE, iterations=4) & ~binary_dilation(HOLE, iterations=1)


def rays(thicker: np.ndarray) -> Rays:
    """The mean vault, thicker by ``thicker`` [P, P] mm, with the hole cut out."""
    model = shipped_model()
    outer = np.where(directions()[1] & ~HOLE, model.outer.mean, np.nan)
    return Rays(outer, outer - model.thickness.mean - thicker, np.ones(HOLE.shape, bool))


def completed(thicker: np.ndarray) -> float:
    """mm that the completed hole is thicker than the mean, on average."""
    model = shipped_model()
    vault = complete_vault(rays(thicker), HOLE, model)
    return float((vault.thickness - model.thickness.mean)[HOLE].mean())


def test_a_rim_that_is_a_little_thicker_is_believed() -> None:
    """Regression: bone within 8 mm of the hole once had no say in how thick the missing bone is."""
    assert abs(completed(np.zeros(HOLE.shape))) < 0.02
    assert completed(np.where(BY_THE_HOLE, 0.6 * SHIPPED_SETTINGS.reading, 0.0)) > 0.3


@pytest.mark.parametrize("reading", [-3.5, 3.5])
def test_the_wall_of_the_cut_is_not_believed(reading: float) -> None:
    assert abs(completed(np.where(BY_THE_HOLE, reading, 0.0))) < 0.1


def test_bone_that_an_oblique_cut_made_thin_is_not_believed() -> None:
    """Regression: walls that lean by 40 degrees, which rays take for an inner table, reach 12 mm beyond the outer table's rim;
    within 2.5 mm of what was expected they were believed, and the missing bone came out as much too thin."""
    leaning = binary_dilation(HOLE, iterations=6) & ~binary_dilation(HOLE, iterations=1)
    assert abs(completed(np.where(leaning, -1.8, 0.0))) < 0.1
    assert completed(np.where(leaning, 1.8, 0.0)) > 0.5


@pytest.mark.parametrize(("swollen", "lifted"), [(0.1, True), (1.0, False)])
def test_a_swollen_rim_is_not_believed(swollen: float, lifted: bool) -> None:
    """Regression: partial volume lifts a rim by a millimetre, and with it went the whole outer table."""
    model = shipped_model()
    next_to_it = binary_dilation(HOLE, iterations=3) & ~HOLE
    sharp = rays(np.zeros(HOLE.shape))
    blurred = replace(sharp, outer=sharp.outer + swollen * next_to_it, inner=sharp.inner - swollen * next_to_it)
    vault = complete_vault(blurred, HOLE, model)
    off = (vault.outer - model.outer.mean)[HOLE].mean()
    assert (off > 0.3 * swollen) == lifted
    assert lifted or abs(off) < 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_a_head_whose_ridges_lie_elsewhere_is_completed_by_laying_it_on(seed: int) -> None:
    """The mean of aligned heads, bent by up to 15 mm: without being laid on, its brow is not where the Gaussian has one."""
    model = shipped_model()
    bend = gaussian_filter(np.random.default_rng(seed).standard_normal((2, PIXELS, PIXELS)), (0, 20, 20))
    bend *= 8 / np.abs(bend).max()
    outer, thickness = (displaced(part.mean, bend) for part in (model.aligned.outer, model.aligned.thickness))
    brow = np.hypot(*(np.indices((PIXELS, PIXELS)) - np.array([60, 30])[:, None, None])) < 16
    seen = np.where(directions()[1] & ~brow, outer, np.nan)
    head = Rays(seen, seen - thickness, np.ones(brow.shape, bool))
    vaults = [complete_vault(head, brow, model, replace(SHIPPED_SETTINGS, aligned=share)) for share in (0.0, 0.5, 1.0)]
    off = [np.abs(vault.outer - outer)[brow & directions()[1]].mean() for vault in vaults]
    assert off[2] < off[1] < off[0]
    assert off[2] < 0.6 * off[0]
    np.testing.assert_allclose(vaults[1].outer[brow], (vaults[0].outer + vaults[2].outer)[brow] / 2, atol=1e-9)
    np.testing.assert_array_equal(vaults[1].outer_spread, vaults[0].outer_spread)


def test_readings_are_dense_around_the_hole_and_not_around_all_that_is_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Regression: distances were counted from 12 mm beyond the hole, and readings were two fifths more."""
    around: list[int] = []
    chosen = gaussian._conditioning_pixels

    def watched(hole: np.ndarray, steps: tuple[tuple[float, int], ...]) -> np.ndarray:
        around.append(int(hole.sum()))
        return chosen(hole, steps)

    monkeypatch.setattr(gaussian, "_conditioning_pixels", watched)
    complete_vault(rays(np.zeros(HOLE.shape)), HOLE, shipped_model())
    assert len(around) > 4
    assert max(around) < 1.3 * HOLE.sum()

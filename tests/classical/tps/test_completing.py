"""References and the rim, on tables made from the model's mean, where the truth is known."""

import numpy as np
import pytest

from cranial_sparse.classical.maps import PIXELS, Rays, directions
from cranial_sparse.classical.radial_model import PosedMaps, shipped_model
from cranial_sparse.classical.tps.completer import Completed, complete_tables, notes, weights_of
from cranial_sparse.classical.tps.landmarks import check_enough
from cranial_sparse.classical.tps.references import read_skulls
from cranial_sparse.classical.tps.surface import along
from cranial_sparse.classical.tps.template import NAMES, template
from cranial_sparse.classical.tps.warp import Rim, fitted_to_rim
from cranial_sparse.errors import InputError

SHAPE = template(shipped_model())
U, V = (np.indices((PIXELS, PIXELS)) - 79.5) / 80  # left, posterior
LATERAL = np.hypot(U - 0.4, V - 0.1) < 0.2
MIDDLE = np.hypot(U, V - 0.1) < 0.25


def bump(u: float, v: float, mm: float) -> np.ndarray:
    """A bulge of ``mm``, 40 mm wide, on the maps [P, P]."""
    return mm * np.exp(-((U - u) ** 2 + (V - v) ** 2) / 0.08)


def truth(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    model = shipped_model()
    outer = model.outer.mean + shape
    return outer, outer - model.thickness.mean


def completed(shape: np.ndarray, hole: np.ndarray, skulls: PosedMaps | None = None, **given: np.ndarray) -> Completed:
    outer, inner = truth(shape)
    gone = hole | ~directions()[1]
    rays = Rays(np.where(gone, np.nan, outer), np.where(gone, np.nan, inner), np.ones(hole.shape, bool))
    return complete_tables(rays, hole, SHAPE, {name.replace("_", " "): point for name, point in given.items()}, skulls)


def errors(done: Completed, shape: np.ndarray, hole: np.ndarray) -> tuple[float, float]:
    outer, inner = truth(shape)
    vault = done.vault
    return np.abs(vault.outer - outer)[hole].mean(), np.abs(vault.outer - vault.thickness - inner)[hole].mean()


def posed(shape: np.ndarray) -> PosedMaps:
    outer, inner = truth(shape)
    nothing = np.zeros((1, 0))
    return PosedMaps(outer[None], inner[None], np.ones((1, PIXELS, PIXELS), bool), nothing, nothing, nothing)


def test_an_odd_shape_on_both_sides_is_mirrored() -> None:
    shape = bump(0.4, 0.1, 6) + bump(-0.4, 0.1, 6)
    done = completed(shape, LATERAL)
    assert done.chosen == "mirrored"
    assert done.errors["mirrored"] < done.errors["mean"]
    outer, inner = errors(done, shape, LATERAL)
    assert outer < 0.4
    assert inner < 0.5
    assert any("mirrored other side" in note for note in notes(done, with_skulls=False))


def test_references_count_by_what_they_err() -> None:
    """1 and 2 mm: four parts to one. One that errs ten times as far is left out; where nothing was measured, the mean stands."""
    assert weights_of({"mean": 2.0, "mirrored": 1.0}) == pytest.approx({"mean": 0.2, "mirrored": 0.8})
    assert weights_of({"mean": 10.0, "mirrored": 1.0}) == {"mean": 0.0, "mirrored": 1.0}
    assert weights_of({"mean": np.inf, "mirrored": 1.0}) == {"mean": 0.0, "mirrored": 1.0}
    assert weights_of({"mean": np.inf, "mirrored": np.inf}) == {"mean": 1.0, "mirrored": 0.0}
    assert sum(weights_of({"mean": 0.0, "mirrored": 0.0, "best-fitting": 1.0}).values()) == pytest.approx(1)


def test_the_mean_and_the_other_side_are_averaged() -> None:
    """Half as odd on the other side: the truth lies between the references, and so does what comes of them."""
    shape = bump(0.4, 0.1, 3) + bump(-0.4, 0.1, 6)
    done = completed(shape, LATERAL)
    assert min(done.weights.values()) > 0.1
    assert max(done.weights, key=done.weights.get) == done.chosen == min(done.errors, key=done.errors.get)
    missing = ~done.placed.outer.seen
    radius = np.linalg.norm(done.outer[missing], axis=1)
    np.testing.assert_allclose(along(done.vault.outer, done.outer)[missing], done.outer[missing], atol=1e-6)
    assert np.isfinite(radius).all()
    told = notes(done, with_skulls=False)[-1]
    assert "the mean skull (" in told
    assert "the mirrored other side (" in told


def test_no_intact_side_is_said() -> None:
    done = completed(np.zeros(MIDDLE.shape), MIDDLE)
    assert done.chosen == "mean"
    assert set(done.errors) == {"mean"}
    told = notes(done, with_skulls=False)
    assert told[0].startswith("no intact side")
    assert "mean skull stands for the best-fitting one" in told[1]
    assert errors(done, np.zeros(MIDDLE.shape), MIDDLE)[0] < 0.5


def test_the_best_fitting_skull_is_taken_where_it_fits_best() -> None:
    shape = bump(0.0, 0.1, 7)
    odd, far = posed(shape + bump(0.5, -0.3, 0.5)), posed(bump(0.4, 0.6, 9))
    both = PosedMaps(*(np.concatenate([getattr(far, f), getattr(odd, f)]) for f in vars(odd)))
    done = completed(shape, MIDDLE, both)
    assert done.chosen == "best-fitting"
    assert errors(done, shape, MIDDLE)[0] < 0.5 < errors(completed(shape, MIDDLE), shape, MIDDLE)[0]
    assert len(notes(done, with_skulls=True)) == 2


def test_points_of_the_mean_head_are_recovered() -> None:
    """Nothing to learn: the missing points of the mean lie on its true tables."""
    done = completed(np.zeros(LATERAL.shape), LATERAL)
    missing = ~done.placed.outer.seen
    assert 15 < missing.sum() < 120
    in_hole = missing & (np.linalg.norm(done.outer - SHAPE.outer.points, axis=1) < 50)
    assert np.linalg.norm(done.outer - SHAPE.outer.points, axis=1)[in_hole & (done.outer[:, 2] > 0)].max() < 2.5
    assert done.placed.similarity.scale == pytest.approx(1, abs=0.01)


def test_a_landmark_by_hand_stays_and_leads() -> None:
    euryon = NAMES.index("left euryon")
    lifted = SHAPE.outer.points[euryon] + [4.0, 0.0, 0.0]
    hole = np.hypot(U - 0.8, V - 0.12) < 0.16
    plain, led = completed(np.zeros(hole.shape), hole), completed(np.zeros(hole.shape), hole, left_euryon=lifted)
    assert not plain.placed.outer.seen[euryon]
    np.testing.assert_array_equal(led.outer[euryon], lifted)
    assert led.placed.given[euryon]
    assert (led.vault.outer - plain.vault.outer)[hole].mean() > 0.3


def test_the_surface_meets_the_rim_without_a_step() -> None:
    """A constant difference on the rim is carried over the whole hole; at the rim itself nothing is left of any."""
    surface = directions()[0] * 85
    values, measured = np.zeros(LATERAL.shape), 2.0 + bump(0.4, 0.1, 1)
    fit = lambda m: fitted_to_rim(values, m, ~LATERAL, LATERAL, LATERAL, surface, Rim(12, 0.0))  # noqa: E731
    np.testing.assert_allclose(fit(np.full(LATERAL.shape, 2.0))[LATERAL], 2.0, atol=1e-6)
    np.testing.assert_allclose(fit(np.where(LATERAL, np.nan, measured))[LATERAL], measured[LATERAL], atol=0.5)
    unknown = fitted_to_rim(values, measured, np.zeros_like(LATERAL), LATERAL, LATERAL, surface, Rim(12, 0.0))
    np.testing.assert_array_equal(unknown, values)


@pytest.mark.parametrize("count", [3, 6])
def test_too_few_landmarks_are_one_line(count: int) -> None:
    points = np.arange(18.0).reshape(6, 3)  # on a line
    with pytest.raises(InputError, match="expected 4 or more landmarks that are not on a line, got"):
        check_enough(points, np.arange(6) < count)


def test_maps_that_are_none_are_one_line(tmp_path) -> None:
    (tmp_path / "maps.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match=r"maps\.npz: expected maps of whole skulls"):
        read_skulls(tmp_path / "maps.npz")
    np.savez(tmp_path / "other.npz", outer=np.zeros(3))
    with pytest.raises(InputError, match="build_radial"):
        read_skulls(tmp_path / "other.npz")

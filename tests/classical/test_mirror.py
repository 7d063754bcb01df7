"""The mirror operation on heads whose halves are known."""

import numpy as np
import pytest

from cranial_sparse.classical import mirror
from cranial_sparse.classical.maps import Rays, directions
from cranial_sparse.classical.mirror import mirror_completer, mirrored_vault, notes
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import dsc

INSIDE = directions()[1]


def rays(outer: np.ndarray, thickness: np.ndarray) -> Rays:
    return Rays(np.where(INSIDE, outer, np.nan), np.where(INSIDE, outer - thickness, np.nan), INSIDE.copy())


def hole(centre: tuple[int, int], radius: int) -> np.ndarray:
    row, column = np.indices(INSIDE.shape)
    return np.hypot(row - centre[0], column - centre[1]) < radius


def test_a_hole_on_one_side_is_filled_from_the_other(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="mirror")
    assert dsc(completion.implant.array, truth) > 0.94
    assert completion.warnings == ()
    assert completion.plane is not None
    np.testing.assert_allclose(np.abs(completion.plane.normal), [1, 0, 0], atol=0.01)
    facts = completion.facts
    assert facts["without_opposite"] < 0.02
    assert facts["asymmetry_mm"] < 0.5
    assert facts["plane_normal_lps"] == list(completion.plane.normal)


def test_a_hole_across_the_plane_is_bridged_and_said(head: Volume) -> None:
    points = head.geometry.to_physical(np.stack(np.indices(head.array.shape), -1))
    gone = head.array & (np.linalg.norm(points - [5.0, 30.0, 70.0], axis=-1) < 32)
    completion = complete(Volume(head.array & ~gone, head.geometry), system="mirror")
    assert dsc(completion.implant.array, gone) > 0.85
    assert len(completion.warnings) == 1
    assert "plane" in completion.warnings[0]
    assert completion.facts["without_opposite"] > 0.3


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert mirror_completer(head) is None


def test_half_a_head_has_no_side_to_mirror(head: Volume) -> None:
    half = head.array.copy()
    half[half.shape[0] // 2 - 5 :] = False
    with pytest.raises(InputError):
        mirror_completer(Volume(half, head.geometry))


def test_a_copy_is_bent_to_the_rim_and_thickness_is_not() -> None:
    """The opposite lies 2 mm too far in and is 1 mm thicker: the hole gets this side's radius and that side's thickness."""
    gone = hole((110, 80), 12)
    here = rays(np.full(gone.shape, 90.0), np.full(gone.shape, 6.0))
    here.outer[gone] = np.nan
    there = rays(np.full(gone.shape, 88.0), np.full(gone.shape, 7.0))
    vault = mirrored_vault(here, there, gone, np.ones_like(gone))
    np.testing.assert_allclose(vault.outer[gone], 90.0, atol=0.01)
    np.testing.assert_allclose(vault.thickness[gone], 7.0, atol=0.01)


def test_a_slope_between_the_sides_is_carried_in() -> None:
    gone = hole((110, 80), 10)
    row, _ = np.indices(gone.shape)
    here = rays(90.0 + 0.1 * (row - 110), np.full(gone.shape, 6.0))
    truth = here.outer[gone].copy()
    here.outer[gone] = np.nan
    vault = mirrored_vault(here, rays(np.full(gone.shape, 90.0), np.full(gone.shape, 6.0)), gone, np.ones_like(gone))
    assert np.abs(vault.outer[gone] - truth).max() < 0.4


def test_what_has_no_opposite_is_bridged_from_copy_and_rim() -> None:
    gone = hole((80, 80), 14)
    row, column = np.indices(gone.shape)
    dome = 95.0 - 0.002 * ((row - 80) ** 2 + (column - 80) ** 2)
    here = rays(dome, np.full(gone.shape, 5.0))
    here.outer[gone] = np.nan
    vault = mirrored_vault(here, rays(dome, np.full(gone.shape, 5.0)), gone, ~hole((80, 80), 9))
    assert np.abs(vault.outer - dome)[gone].max() < 0.4
    np.testing.assert_allclose(vault.thickness[gone], 5.0, atol=0.1)


def test_readings_beside_an_oblique_cut_do_not_thin_the_bridge() -> None:
    gone = hole((80, 80), 10)
    here = rays(np.full(gone.shape, 90.0), np.where(hole((80, 80), 14), 2.0, 6.0))
    here.outer[gone] = np.nan
    other = rays(np.full(gone.shape, 90.0), np.full(gone.shape, 6.0))
    vault = mirrored_vault(here, other, gone, ~gone)
    assert vault.thickness[gone].min() > 5.9


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, None), (mirror.BRIDGED / 2, None), (0.3, "crosses"), (0.9, "No side is intact")]
)
def test_notes_say_what_was_done(share: float, words: str | None) -> None:
    said = notes(share)
    assert (said == ()) if words is None else (words in said[0] and "bridged" in said[0])

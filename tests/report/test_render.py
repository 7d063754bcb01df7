"""Shaded pictures: what is in front is seen, the right way round."""

import numpy as np
import pytest

from cranial_sparse.report.render import PIXEL, shaded

WHITE = np.array([255, 255, 255])


def slab() -> np.ndarray:
    """A plate across x and z with a horn at the patient's upper left, towards the front."""
    mask = np.zeros((40, 40, 40), bool)
    mask[4:36, 20:30, 4:36] = True
    mask[30:34, 8:20, 30:34] = True
    return mask


def covered(picture: np.ndarray) -> np.ndarray:
    return (picture != WHITE).any(axis=2)


def test_the_front_shows_the_patients_left_on_the_right_and_up_on_top() -> None:
    horn = np.zeros((40, 40, 40), bool)
    horn[30:34, 8:20, 30:34] = True
    rows, columns = np.nonzero(covered(shaded(horn, "front", spacing=(PIXEL,) * 3)))
    assert rows.mean() == pytest.approx(39 - 31.5, abs=0.6)
    assert columns.mean() == pytest.approx(31.5, abs=0.6)


def test_the_side_has_the_face_on_the_left_and_the_top_has_it_up() -> None:
    horn = np.zeros((40, 40, 40), bool)
    horn[30:34, 8:20, 30:34] = True
    _, side = np.nonzero(covered(shaded(horn, "side", spacing=(PIXEL,) * 3)))
    top_rows, top_columns = np.nonzero(covered(shaded(horn, "top", spacing=(PIXEL,) * 3)))
    assert side.mean() == pytest.approx(13.5, abs=0.6)
    assert top_rows.mean() == pytest.approx(13.5, abs=0.6)
    assert top_columns.mean() == pytest.approx(39 - 31.5, abs=0.6)


def test_a_hidden_implant_is_not_drawn_and_an_open_one_is() -> None:
    skull = slab()
    implant = np.zeros_like(skull)
    implant[10:20, 30:34, 10:20] = True  # behind the plate
    behind = shaded(skull, "front", implant, (PIXEL,) * 3)
    plain = shaded(skull, "front", spacing=(PIXEL,) * 3)
    assert np.abs(behind.astype(int) - plain)[covered(plain)].max() <= 40  # shading at most
    in_front = shaded(skull, "front", np.roll(implant, -14, axis=1), (PIXEL,) * 3)
    middle = in_front[39 - 15, 15].astype(int)
    assert middle[0] > 2 * middle[2]  # orange


def test_pixels_are_square_millimetres_whatever_the_voxels() -> None:
    mask = np.zeros((60, 60, 30), bool)
    mask[10:50, 10:50, 5:25] = True  # 20 x 20 x 20 mm at 0.5, 0.5, 1.0
    seen = covered(shaded(mask, "side", spacing=(0.5, 0.5, 1.0)))
    height, width = np.ptp(np.flatnonzero(seen.any(1))) + 1, np.ptp(np.flatnonzero(seen.any(0))) + 1
    assert height == pytest.approx(20 / PIXEL, abs=2)
    assert width == pytest.approx(20 / PIXEL, abs=2)


def test_nothing_gives_an_empty_picture() -> None:
    assert (shaded(np.zeros((16, 16, 16), bool), "top") == 255).all()

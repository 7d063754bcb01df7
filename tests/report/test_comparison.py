"""Pictures of a case: what they look at, and that empty implants have some too."""

import io

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.report.comparison import TRUTH, best_view, compare, worst_slices
from cranial_sparse.report.slices import OUTLINE


def decode(png: bytes) -> np.ndarray:
    from skimage.io import imread

    return imread(io.BytesIO(png))[..., :3]


def block(*slices: slice) -> np.ndarray:
    mask = np.zeros((40, 40, 40), bool)
    mask[slices] = True
    return mask


@pytest.mark.parametrize(
    ("place", "view"),
    [
        ((slice(10, 30), slice(10, 30), slice(34, 40)), ("top", False)),
        ((slice(34, 40), slice(10, 30), slice(10, 30)), ("side", False)),
        ((slice(0, 4), slice(10, 30), slice(10, 30)), ("side", True)),
        ((slice(10, 30), slice(0, 4), slice(10, 30)), ("front", False)),
        ((slice(10, 30), slice(36, 40), slice(10, 30)), ("front", True)),
        ((slice(0, 0),), ("top", False)),
    ],
)
def test_it_is_looked_at_from_its_own_side(place: tuple[slice, ...], view: tuple[str, bool]):
    assert best_view(block(*place)) == view


def test_the_slice_is_the_worst_one():
    """Prediction and truth agree but for a slab at z = 30, so there the axial picture has truth without prediction."""
    true = block(slice(10, 30), slice(10, 30), slice(10, 31))
    found = true.copy()
    found[:, :, 30] = False
    axial, coronal = worst_slices(np.zeros_like(true), found, true, (1.0, 1.0, 1.0))
    colours = decode(axial.png).reshape(-1, 3)
    assert (colours == TRUTH[0]).all(1).sum() == 4 * 19
    assert not (colours == OUTLINE).all(1).any()
    assert (decode(coronal.png).reshape(-1, 3) == OUTLINE).all(1).any()
    assert (axial.caption, coronal.caption) == ("axial slice", "coronal slice")


def test_four_pictures_of_a_case(shell: tuple[Volume, Volume]):
    skull, lid = shell
    pictures = compare(skull, lid, lid)
    assert [picture.caption for picture in pictures] == ["prediction", "truth", "axial slice", "coronal slice"]
    assert all(0.3 < picture.aspect < 3 for picture in pictures)
    np.testing.assert_array_equal(decode(pictures[0].png), decode(pictures[1].png))


def test_nothing_predicted_and_no_defect(shell: tuple[Volume, Volume]):
    skull, lid = shell
    nothing = Volume(np.zeros_like(lid.array), lid.geometry)
    missing, right, *_ = compare(skull, nothing, lid)
    assert (decode(missing.png) != decode(right.png)).any()
    assert len(compare(skull, nothing, nothing)) == 4
    empty = Volume(np.zeros((8, 8, 8), bool), Geometry((8, 8, 8), (1.0, 1.0, 1.0)))
    assert len(compare(empty, empty, empty)) == 4

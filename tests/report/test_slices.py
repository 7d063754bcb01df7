"""Which way round slices are, on grids that run every way."""

import io
from itertools import permutations, product

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Plane, Volume
from cranial_sparse.report.slices import LEVELS, anatomical_axes, on_plane, paint, palette, slice_views, to_lps

SHAPE = (30, 34, 26)
STEP = 4.0


def grid(order: tuple[int, ...], signs: tuple[int, ...]) -> Geometry:
    """A grid whose array axis ``order[i]`` runs along LPS axis i, forward or backward; its middle is at 0."""
    direction = np.zeros((3, 3))
    for row, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        direction[row, axis] = sign
    shape = np.empty(3, int)
    shape[list(order)] = SHAPE
    origin = -direction * STEP @ ((shape - 1) / 2)
    x, y, z = (int(n) for n in shape)
    return Geometry((x, y, z), (STEP,) * 3, tuple(map(float, origin)), tuple(map(float, direction.ravel())))


def marked(geometry: Geometry) -> tuple[Volume, Volume]:
    """A skull: a frame around everything. An implant: one lump, left, posterior and superior of the middle."""
    points = geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1))
    lump = (np.abs(points - [24.0, 30.0, 18.0]) <= 7).all(axis=-1)
    frame = (np.abs(points) > [50, 58, 42]).any(axis=-1)
    return Volume(frame, geometry), Volume(lump, geometry)


def pixels(png: bytes) -> np.ndarray:
    from skimage.io import imread

    return imread(io.BytesIO(png))[..., :3].astype(int)


WAYS = [(o, s) for o in permutations(range(3)) for s in product((1, -1), repeat=3)]


@pytest.mark.parametrize(("order", "signs"), WAYS[::5])
def test_pictures_are_held_as_radiologists_hold_them(order: tuple[int, ...], signs: tuple[int, ...]):
    """The lump must be right of the middle (left of the patient), and so on, whichever way the array runs."""
    views = slice_views(*marked(grid(order, signs)), count=3)
    assert [view.name for view in views] == ["Axial", "Coronal", "Sagittal"]
    # Where the lump's centre lies from the middle of the picture: columns to the right, rows down.
    expected = {"Axial": (24, 30), "Coronal": (24, -18), "Sagittal": (30, -18)}
    for view in views:
        picture = pixels(view.pictures[len(view.pictures) // 2].png)
        rows, columns = np.nonzero(picture[..., 0] - picture[..., 2] > 100)  # orange
        centre = (np.array([columns.mean(), rows.mean()]) - (np.array(picture.shape[1::-1]) - 1) / 2) * STEP
        np.testing.assert_allclose(centre, expected[view.name], atol=STEP)


def test_positions_rise_and_are_in_patient_space():
    geometry = grid((2, 0, 1), (1, -1, -1))
    for view, centre in zip(slice_views(*marked(geometry)), (18.0, 30.0, 24.0), strict=True):
        positions = [picture.position for picture in view.pictures]
        assert positions == sorted(positions)
        assert abs(np.mean(positions) - centre) <= STEP
        assert max(abs(p - centre) for p in positions) <= 8


def test_without_an_implant_the_skull_is_shown():
    skull, implant = marked(grid((0, 1, 2), (1, 1, 1)))
    views = slice_views(skull, Volume(np.zeros_like(implant.array), implant.geometry), count=5)
    assert [len(view.pictures) for view in views] == [5, 5, 5]


def test_nothing_at_all_still_gives_pictures():
    empty = Volume(np.zeros((8, 8, 8), bool), Geometry((8, 8, 8), (1.0, 1.0, 1.0)))
    assert all(view.pictures for view in slice_views(empty, empty))


def test_size_is_in_millimetres():
    empty = Volume(np.ones((8, 10, 12), bool), Geometry((8, 10, 12), (0.5, 1.0, 2.0)))
    axial, coronal, sagittal = slice_views(empty, empty, count=1)
    assert (axial.size, coronal.size, sagittal.size) == ((4, 10), (4, 24), (10, 24))


def test_oblique_axes_go_to_the_nearest_anatomical_one():
    c, s = np.cos(0.5), np.sin(0.5)
    geometry = Geometry((4, 4, 4), (0.4, 0.4, 3.0), direction=(1, 0, 0, 0, c, -s, 0, s, c))
    assert anatomical_axes(geometry) == ((0, 1, 2), (1, 1, 1))


def test_to_lps_is_a_view():
    array = np.arange(24).reshape(2, 3, 4)
    turned = to_lps(array, (2, 0, 1), (1, -1, 1))
    assert np.shares_memory(turned, array)
    assert turned[3, 0, 2] == array[1, 2, 3]


def test_paint_marks_bone_implant_and_outline():
    bone, implant = np.zeros((2, 20, 20), bool)
    bone[:, :8], implant[4:16, 10:18] = True, True
    indices = paint(bone, implant)
    assert indices[10, 3] == LEVELS - 1  # all bone
    assert indices[10, 14] == LEVELS * (LEVELS - 1)  # all implant
    assert indices[4, 12] == LEVELS**2  # outline
    assert indices[1, 19] == 0
    assert len(palette()) == LEVELS**2 + 2


def test_a_plane_is_drawn_where_it_runs():
    geometry = Geometry((9, 7, 5), (2.0, 3.0, 1.0), (-8.0, 0.0, 0.0))
    box = (slice(2, 9), slice(0, 7), slice(1, 5))
    upright = on_plane(Plane((0.0, 5.0, 5.0), (1.0, 0.0, 0.0)), geometry, box)
    assert upright.shape == (7, 7, 4)
    assert np.flatnonzero(upright.any((1, 2))).tolist() == [2]  # voxel 4 of the volume is at x = 0
    assert upright[2].all()
    slanted = on_plane(Plane((-4.0, 0.0, 0.0), (0.8, -0.6, 0.0)), geometry, box)
    assert slanted[0, 0].all()
    assert (slanted.sum(0) <= 2).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_plane_shows_in_the_slices_that_cross_it(order: tuple[int, ...]):
    skull, implant = marked(grid(order, (1, -1, 1)))
    with_line, without = (slice_views(skull, implant, plane) for plane in (Plane((0, 0, 0), (1, 0, 0)), None))
    differ = [a.pictures[0].png != b.pictures[0].png for a, b in zip(with_line, without, strict=True)]
    assert differ == [True, True, False]  # not in the sagittal ones, which are parallel to it

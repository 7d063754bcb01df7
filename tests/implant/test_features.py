"""Holes, tabs, screws and letters: on a slab where they can be counted, and on a finished solid."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.design import Design, Part
from cranial_sparse.implant.features import drilled, engraved, perforated
from cranial_sparse.implant.field import volume_ml
from cranial_sparse.implant.settings import EngravingConfig, PerforationConfig

VOXEL = 0.5
LATTICE = Geometry((121, 81, 21), (VOXEL,) * 3)
Case = tuple[Volume, Volume]


def slab() -> np.ndarray:
    """A box of 50 × 30 × 5 mm in the middle of the lattice: what is inside is negative."""
    x, y, z = np.ogrid[:121, :81, :21]
    box = np.maximum(np.maximum(np.abs(x - 60) * VOXEL - 25, np.abs(y - 40) * VOXEL - 15), np.abs(z - 10) * VOXEL - 2.5)
    return box.astype(np.float32)


def holes(field: np.ndarray) -> np.ndarray:
    """Middles [N, 2] of the holes through a solid, in voxels."""
    labels, count = ndimage.label(~(field < 0).any(axis=2))
    return np.array(ndimage.center_of_mass(labels > 0, labels, [k for k in range(1, count + 1) if k != labels[0, 0]]))


def euler(part: Part) -> int:
    """V - E + F: 2 for a ball, 2 less for every hole through it."""
    return len(part.mesh.vertices) - len(part.mesh.triangles) // 2


@pytest.mark.parametrize(("pattern", "rise"), [("square", 1.0), ("hexagonal", np.sqrt(3) / 2)])
def test_holes_are_as_far_apart_and_from_the_rim_as_asked(pattern: str, rise: float):
    config = PerforationConfig(pattern, diameter_mm=2.0, pitch_mm=5.0, margin_mm=4.0)
    field, count = perforated(slab(), LATTICE, config)
    found = holes(field)
    assert len(found) == count > 12
    away = np.linalg.norm(found[:, None] - found[None], axis=2) * VOXEL
    np.fill_diagonal(away, np.inf)
    np.testing.assert_allclose(away.min(axis=1), 5.0, atol=0.3)
    rows = np.unique(np.rint(found[:, 0]))
    np.testing.assert_allclose(np.diff(rows) * VOXEL, 5.0 * rise, atol=0.6)
    assert (np.abs(found[:, 0] - 60) * VOXEL <= 25 - 4 - 1 + 0.3).all()
    assert (np.abs(found[:, 1] - 40) * VOXEL <= 15 - 4 - 1 + 0.3).all()


def test_no_pattern_and_no_room_leave_the_solid_alone():
    np.testing.assert_array_equal(perforated(slab(), LATTICE, PerforationConfig("none"))[0], slab())
    field, count = perforated(slab(), LATTICE, PerforationConfig("square", margin_mm=40))
    np.testing.assert_array_equal(field, slab())
    assert count == 0


def test_a_drilled_hole_takes_a_cylinder():
    lost = volume_ml(slab(), VOXEL) - volume_ml(drilled(slab(), LATTICE, np.array([[60.0, 40], [80, 40]]), 4.0), VOXEL)
    assert lost == pytest.approx(2 * np.pi * 2**2 * 5 / 1000, rel=0.04)


def cut(side: str, text: str = "L", **more: float) -> np.ndarray:
    """What an engraving takes from the slab, bool [X, Y, Z]."""
    found = engraved(slab(), LATTICE, EngravingConfig(text, side=side, **{"height_mm": 10.0, "depth_mm": 1.0, **more}))
    field = found[0] if isinstance(found, tuple) else found
    return (slab() < 0) & (field >= 0)


@pytest.mark.parametrize("side", ["outer", "inner"])
def test_letters_are_cut_from_their_side_to_their_depth(side: str):
    gone = cut(side)
    z = np.flatnonzero(gone.any(axis=(0, 1)))
    assert len(z) in (2, 3)  # 1 mm of half-millimetre voxels
    assert (z.max() == 14) if side == "outer" else (z.min() == 6)  # inside is from 6 to 14
    flat = gone.any(axis=2)
    assert np.ptp(np.flatnonzero(flat.any(axis=0))) * VOXEL == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("side", ["outer", "inner"])
def test_letters_are_read_from_the_side_they_are_on(side: str):
    """An L: its stroke on the reader's left, its foot below. From outside x runs right, from inside left; y runs up."""
    flat = cut(side).any(axis=2)
    x, y = (np.flatnonzero(flat.any(axis=axis)) for axis in (1, 0))
    stroke, foot = flat.sum(axis=1), flat.sum(axis=0)
    assert (stroke.argmax() < x.mean()) == (side == "outer")
    assert foot.argmax() < y.mean()


def test_an_engraving_takes_about_depth_times_area():
    lost = []
    for depth in (1.0, 2.0):
        found = engraved(slab(), LATTICE, EngravingConfig("HOH", 10.0, depth, "outer"))
        field = found[0] if isinstance(found, tuple) else found
        lost.append(volume_ml(slab(), VOXEL) - volume_ml(field, VOXEL))
    area = cut("outer", "HOH").any(axis=2).sum() * VOXEL**2
    assert lost[0] == pytest.approx(area * 1.0 / 1000, rel=0.25)
    assert lost[1] / lost[0] == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize(
    "config",
    [
        EngravingConfig("MUCH TOO LONG FOR IT", 10.0, 1.0, "outer"),
        EngravingConfig("I", 40.0, 1.0, "outer"),
        EngravingConfig("I", 10.0, 2.6, "inner"),  # more than half of 5 mm
    ],
)
def test_what_does_not_fit_is_refused(config: EngravingConfig):
    with pytest.raises(InputError, match=rf"engraving\.text: '{config.text}' at {config.height_mm:g} mm does not fit"):
        engraved(slab(), LATTICE, config)


@pytest.mark.parametrize(
    ("text", "lacking"), [("Ä漢Ä", "'Ä', '漢'"), ("Müller", "'ü'"), ("A\nB", r"'\\n'"), ("   ", "spaces alone")]
)
def test_what_the_font_lacks_is_refused(text: str, lacking: str):
    """It was engraved as a crossed box, the same for every character."""
    with pytest.raises(InputError, match=rf"engraving\.text: expected characters .*got {lacking}"):
        engraved(slab(), LATTICE, EngravingConfig(text, 10.0, 1.0, "outer"))


def test_perforations_go_through_the_finished_solid(holed: Case, make_design: Callable, designed: Design):
    options = ("perforation.pattern=hexagonal", "perforation.pitch_mm=8", "perforation.diameter_mm=3")
    (part,) = make_design(*holed, *options, "perforation.margin_mm=3").parts
    count = len(holes(part.field))
    assert count >= 7
    assert part.mesh.watertight
    assert part.mesh.components == 1
    assert euler(part) == 2 - 2 * count
    lost = designed.parts[0].mesh.volume_ml - part.mesh.volume_ml
    assert lost == pytest.approx(count * np.pi * 1.5**2 * 6 / 1000, rel=0.15)
    assert part.checks["insertion collisions"].passed


def test_screw_holes_lie_inside_the_rim(holed: Case, make_design: Callable):
    (part,) = make_design(*holed, "fixation.kind=screws", "fixation.count=5", "fixation.hole_mm=2.4").parts
    found = holes(part.field)
    assert len(found) == 5
    assert euler(part) == 2 - 10
    footprint = ndimage.binary_fill_holes((part.field < 0).any(axis=2))
    depth = ndimage.distance_transform_edt(footprint) * part.lattice.spacing[0]
    np.testing.assert_allclose(depth[tuple(np.rint(found).astype(int).T)], 4.0, atol=1.0)


def test_tabs_lie_on_the_bone_and_belong_to_the_solid(holed: Case, make_design: Callable, designed: Design):
    (part,) = make_design(*holed, "fixation.kind=tabs", "fixation.count=4", "solid.voxel_mm=0.5").parts
    assert part.mesh.watertight
    assert part.mesh.components == 1
    assert euler(part) == 2 - 2 * 4  # a screw hole in each
    assert part.checks["rim without bone beside it"].value == 0  # all of it joins bone, half of it hidden
    assert 10 < part.checks["rim under tabs"].value < 60
    assert part.mesh.volume_ml > designed.parts[0].mesh.volume_ml + 0.05
    points = part.mesh.vertices.astype(np.float64)
    axis = np.array([0.25, 0.1, 1.0]) / np.linalg.norm([0.25, 0.1, 1.0])
    beyond = np.sqrt((points**2).sum(axis=1) - (points @ axis) ** 2) > 18.5
    assert beyond.sum() > 50
    assert np.linalg.norm(points[beyond], axis=1).min() > 44.5  # over the bone, not in it
    assert np.linalg.norm(points[beyond], axis=1).max() < 47.5
    reach = np.sqrt((points**2).sum(axis=1) - (points @ axis) ** 2).max() - 17.5
    assert reach == pytest.approx(11, abs=1.5)
    labels, _ = ndimage.label((part.field < 0).any(axis=2) & ~_footprint(part, designed))
    sizes = np.bincount(labels.ravel())[1:]
    assert (sizes > 40).sum() == 4
    assert part.checks["insertion collisions"].passed


@pytest.mark.parametrize("place", ["[[50,0,30]]", "[[-50,0,30]]", "[[0,50,30]]", "[[0,-50,30]]"])
def test_a_tab_is_as_long_as_asked_in_every_direction(place: str, holed: Case, make_design: Callable):
    """Regression: along the axes of the scan tabs were cut off 8 mm from the implant, through their screw hole."""
    options = ("fixation.kind=tabs", f"fixation.places={place}", "fixation.length_mm=14", "solid.voxel_mm=0.5")
    (part,) = make_design(*holed, *options).parts
    points = part.mesh.vertices.astype(np.float64)
    axis = np.array([0.25, 0.1, 1.0]) / np.linalg.norm([0.25, 0.1, 1.0])
    assert np.sqrt((points**2).sum(axis=1) - (points @ axis) ** 2).max() - 17.5 == pytest.approx(14, abs=1)
    assert len(holes(part.field)) == 1


def _footprint(part: Part, plain: Design) -> np.ndarray:
    """Where the solid without tabs is, widened by 1.2 mm, seen on the lattice of the one with tabs."""
    points = part.lattice.to_index(plain.parts[0].mesh.vertices)[:, :2]
    flat = np.zeros(part.field.shape[:2], bool)
    flat[tuple(np.rint(points).astype(int).T)] = True
    return ndimage.binary_dilation(ndimage.binary_fill_holes(ndimage.binary_dilation(flat)), iterations=2)


def test_a_tab_goes_to_the_place_given(holed: Case, make_design: Callable, designed: Design):
    place = np.array([30.0, 5, 30])
    (part,) = make_design(*holed, "fixation.kind=tabs", "fixation.places=[[30,5,30]]", "solid.voxel_mm=0.5").parts
    assert euler(part) == 0  # one screw hole
    labels = (part.field < 0).any(axis=2) & ~_footprint(part, designed)
    flat = part.lattice.to_index(place)[:2]
    assert np.linalg.norm(np.argwhere(labels) - flat, axis=1).min() * part.lattice.spacing[0] < 4


def test_screws_without_room_are_refused(holed: Case, make_design: Callable):
    with pytest.raises(InputError, match=r"fixation: \d of 4 screw holes 60 mm from the rim do not fit"):
        make_design(*holed, "fixation.kind=screws", "fixation.margin_mm=60")

"""Figures of a solid on shapes whose figures are known, and verdicts that can fail."""

from dataclasses import replace

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.carve import Carved
from cranial_sparse.implant.checks import Check, Checks, _facts, _rim_checks, _solid_checks, covered, sampled, thickness
from cranial_sparse.implant.design import Design
from cranial_sparse.implant.mesh import Mesh, implant_mesh
from cranial_sparse.implant.rim import Rim
from cranial_sparse.implant.settings import ImplantConfig, PrintingConfig
from cranial_sparse.implant.topology import surface_area

LATTICE = Geometry((21, 21, 21), (1.0,) * 3, (-10.0,) * 3)
CORNERS = np.array([[x, y, z] for x in (0, 30) for y in (0, 20) for z in (0, 4)], np.float32)
FACES = np.array(
    [
        [int(k) for k in face]
        for face in ["013", "032", "467", "475", "045", "051", "237", "276", "026", "064", "157", "173"]
    ],
    np.int32,
)
BOX = Mesh(CORNERS, FACES)
CARVED = Carved(
    np.ones((21, 21, 21), np.float32), np.zeros((21, 21), bool), np.zeros((21, 21)), LATTICE, 3.0, {"undercut": 0.3}
)


def by_name(items: list[Check]) -> dict[str, Check]:
    return {item.name: item for item in items}


def edge(gap: list[float], outer: list[float], inner: list[float]) -> Rim:
    """Stations at one place; where there are fewer gaps than steps, or the other way round, the others have no figure."""
    n = max(len(gap), len(outer))
    gaps, steps = (np.array([*given, *[np.nan] * (n - len(given))]) for given in (gap, outer))
    free = np.isin(np.arange(n), np.flatnonzero(np.isnan(gap)))
    return Rim(
        np.zeros((n, 3)),
        gaps,
        steps,
        np.zeros((len(inner), 3)),
        np.array(inner),
        free,
        np.zeros(n, bool),
        np.zeros(n, bool),
    )


def test_a_box_is_what_it_is():
    assert BOX.watertight
    facts = by_name(_facts(BOX, CARVED, ImplantConfig()))
    assert facts["volume"].value == pytest.approx(2.4)
    assert facts["mass"].value == pytest.approx(2.4 * 1.3)
    assert facts["volume lost"].value == pytest.approx(20)
    assert facts["volume lost to undercut"].value == pytest.approx(10)
    assert [facts[f"print box, {side}"].value for side in ("width", "depth", "height")] == [30, 20, 4]
    area = 2 * (600 + 120 + 80)
    assert facts["overhang, outer side up"].value == pytest.approx(100 * 600 / area)
    assert Checks(tuple(facts.values()), (0, 0, 1)).passed


def test_a_solid_that_the_printer_does_not_take_fails():
    facts = by_name(_facts(BOX, CARVED, ImplantConfig(printing=PrintingConfig(chamber_mm=25, most_overhang=0.3))))
    assert [name for name, check in facts.items() if check.passed is False] == [
        "print box, width",
        "overhang, outer side up",
    ]


def test_samples_cover_a_surface_evenly():
    points = sampled(BOX, 0.5)
    assert len(points) == int(surface_area(BOX.vertices, BOX.triangles) / 0.25)
    on = np.isclose(points, 0, atol=1e-6) | np.isclose(points, [30, 20, 4], atol=1e-6)
    assert on.any(axis=1).all()
    top = points[np.isclose(points[:, 2], 4)]
    assert len(top) / len(points) == pytest.approx(600 / 1600, abs=0.03)
    assert np.histogram(top[:, 0], 3, (0, 30))[0].min() > 0.29 * len(top)
    np.testing.assert_array_equal(points, sampled(BOX, 0.5))


def test_the_opening_that_is_covered():
    opening = np.zeros((21, 21), bool)
    opening[5:15, 5:15] = True
    field = np.ones((21, 21, 21), np.float32)
    field[5:15, 5:14, 8:12] = -1
    assert covered(replace(CARVED, field=field, opening=opening)) == pytest.approx(0.9)
    assert covered(CARVED) == 0


def test_one_failed_figure_fails_the_solid():
    items = (Check("a", 1.0, passed=True), Check("b", 2.0), Check("c", 3.0, passed=True))
    checks = Checks(items, (0, 0, 1))
    assert checks.passed
    assert checks["b"].value == 2
    assert not Checks((*items, Check("d", 0.0, passed=False)), (0, 0, 1)).passed
    with pytest.raises(StopIteration):
        checks["nothing"]


def test_a_rim_within_its_limits_passes():
    checks = by_name(
        _rim_checks(edge([0.45, 0.5, 0.55, np.nan], [0.1, -0.2, 0.2], [-3.0, 0.2]), CARVED, ImplantConfig())
    )
    assert all(item.passed is not False for item in checks.values())
    assert checks["clearance, mean"].value == pytest.approx(0.5)
    assert checks["clearance, least"].value == pytest.approx(0.45)
    assert checks["step at the rim, median"].value == pytest.approx(0.2)
    assert checks["inner intrusion at the rim, 95 %"].value == pytest.approx(0.19)  # outward does not count
    assert checks["rim without bone beside it"].value == 25


@pytest.mark.parametrize(
    ("gap", "outer", "inner", "fails"),
    [
        ([0.7, 0.7], [0.0], [0.0], "clearance, mean"),
        ([0.55, 0.55, 0.1, 0.55, 0.55], [0.0], [0.0], "clearance, least"),
        ([0.5], [0.4, -0.4], [0.0], "step at the rim, median"),
        ([0.5], [*[0.0] * 9, 1.0, -1.0], [0.0], "step at the rim, 95 %"),
        ([0.5], [0.0], [2.0, 2.0], "inner intrusion at the rim, 95 %"),
    ],
)
def test_each_limit_of_the_rim_can_fail(gap: list[float], outer: list[float], inner: list[float], fails: str):
    checks = _rim_checks(edge(gap, outer, inner), CARVED, ImplantConfig())
    assert [item.name for item in checks if item.passed is False] == [fails]


def test_a_gap_meant_to_be_wider_does_not_count_as_too_wide_but_one_elsewhere_does():
    extra = np.zeros((21, 21))
    extra[10:] = 3.0
    carved = replace(CARVED, extra=extra)
    places = np.zeros((10, 3))
    places[8:, 0] = 15 * LATTICE.spacing[0]
    places += LATTICE.origin
    wide = replace(edge([0.5] * 8 + [3.5] * 2, [0.0], [0.0]), points=places)
    checks = by_name(_rim_checks(wide, carved, ImplantConfig()))
    assert checks["clearance, mean"].value == pytest.approx(0.5)
    assert checks["rim, places measured"].value == 8
    assert not by_name(_rim_checks(wide, CARVED, ImplantConfig()))["clearance, mean"].passed
    touching = replace(wide, gap=np.array([0.5] * 9 + [0.1]))
    assert not by_name(_rim_checks(touching, carved, ImplantConfig()))["clearance, least"].passed


def test_a_rim_that_was_not_measured_has_not_passed():
    found = _rim_checks(edge([np.nan, np.nan], [np.nan], [np.nan]), CARVED, ImplantConfig())
    assert [(item.name, item.value, item.passed) for item in found] == [
        ("rim without bone beside it", 100.0, None),
        ("rim with bone across a wide gap", 0.0, True),
        ("rim, places measured", 0, False),
    ]


@pytest.fixture
def open3d() -> None:
    pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)


def test_thickness_is_the_way_through(open3d: None):
    grid = Geometry((80, 60, 30), (0.5,) * 3)
    mask = np.zeros(grid.shape, bool)
    mask[10:70, 10:50, 10:18] = True  # 4 mm
    mesh = implant_mesh(Volume(mask, grid))
    index = grid.to_index(mesh.vertices)
    flat = ((index[:, :2] > 22) & (index[:, :2] < [58, 38])).all(axis=1)
    np.testing.assert_allclose(thickness(mesh)[flat], 4.0, atol=0.15)


def test_a_solid_that_is_open_double_or_off_its_volume_fails(open3d: None):
    points = sampled(BOX, 2.0)
    assert all(item.passed is not False for item in _solid_checks(BOX, BOX, points))
    cut_open = Mesh(CORNERS, FACES[:-1])
    assert not by_name(_solid_checks(cut_open, BOX, points))["watertight"].passed
    shifted = np.vstack([CORNERS, CORNERS + np.float32([10, 7, 1])])
    two = Mesh(shifted, np.vstack([FACES, FACES + 8]).astype(np.int32))
    found = by_name(_solid_checks(two, two, points))
    assert (found["components"].passed, found["self-intersections"].passed) == (False, False)
    grown = Mesh((CORNERS * 1.01).astype(np.float32), FACES)
    off = by_name(_solid_checks(grown, BOX, sampled(grown, 2.0)))["distance from the volume's surface, largest"]
    assert not off.passed
    assert off.value > 0.2


def test_maps_agree_with_the_solid(designed: Design):
    (part,) = designed.parts
    points = part.mesh.vertices.astype(np.float64)
    axis = np.array([0.25, 0.1, 1.0]) / np.linalg.norm([0.25, 0.1, 1.0])
    away = np.sqrt((points**2).sum(axis=1) - (points @ axis) ** 2)
    np.testing.assert_allclose(part.maps.thickness[away < 12], 6.0, atol=0.4)
    np.testing.assert_allclose(part.maps.clearance[away < 12], 18 - away[away < 12], atol=3.0)
    assert part.maps.clearance.min() > 0.3

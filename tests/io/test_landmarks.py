"""Landmark files of 3D Slicer: hand-made ones, round trips, and what is damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cranial_sparse.errors import InputError
from cranial_sparse.io.landmarks import read_landmarks, write_landmarks

# as Slicer 5 writes them, shortened
FCSV = """\
# Markups fiducial file version = 5.0
# CoordinateSystem = {system}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,10.5,-20.25,30,0,0,0,1,1,1,0,nasion,,,2,0
2,-1,2,-3e1,0,0,0,1,1,1,0,left euryon,"widest, left",vtkMRMLScalarVolumeNode1,2,0
"""
POINTS = {"nasion": (10.5, -20.25, 30.0), "left euryon": (-1.0, 2.0, -30.0)}


def markup(**changes) -> str:
    points = [
        {"id": "1", "label": "nasion", "position": [10.5, -20.25, 30.0], "positionStatus": "defined"},
        {"id": "2", "label": "left euryon", "position": [-1, 2, -30.0]},
        {"id": "3", "label": "bregma", "position": [0, 0, 0], "positionStatus": "undefined"},
    ]
    one = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points} | changes
    return json.dumps({"markups": [one]})


def read(folder: Path, name: str, text: str) -> dict[str, tuple[float, ...]]:
    (folder / name).write_text(text, encoding="utf-8")
    return {label: tuple(point.tolist()) for label, point in read_landmarks(folder / name).items()}


def flipped(points: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    return {label: (-x, -y, z) for label, (x, y, z) in points.items()}


@pytest.mark.parametrize(("system", "flip"), [("LPS", False), ("1", False), ("RAS", True), ("0", True)])
def test_an_fcsv_names_its_coordinate_system(system: str, flip: bool, tmp_path: Path) -> None:
    assert read(tmp_path, "a.fcsv", FCSV.format(system=system)) == (flipped(POINTS) if flip else POINTS)


@pytest.mark.parametrize(("system", "flip"), [("LPS", False), ("RAS", True)])
def test_a_markups_file_names_its_coordinate_system(system: str, flip: bool, tmp_path: Path) -> None:
    """And points that nobody placed yet are left out."""
    assert read(tmp_path, "a.mrk.json", markup(coordinateSystem=system)) == (flipped(POINTS) if flip else POINTS)


names = st.text(st.characters(codec="utf-8", categories=("L", "N"), include_characters=" _-"), min_size=1).map(
    lambda text: text.strip()
)
places = st.tuples(*[st.floats(-1e4, 1e4)] * 3)


@pytest.mark.parametrize("suffix", [".fcsv", ".mrk.json"])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(landmarks=st.dictionaries(names.filter(bool), places, min_size=1, max_size=8))
def test_round_trips_are_exact(suffix: str, landmarks: dict[str, tuple[float, ...]], tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write_landmarks(path, {name: np.array(place) for name, place in landmarks.items()})
    found = read_landmarks(path)
    assert list(found) == list(landmarks)
    for name, place in landmarks.items():
        np.testing.assert_array_equal(found[name], place)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.fcsv", "", "the file is empty"),
        ("a.fcsv", "x,y,z\n1,2,3\n", "its first line is not"),
        ("a.fcsv", FCSV.format(system="IJK"), "coordinate system LPS or RAS, got 'IJK'"),
        ("a.fcsv", FCSV.format(system="LPS").replace("30,0", "thirty,0"), "damaged .*thirty"),
        ("a.fcsv", FCSV.format(system="LPS").replace("30,0", "nan,0"), "expected finite coordinates"),
        (
            "a.fcsv",
            FCSV.format(system="LPS").replace("left euryon", "nasion"),
            "expected every landmark once, got 'nasion' 2",
        ),
        ("a.fcsv", FCSV.format(system="LPS")[:200], "damaged"),
        ("a.fcsv", "\n".join(FCSV.format(system="LPS").splitlines()[:3]), "expected landmarks, found none"),
        ("a.mrk.json", markup()[:-20], "damaged"),
        ("a.mrk.json", "[]", "damaged"),
        ("a.mrk.json", markup(coordinateUnits="um"), "its unit is um, not mm"),
        ("a.mrk.json", markup(coordinateSystem=""), "got ''"),
        ("a.mrk.json", markup(controlPoints=[]), "found none"),
        ("a.mrk.json", '{"markups": []}', "found none"),
        ("a.mrk.json", markup(controlPoints=[{"label": "a", "position": [1, 2]}]), "damaged"),
        ("a.json", markup(), r"expected a file of landmarks, \.mrk\.json or \.fcsv"),
    ],
)
def test_what_cannot_be_read_is_one_line(name: str, text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told) as raised:
        read(tmp_path, name, text)
    assert str(raised.value).startswith(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_landmarks(tmp_path / "none.fcsv")


def test_names_that_a_table_cannot_hold_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without commas"):
        write_landmarks(tmp_path / "a.fcsv", {"a,b": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []

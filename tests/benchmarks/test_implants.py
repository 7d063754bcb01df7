"""The page of finished implants: goals from figures, failures counted."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.cases import FixedCase
from benchmarks.implants import measure as measuring
from benchmarks.implants.measure import measure
from benchmarks.implants.page import goals, page, share, values
from cranial_sparse.geometry import Volume


def check(name: str, value: float, passed: bool | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": "", "limit": "x", "passed": passed}


def row(lost: float, collisions: int, seconds: float = 10.0, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    items = [
        check("watertight", 1, True),
        check("components", 1, True),
        check("self-intersections", 0, True),
        check("clearance, mean", 0.5, True),
        check("clearance, least", 0.4, True),
        check("step at the rim, median", 0.1, True),
        check("step at the rim, 95 %", 0.6, False),
        check("insertion collisions", collisions, collisions == 0),
        check("volume lost", lost),
    ]
    times = {"seconds": seconds, "design_seconds": seconds / 2, "memory_mb": 512.0}
    return {"failure": "", "parts": [items], "notes": notes, **times}


FAILED = {"failure": "touches the skull nowhere", "seconds": 1.0}


def test_a_case_without_a_solid_counts_as_one_that_failed() -> None:
    rows = {"a": row(3.0, 0), "b": row(5.0, 2), "c": FAILED}
    assert share(rows, "insertion collisions") == 1 / 3
    assert share(rows, "watertight", "components", "self-intersections") == 2 / 3
    assert share(rows, "step at the rim, 95 %") == 0
    assert values(rows, "volume lost") == [3.0, 5.0]


def test_goals_are_of_all_cases() -> None:
    rows = {"a": row(3.0, 0, 8.0), "b": row(5.0, 0, 12.0, ("No direction lets it in …",)), "c": row(7.0, 0, 20.0)}
    assert "12.0 / 20.0" in {
        figure for _, _, figure in goals(rows | {"d": FAILED | {"seconds": 0.0}})
    }  # no time was measured
    found = {name: figure for name, _, figure in goals(rows)}
    assert found["goes in along its direction without collision"] == "100.0 %"
    assert found["a direction was found"] == "66.7 %"
    assert found["volume lost to clearance and undercut, median"] == "5.0 %"
    assert found["`design` with page and files, seconds, median / most"] == "12.0 / 20.0"
    assert found["design alone, seconds, median / most"] == "6.0 / 10.0"
    assert found["all checks"] == "0.0 %"
    assert found["memory, GiB, most"] == "0.50"
    assert found["cases that keep both"] == "0.0 %"


def test_the_command_is_what_is_measured(
    monkeypatch: pytest.MonkeyPatch, holed: tuple[Volume, Volume], tmp_path: Path
) -> None:
    """On a ball with a hole instead of a skull that is not here."""
    pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)
    skull, missing = holed
    monkeypatch.setattr(measuring, "load", lambda case, data: (None, skull, None))
    monkeypatch.setattr(measuring, "complete", lambda skull, system: SimpleNamespace(implant=missing))
    found = measure(FixedCase("official", "000"), "radial", tmp_path)
    assert found["failure"] == ""
    assert 0 < found["design_seconds"] < found["seconds"]
    assert found["memory_mb"] > 50
    assert {item["name"] for item in found["parts"][0]} > {"watertight", "clearance, mean"}
    nothing = SimpleNamespace(implant=Volume(missing.array & False, missing.geometry))
    monkeypatch.setattr(measuring, "complete", lambda skull, system: nothing)
    failure = measure(FixedCase("official", "000"), "radial", tmp_path)["failure"]
    assert "empty volume" in failure
    assert tempfile.gettempdir() not in failure


def test_the_page_names_what_failed_and_why() -> None:
    text = page({"a": row(3.0, 4), "c": FAILED}, "the command", {"processor": "P", "cores": 2}, shared=True)
    assert "2 cases" in text
    assert "shared machine" in text
    assert "| a | 1 | step at the rim, 95 % 0.60, insertion collisions 4.00 | 3.0 % | 10.0 |  |" in text
    assert "| c | 0 | touches the skull nowhere | | 1.0 | |" in text
    assert "| insertion collisions | 0 of 1 | 4 | 4 | 4 | x |" in text

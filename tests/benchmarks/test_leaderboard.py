"""The leaderboard's bookkeeping and page; the systems themselves are tested where they live."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.leaderboard import __main__ as command
from benchmarks.leaderboard import measure as measuring
from benchmarks.leaderboard.entries import PUBLISHED, REFINED, entries, made_by, parameters
from benchmarks.leaderboard.page import page, plot, sets_of, summary_lines, to_csv
from cranial_sparse.completion.systems import SYSTEMS, System
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import evaluate_case, failed_case

MACHINE = {"processor": "any", "cores": 2}


def blocks() -> tuple[Volume, Volume]:
    """A defective skull and its implant: two halves of a slab."""
    geometry = Geometry((24, 20, 12), (1.0, 1.0, 1.0))
    slab = np.zeros(geometry.shape, bool)
    slab[2:22, 2:18, 4:8] = True
    truth = slab.copy()
    truth[:12] = False
    return Volume(slab & ~truth, geometry), Volume(truth, geometry)


def row(dice: float, failure: str = "") -> dict:
    defective, truth = blocks()
    scores = failed_case(truth) if failure else evaluate_case(truth, truth, defective)
    return {
        "scores": {**vars(scores), "dsc": dice}, "failure": failure, "seconds": 2.0, "memory_mb": 500.0, "made_by": {},
    }  # fmt: skip


@pytest.fixture
def rows() -> dict:
    cases = ("official/skullfix/000", "official/skullfix/002", "skullbreak_like/bilateral/000")
    return {
        "radial": dict(zip(cases, (row(0.9), row(0.8), row(0.7)), strict=True)),
        "mirror": dict(zip(cases, (row(0.95), row(0.0, "refused: no side"), row(0.6)), strict=True)),
    }


def test_every_system_stands_alone_and_refined() -> None:
    assert entries(("radial", "ssm")) == ("radial", "radial + refiner", "ssm", "ssm + refiner")
    both = {"radial.safetensors", "radial_aligned.safetensors"}
    assert set(made_by("radial" + REFINED)) == {*both, "cascade.safetensors", "revision"}
    assert set(made_by("ssm")) == {"radial.safetensors", "ssm.safetensors.xz"}  # still its first revision
    for name in entries(tuple(SYSTEMS)):
        assert parameters(name) > 1000


def test_a_failure_is_charged_and_the_order_is_by_dsc(rows: dict) -> None:
    official = {
        entry: {case: r for case, r in cases.items() if case.startswith("official")} for entry, cases in rows.items()
    }
    lines = summary_lines(official)
    assert lines[2].startswith("| radial | 2 | 0 | 0.850")
    assert lines[3].startswith("| mirror | 2 | 1 | 0.475")
    assert "| 0.000 | 2.0 | 500 |" in lines[3]


def test_what_an_earlier_revision_made_is_told(rows: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry, cases in rows.items():
        for one in cases.values():
            one["made_by"] = made_by(entry)
    assert "earlier code" not in page(rows, "command", MACHINE)
    monkeypatch.setitem(SYSTEMS, "mirror", replace(SYSTEMS["mirror"], revision=99))
    assert "not since: mirror (3 of 3).\n" in page(rows, "command", MACHINE)


def test_the_page_has_every_set_metric_kind_and_publication(rows: dict) -> None:
    text = page(rows, "command", MACHINE)
    for name in ("official", "skullbreak_like", "skullbreak_like/bilateral"):
        assert name in text
    assert text.count("| official | radial |") == 1
    assert all(one.system in text for one in PUBLISHED)
    assert "by others' code" in text
    assert sets_of(rows) == ["official", "skullbreak_like"]


def test_the_plot_and_the_table_show_every_case(rows: dict) -> None:
    drawn = plot(rows, "official")
    assert drawn.count("<circle") + drawn.count("<path") >= 4
    assert "official/skullfix/000: 0.950" in drawn
    assert ElementTree.fromstring(plot(rows, "official")).tag == "{http://www.w3.org/2000/svg}svg"
    found = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(found) == 6
    assert found[4]["failure"] == "refused: no side"
    assert found[4]["set"] == "official"
    assert float(found[0]["dsc"]) == 0.9


def test_a_system_that_breaks_or_finds_nothing_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    defective, truth = blocks()

    def refuses(skull: Volume) -> None:
        raise InputError("no vault")

    def breaks(skull: Volume) -> None:
        raise ValueError("singular")

    expected = {refuses: "refused: no vault", breaks: "ValueError: singular", lambda skull: None: "no defect found"}
    monkeypatch.setattr(measuring, "load", lambda case, data: (truth, defective, truth))
    for completer, failure in expected.items():
        monkeypatch.setitem(SYSTEMS, "odd", System(completer, ()))  # type: ignore[arg-type]
        got = measuring.measure(None, ("odd", "odd" + REFINED), Path())  # type: ignore[arg-type]
        assert set(got) == {"odd", "odd" + REFINED}
        for one in got.values():
            assert one["failure"] == failure
            assert one["scores"]["dsc"] == 0.0
            assert one["scores"]["hd95"] > 10


def test_only_what_other_weights_made_is_done_again(rows: dict) -> None:
    case = next(one for one in command.listed("official") if one.skull == "000")
    assert command.row_name(case) == "official/skullfix/000"
    current = {"radial": {}, "mirror": {"radial.safetensors": "another"}}
    assert command.missing(rows, case, ("radial", "mirror"), current) == ("mirror",)
    assert command.missing({}, case, ("radial",), current) == ("radial",)


def test_files_are_written_whole(rows: dict, tmp_path: Path) -> None:
    command.write(rows, tmp_path, "command")
    assert command.read_rows(tmp_path / "leaderboard.json") == {
        k: dict(sorted(v.items())) for k, v in sorted(rows.items())
    }
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "leaderboard.json", "leaderboard.csv", "leaderboard.md", "leaderboard_official.svg", "leaderboard_skullbreak_like.svg",
    }  # fmt: skip
    assert command.read_rows(tmp_path / "gone.json") == {}


def test_published_figures_are_shares_and_millimetres() -> None:
    for one in PUBLISHED:
        assert one.dsc is None or 0.5 < one.dsc < 1
        assert one.hd95 is None or 1 < one.hd95 < 10

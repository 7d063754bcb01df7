"""Every benchmark at its quick size, end to end: record, page, plots, and libraries that are not there."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.common import backends
from cranial_sparse.errors import InputError

MISSING = "backend spconv: its library cannot be imported (no such thing); install it: pip install spconv"
PLOTS = {
    "upsampling": ["upsampling.svg"],
    "convolution": ["convolution_submanifold.svg", "convolution_up.svg"],
    "dense_vs_sparse": [f"dense_vs_sparse_{scene}.svg" for scene in ("skull", "implant_band", "shell")],
    "scaling": ["scaling_size.svg", "scaling_items.svg"],
}
OPTIONS = {
    "upsampling": [],
    "convolution": ["--backends", "native,spconv,reference", "--layers", "submanifold,up"],
    "dense_vs_sparse": ["--backends", "native,spconv"],
    "scaling": [],
}


@pytest.fixture
def without_spconv(monkeypatch: pytest.MonkeyPatch) -> None:
    load = backends.load_backend

    def loaded(name: str):
        if name == "spconv":
            raise InputError(MISSING)
        return load(name)

    monkeypatch.setattr(backends, "load_backend", loaded)


@pytest.mark.usefixtures("without_spconv")
@pytest.mark.parametrize("name", PLOTS)
def test_a_quick_run_leaves_record_page_and_plots(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'cranial-sparse[benchmarks]'")
    monkeypatch.delenv("CRANIAL_SPARSE_DATA", raising=False)
    main = import_module(f"benchmarks.{name}.__main__").main
    assert main(["--quick", "--threads", "1", "--out", str(tmp_path), *OPTIONS[name]]) == 0
    record = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    page = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert record["benchmark"] == name
    assert record["command"].startswith(f"python -m benchmarks {name} --quick")
    assert {"processor", "cores", "load", "threads", "torch", "python", "date", "commit"} <= set(record["machine"])
    assert record["rows"]
    assert all(row["reason"] == "" for row in record["rows"])
    assert all("grid" not in row for row in record["rows"])  # a file that is gone
    for plot in PLOTS[name]:
        assert f"]({plot})" in page
        assert (tmp_path / plot).read_text(encoding="utf-8").startswith("<?xml")
    assert len(list(tmp_path.iterdir())) == 2 + len(PLOTS[name])
    if name != "scaling":
        assert record["absent"]["spconv"] == MISSING
        assert f"- {MISSING}" in page
    check_rows(name, record)


def check_rows(name: str, record: dict) -> None:
    """What only this benchmark has."""
    first = record["rows"][0]
    if name == "upsampling":
        assert first["stages"][0]["seconds"].keys() == {"median", "iqr", "repeats"}
        assert [row["way"] for row in record["rows"]][:2] == ["ours", "plain PyTorch"]
    elif name == "convolution":
        assert first["flops"] == 2 * first["pairs"] * 8 * 8
        assert record["limits"]["flops"] > 0
    elif name == "dense_vs_sparse":
        assert {row["variant"] for row in record["rows"]} == {"dense", "dense, masked", "native"}
        assert [row["mode"] for row in record["crossover"]] == ["forward", "training"]
    else:
        assert record["exponents"]["items"]["U-Net, forward, skull"]["voxels"] == pytest.approx(1)


def test_a_page_without_matplotlib_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.common import plots
    from benchmarks.upsampling import page

    monkeypatch.setattr(plots, "can_plot", lambda: False)
    (line,) = page.draw(tmp_path, [])
    assert re.search(r"pip install 'cranial-sparse\[benchmarks\]'", line)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--repeats", "0"], "--repeats 0: expected 1 or more"),
        (["--backends", "native,none"], "--backends: expected some of native, reference"),
        (["--layers", "sideways"], "--layers: expected some of submanifold"),
        (["--grid", "skull", "--data", "/nonexistent"], "--data /nonexistent: expected a folder"),
    ],
)
def test_wrong_options_are_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.convolution.__main__ import main

    assert main([*arguments, "--out", "/nonexistent"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")

"""What a user can mend is one line from every script."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from cranial_sparse.errors import in_one_line


@pytest.mark.parametrize(
    ("module", "arguments", "told"),
    [
        (
            "experiments.build_radial",
            ["--data", "/nonexistent", "--maps", "m.npz"],
            "--data /nonexistent: expected a folder",
        ),
        ("experiments.build_radial", ["--maps", "m.npz"], "--data: no folder; set CRANIAL_SPARSE_DATA"),
        ("experiments.build_atlas", ["--work", "w"], "--data: no folder; set CRANIAL_SPARSE_DATA"),
        ("experiments.cross_validate", ["--data", "/nonexistent", "--maps", "m", "--out", "o"], "--data /nonexistent"),
        ("experiments.cross_validate", ["--data", "data", "--maps", "m.npz", "--out", "o"], "m.npz: No such file"),
        ("experiments.cross_register", ["--out", "o"], "--data: no folder; set CRANIAL_SPARSE_DATA"),
        ("benchmarks.levels", ["--data", "/nonexistent"], "--data /nonexistent: expected a folder"),
        ("benchmarks.levels", ["--data", "data"], "names no val skulls"),
        ("benchmarks.cases", ["--data", "/nonexistent", "--out", "o"], "/nonexistent: no such file"),
    ],
)
def test_data_that_is_not_there_is_one_line(
    module: str, arguments: list[str], told: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Regression: KeyError and FileNotFoundError with tracebacks."""
    if module in ("experiments.build_atlas", "experiments.cross_register"):
        pytest.importorskip("SimpleITK")
    (tmp_path / "data" / "skullfix").mkdir(parents=True)
    (tmp_path / "data" / "skullfix" / "cases.csv").write_text("id,split\n003,train\n")
    monkeypatch.delenv("CRANIAL_SPARSE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    assert import_module(f"{module}.__main__" if module == "benchmarks.cases" else module).main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert error.count("\n") == 1


def raising(error: Exception) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_statuses_and_programming_errors_pass() -> None:
    assert in_one_line(lambda: None)() == 0
    assert in_one_line(lambda: 130)() == 130
    with pytest.raises(KeyError):
        in_one_line(raising(KeyError("a bug")))()


def test_a_text_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_one_line(lambda: print(b"\xff".decode()))() == 2
    assert capsys.readouterr().err == "error: expected text in UTF-8, got the byte 0xff; is this a text file?\n"

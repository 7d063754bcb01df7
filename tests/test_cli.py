"""The command line itself: help, versions, and errors in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cranial_sparse import __version__
from cranial_sparse.cli import build_parser, main


@pytest.mark.parametrize("command", [[], ["complete"], ["evaluate"]])
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"cranial-sparse {' '.join(command) or 'complete'}" in text


def test_help_loads_nothing_heavy():
    script = "import sys, cranial_sparse.cli as c; c.build_parser().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "torch", "scipy", "rich", "SimpleITK"} & set(loaded)


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "cranial_sparse", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"cranial-sparse {__version__}"


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1000"), ("7", "7")])
def test_threads_give_way_unless_told_otherwise(
    chosen: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Regression: beside two busy processes a case took up to five times as long, spinning."""
    monkeypatch.setenv("GOMP_SPINCOUNT", chosen or "")  # so that it is put back afterwards
    if chosen is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    assert main(["complete", str(tmp_path / "none.nrrd"), "--out", str(tmp_path / "out")]) == 1
    assert os.environ["GOMP_SPINCOUNT"] == expected


@pytest.mark.parametrize("arguments", [[], ["complete", "x.nrrd"], ["evaluate", "x"], ["nonsense"]])
def test_wrong_usage_is_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_input_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", str(tmp_path), "--truth", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --truth")
    assert error.count("\n") == 1


LONG = "x" * 300  # no file may be named so, which root cannot override either


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prepare", LONG, "--out", "out"], LONG),
        (["prepare", "skulls", "--out", "file/below"], "--out file/below: cannot be written"),
        (["phantom", "--out", "file/below"], "--out file/below: cannot be written"),
        (["evaluate", LONG, "--truth", LONG], LONG),
        (["evaluate", LONG, "--truth", "truth"], LONG),
        (["evaluate", "truth", "--truth", "truth", "--cases", "file"], "--cases file: expected a text file"),
        (["complete", "skulls/a.nrrd", "--out", "file/below"], "--out file/below: cannot be written"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
):
    """Regression: folders that cannot be read or written, and a binary list of cases, ended in tracebacks."""
    monkeypatch.chdir(tmp_path)
    for path in ("skulls/a.nrrd", "truth/implant/a.nrrd", "truth/defective_skull/a.nrrd", "file"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"\xff\xfe")
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not Path("out").exists()


def test_every_subcommand_can_run():
    for arguments in (["complete", "a", "--out", "b"], ["evaluate", "a", "--truth", "b"]):
        assert callable(build_parser().parse_args(arguments).run)

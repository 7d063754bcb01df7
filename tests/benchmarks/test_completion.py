"""Whole completions: what is summed up, what a process of its own takes, and answers that are wrong."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import completion
from benchmarks.common.timing import timing
from benchmarks.completion import Run, launch, main, parts, run_system, summarise
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume

RUNS = [
    Run(14.0, 1100, {"read": 1.0, "pose": 3.0, "tidy": 0.01}, 0.93),
    Run(16.0, 1300, {"read": 1.2, "pose": 4.0, "tidy": 0.01}, 0.92),
    Run(15.0, 1200, {"read": 1.4, "pose": 5.0, "tidy": 0.01}, 0.93),
]


def test_a_summary_holds_medians_and_the_worst() -> None:
    row = summarise("002", "radial", RUNS)
    assert (row.seconds, row.peak, row.dsc) == (timing([14.0, 16.0, 15.0]), 1300, 0.92)
    assert row.stages == {"read": 1.2, "pose": 4.0, "tidy": 0.01}


def test_parts_are_listed_from_the_longest() -> None:
    found = parts(summarise("002", "radial", RUNS))
    assert list(found) == ["pose", "read", "start, imports"]
    assert found["start, imports"] == pytest.approx(15.0 - 5.21)


def test_memory_is_the_commands_own() -> None:
    """Regression: a child counts its parent's peak as its own, and this process has torch loaded."""
    seconds, small = launch([sys.executable, "-S", "-c", "import time; time.sleep(0.2)"])
    _, large = launch([sys.executable, "-S", "-c", "bytearray(64 << 20).count(1)"])
    assert 0.2 <= seconds < 5
    assert small < 30 << 20
    assert 60 << 20 < large - small < 70 << 20


def test_threads_are_passed_on() -> None:
    launch([sys.executable, "-c", "import os; assert os.environ['OMP_NUM_THREADS'] == '3'"], threads=3)


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(InputError, match="expected exit status 0, got 3: no skull"):
        launch([sys.executable, "-c", "import sys; print('no skull', file=sys.stderr); sys.exit(3)"])


@pytest.mark.parametrize(("offset", "right"), [(0, True), (9, False)])
def test_a_wrong_implant_is_an_error(tmp_path, monkeypatch, offset: int, right: bool) -> None:
    """The case is 'completed' by writing a block, at its place or elsewhere."""

    def write(path: Path, start: int) -> None:
        block = np.zeros((20, 20, 20), np.uint8)
        block[start : start + 8, 4:12, 4:12] = 1
        path.parent.mkdir(parents=True)
        write_volume(path, Volume(block, Geometry((20, 20, 20), (1.0, 1.0, 1.0))))

    def completed(command: list[str], threads: int | None) -> tuple[float, int]:
        write(tmp_path / "radial" / "002" / "implant.nrrd", offset)
        (tmp_path / "radial" / "002" / "summary.json").write_text('{"seconds": {"read": 1.0}}')
        return 5.0, 100

    write(tmp_path / "official/implant" / "002.nrrd", 0)
    monkeypatch.setattr(completion, "launch", completed)
    if right:
        assert run_system("002", "radial", tmp_path) == Run(5.0, 100, {"read": 1.0}, 1.0)
    else:
        with pytest.raises(InputError, match=r"case 002, --system radial: expected a DSC above 0\.85, got 0\.000"):
            run_system("002", "radial", tmp_path)


def test_a_quick_run_completes_a_made_up_head(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'cranial-sparse[benchmarks]'")
    assert main(["--quick", "--out", str(tmp_path)]) == 0
    (row,) = json.loads((tmp_path / "completion.json").read_text(encoding="utf-8"))["rows"]
    assert (row["case"], row["system"]) == ("mean", "radial")
    assert row["dsc"] > 0.9
    assert row["seconds"]["median"] > sum(row["stages"].values())
    page = (tmp_path / "completion.md").read_text(encoding="utf-8")
    assert "](completion.svg)" in page
    assert (tmp_path / "completion.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "--data: no folder"), (["--data", "/nonexistent"], "/nonexistent: no such file")],
)
def test_missing_skulls_are_one_line(arguments: list[str], told: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("CRANIAL_SPARSE_DATA", raising=False)
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")

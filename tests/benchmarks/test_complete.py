import sys

import numpy as np
import pytest

from benchmarks import complete
from benchmarks.common import Timing, timing
from benchmarks.complete import CASE, Run, launch, note, run_system, summarise
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.volume import write_volume

RUNS = [
    Run(14.0, 1100.0, {"read": 1.0, "pose": 3.0, "tidy": 0.01}, 0.93),
    Run(16.0, 1300.0, {"read": 1.2, "pose": 4.0, "tidy": 0.01}, 0.92),
    Run(15.0, 1200.0, {"read": 1.4, "pose": 5.0, "tidy": 0.01}, 0.93),
]


def test_a_summary_holds_medians_and_the_worst():
    summary = summarise(RUNS)
    assert (summary["seconds"], summary["peak_mb"], summary["dsc"]) == (15.0, 1300.0, 0.92)
    assert summary["stages"] == {"read": 1.2, "pose": 4.0, "tidy": 0.01}
    assert [run["seconds"] for run in summary["runs"]] == [14.0, 16.0, 15.0]


def test_a_note_lists_stages_from_the_longest():
    assert note("radial", summarise(RUNS)) == (
        "radial: 15.0 s, peak 1.27 GiB, DSC 0.920; stages, s: pose 4.0, read 1.2"
    )


def test_one_run_has_no_spread():
    assert timing("radial", [15.0]) == Timing("radial", 15.0, 0.0, 1)


def test_memory_is_the_commands_own():
    """Regression: a child counts its parent's peak as its own, and this process has torch loaded."""
    seconds, small = launch([sys.executable, "-S", "-c", "import time; time.sleep(0.2)"])
    _, large = launch([sys.executable, "-S", "-c", "bytearray(64 << 20).count(1)"])
    assert 0.2 <= seconds < 5
    assert small < 30
    assert 60 < large - small < 70


def test_a_command_that_fails_says_why():
    with pytest.raises(InputError, match="expected exit status 0, got 3: no skull"):
        launch([sys.executable, "-c", "import sys; print('no skull', file=sys.stderr); sys.exit(3)"])


@pytest.mark.parametrize(("offset", "right"), [(0, True), (9, False)])
def test_a_wrong_implant_is_an_error(tmp_path, monkeypatch, offset, right):
    """The case is 'completed' by writing a block, at its place or elsewhere."""

    def write(path, start):
        block = np.zeros((20, 20, 20), np.uint8)
        block[start : start + 8, 4:12, 4:12] = 1
        path.parent.mkdir(parents=True)
        write_volume(path, Volume(block, Geometry((20, 20, 20), (1.0, 1.0, 1.0))))

    def completed(command):
        write(tmp_path / "radial" / CASE / "implant.nrrd", offset)
        (tmp_path / "radial" / CASE / "summary.json").write_text('{"seconds": {"read": 1.0}}')
        return 5.0, 100.0

    write(tmp_path / "official/implant" / f"{CASE}.nrrd", 0)
    monkeypatch.setattr(complete, "launch", completed)
    if right:
        assert run_system("radial", tmp_path) == Run(5.0, 100.0, {"read": 1.0}, 1.0)
    else:
        with pytest.raises(InputError, match=r"expected a DSC above 0\.9, got 0\.000"):
            run_system("radial", tmp_path)

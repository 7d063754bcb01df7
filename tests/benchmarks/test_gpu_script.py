"""The script for a machine with a card, run without one: by fakes of Python and of compute-sanitizer."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"
PYTHON = """\
#!/bin/sh
case "$*" in
    *get_device_name*) echo "{card}" ;;
    *"benchmarks scaling"*) echo "no room"; exit 7 ;;
    *"benchmarks convolution"*) sleep 30 ;;
    *) echo "$@" ;;
esac
"""


def run(folder: Path, card: str, **variables: str) -> tuple[int, str]:
    """Exit status and summary. cmake fails, so that nothing is built into the sources."""
    tools = {"python": PYTHON.format(card=card), "cmake": "#!/bin/sh\necho no compiler\nexit 1\n"}
    tools["compute-sanitizer"] = "#!/bin/sh\necho 'Device not supported'\nexit 1\n"
    for name, text in tools.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    known = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": "python", "OUT": str(folder / "out")}
    done = subprocess.run(["sh", SCRIPT], env=known | variables, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_the_script_is_one() -> None:
    assert subprocess.run(["sh", "-n", SCRIPT]).returncode == 0


def test_without_a_card_nothing_is_done(tmp_path: Path) -> None:
    status, told = run(tmp_path, card="")
    assert status == 3
    assert told.splitlines() == [
        "no card: python sees none through torch; set PYTHON to one with a torch for CUDA",
        "dry run: nothing was built, tested or measured",
    ]
    assert (tmp_path / "out" / "summary.txt").read_text() == told


@pytest.mark.parametrize("minutes", ["9", "0"])
def test_every_step_is_summed_up(tmp_path: Path, minutes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that fail or take too long do not keep the others from running; time that is up does."""
    fast = SCRIPT.read_text().replace(" 110 ", " 1 ")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "gpu.sh").write_text(fast)
    monkeypatch.setitem(globals(), "SCRIPT", tmp_path / "benchmarks" / "gpu.sh")
    status, told = run(tmp_path, "a card", MINUTES=minutes)
    assert status == 1
    assert told.startswith("card: a card\n")
    if minutes == "0":
        assert "build: left out, the time is up" in told
        return
    lines = dict(line.split(": ", 1) for line in told.splitlines())
    assert lines["build"].startswith("exit 1 in") and lines["build"].endswith("no compiler")  # noqa: PT018
    assert lines["card_tests"].startswith("exit 0 in")
    assert lines["convolution"].startswith("exit 124, stopped after")
    assert lines["scaling"].endswith("no room")
    assert lines["dense_vs_sparse"].startswith("exit 0")
    assert lines["completion"].startswith("exit 0")
    assert lines["racecheck"] == "cannot attach on this machine, which is no fault of the kernels"
    log = (tmp_path / "out" / "logs" / "upsampling.log").read_text()
    assert "-m benchmarks upsampling --device cuda --out" in log

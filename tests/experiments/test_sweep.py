"""Whole local sweeps: a real process for every run, which logs as ours do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from experiments import sweep
from experiments.sweep import main, metric_values, report

# stands for experiments.train: writes val/dsc as Lightning's CSV logger does, or fails, or takes its time
RUN = """
import pathlib, sys, time
said = dict(one.split("=", 1) for one in sys.argv[1:])
folder = pathlib.Path(said["runs_dir"], said["name"], "csv", "version_0")
folder.mkdir(parents=True)
if said["a"] == "bad":
    sys.exit(3)
lines = ["epoch,step,train/loss,val/dsc", "0,0,0.5,"]
for step in range(1, 9 if said.get("slow") else 3):
    lines.append(f"0,{step},,{float(said['a']) * step}")
    (folder / "metrics.csv").write_text("\\n".join(lines) + "\\n")
    time.sleep(float(said.get("slow", 0)))
"""


def sweep_file(folder: Path, values: list, *further: str, **changes: object) -> Path:
    (folder / "run.py").write_text(RUN)
    plain = {
        "method": "grid",
        "metric": {"name": "val/dsc", "goal": "maximize"},
        "command": ["${env}", "${interpreter}", str(folder / "run.py"), *further, "${args_no_hyphens}"],
        "parameters": {"a": {"values": values}},
    }
    path = folder / "made.yaml"
    path.write_text(yaml.safe_dump(plain | changes))
    return path


def test_a_grid_runs_to_its_end_and_says_what_was_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = sweep_file(tmp_path, [0.1, 0.4, 0.2]), str(tmp_path / "out")
    assert main([str(path), "--folder", folder, "--count", "2"]) == 0
    assert "2 finished" in capsys.readouterr().out
    assert main([str(path), "--folder", folder]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "made-002: a=0.2"
    assert out.splitlines()[2].split() == ["0.8000", "made-001", "a=0.4"]  # the last value of the best run
    assert out.endswith("3 finished, 0 stopped early, 0 failed, earlier calls included\n")
    assert main([str(path), "--folder", folder]) == 0  # nothing is left to do


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sweep_file(tmp_path, ["bad", 0.3])
    assert main([str(path), "--folder", str(tmp_path / "out")]) == 1
    out = capsys.readouterr()
    assert "made-000: ended with status 3" in out.err
    assert "1 finished, 0 stopped early, 1 failed" in out.out


def test_a_run_that_lags_behind_is_stopped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setattr(sweep, "LOOK_EVERY", 0.05)
    early = {"type": "hyperband", "min_iter": 1, "eta": 2}
    path = sweep_file(tmp_path, [0.9, 0.8, 0.01], "slow=0.3", early_terminate=early)
    assert main([str(path), "--folder", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "0 failed" in out
    assert not [one for one in recwarn if "report" in str(one.message)]  # nothing is told twice
    assert "0 stopped early" not in out
    assert len(metric_values(tmp_path / "out" / "made-002", "val/dsc")) < 8


def test_a_run_without_the_metric_has_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sweep_file(tmp_path, [0.3], metric={"name": "val/hd95", "goal": "minimize"})
    assert main([str(path), "--folder", str(tmp_path / "out")]) == 1
    assert "logged no val/hd95" in capsys.readouterr().err


def test_arguments_are_added_to_every_run(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, [0.3])
    assert main([str(path), "slow=0.01", "--folder", str(tmp_path / "out")]) == 0
    assert len(metric_values(tmp_path / "out" / "made-000", "val/dsc")) == 8


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--count", "0"], "--count: expected at least 1"), (["slow"], "slow: expected key=value")],
)
def test_mistakes_are_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sweep_file(tmp_path, [0.3])
    assert main([str(path), *arguments, "--folder", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_values_of_resumed_runs_follow_one_another(tmp_path: Path) -> None:
    for version, value in ((10, 0.3), (2, 0.2)):
        folder = tmp_path / "csv" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(f"step,val/dsc\n1,{value}\n2,\n3,nan\n")
    assert metric_values(tmp_path, "val/dsc") == [0.2, 0.3]
    assert metric_values(tmp_path, "val/none") == []


def test_a_file_that_is_being_written_is_read_so_far(tmp_path: Path) -> None:
    """Regression: on a busy machine values were told twice, and a number could have been read in part."""
    folder = tmp_path / "csv" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("step,val/dsc\n1,0.25\n2,0.5\n3,0.7")
    assert metric_values(tmp_path, "val/dsc") == [0.25, 0.5]
    (folder / "metrics.csv").write_text("step,val")
    assert metric_values(tmp_path, "val/dsc") == []
    told: list[tuple[float, int]] = []
    trial: Any = SimpleNamespace(report=lambda value, number: told.append((value, number)))
    heard = report(trial, [0.25, 0.5], 0)
    heard = report(trial, [], heard)
    assert report(trial, [0.25, 0.5, 0.75], heard) == 3
    assert told == [(0.25, 1), (0.5, 2), (0.75, 3)]

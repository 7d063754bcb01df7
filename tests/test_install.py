"""The installer's steps and its one-line errors. A fake interpreter stands in for Python, so nothing is installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE = """\
#!/bin/sh
case "$*" in
    *base_prefix*) echo fake of {version} ;;
    *version_info*) echo {version}; exit {status} ;;
    "-m venv"*) for venv; do :; done; mkdir -p "$venv/bin"; cp "$0" "$venv/bin/python"; : >"$venv/pyvenv.cfg" ;;
    "-m pip --version") ;;
    "-m pip install"*) {pip} ;;
esac
"""


@pytest.fixture
def fake(tmp_path):
    """Make an interpreter whose pip does as told; its environments hold a copy of it."""

    def make(pip: str = f'echo "$*" >>{tmp_path}/calls', version: str = "3.11.9", status: int = 0) -> str:
        path = tmp_path / f"python{version}"
        path.write_text(FAKE.format(pip=pip, version=version, status=status))
        path.chmod(0o755)
        return str(path)

    return make


def install(venv: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installer, or another command, with these variables and no others."""
    environment = {"PATH": os.environ["PATH"], "CXX": "sh", "PIP_CONFIG_FILE": os.devnull} | variables
    command = command or ("sh", "scripts/install.sh", str(venv), "test")
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def error(done: subprocess.CompletedProcess[str]) -> str:
    """The only line on standard error."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_a_python_that_is_not_there(tmp_path):
    assert error(install(tmp_path / "venv", PYTHON="/nonexistent")) == (
        "error: /nonexistent: expected Python 3.11 or newer, got none; set PYTHON=/path/to/python3.11"
    )


def test_a_python_that_is_too_old(tmp_path, fake):
    line = error(install(tmp_path / "venv", PYTHON=fake(version="3.9.2", status=1)))
    assert "expected Python 3.11 or newer, got 3.9.2" in line


def test_no_compiler(tmp_path, fake):
    done = install(tmp_path / "venv", shutil.which("sh"), "scripts/install.sh", "venv", PYTHON=fake(), CXX="", PATH="")
    assert error(done).startswith("error: no C++ compiler: expected c++ on PATH")


def test_no_venv_module(tmp_path, fake):
    python = Path(fake())
    python.write_text(python.read_text().replace("-m pip", "-").replace("mkdir", "exit 1; mkdir"))
    assert "could not make a virtual environment" in error(install(tmp_path / "venv", PYTHON=str(python)))


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed")
@pytest.mark.parametrize("arguments", ["--no-index", "--index-url http://127.0.0.1:9 --retries 0"])
def test_no_network(tmp_path, fake, arguments):
    """This environment's pip, on a dry run: it calls a missing package a conflict with the constraints."""
    python = fake(f'exec "{sys.executable}" "$@" --dry-run --ignore-installed')
    line = error(install(tmp_path / "venv", PYTHON=python, PIP_ARGS=arguments))
    assert line.startswith("error: installing torch and the build tools: pip found no fitting torch==2.")
    assert "check the network and PIP_ARGS, or choose another with TORCH (log:" in line


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "ERROR: No matching distribution found for ninja==1.13.2",
            "pip found no fitting ninja==1.13.2; check the net",
        ),
        (
            "      kernels/cpu/sets.cpp:3:10: fatal error: omp.h: No such file",
            "kernels: kernels/cpu/sets.cpp:3:10: fatal",
        ),
        (
            "ERROR: Could not install packages: No space left on device",
            "kernels: ERROR: Could not install packages: No",
        ),
        ("Killed", "building the kernels: pip stopped (log:"),
    ],
)
def test_what_pip_says_is_one_line(tmp_path, fake, said, expected):
    python = fake(f'case "$*" in *-e*) echo "{said}"; exit 1 ;; esac')
    assert expected in error(install(tmp_path / "venv", PYTHON=python))


def test_each_step_is_announced(tmp_path, fake):
    done = install(tmp_path / "venv", PYTHON=fake(), PIP_ARGS="--no-index --quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["making", "installing", "installing"]
    tools, project = (tmp_path / "calls").read_text().splitlines()
    assert tools.startswith(f"-m pip install --no-index --quiet -c {tmp_path}/venv/constraints.txt torch ")
    assert project.endswith("--no-build-isolation -e .[test]")


@pytest.mark.parametrize(("torch", "expected"), [("", ["torch==2.13.0"]), ("2.11.0", ["torch==2.11.0"]), ("any", [])])
def test_the_torch_of_choice(tmp_path, fake, torch, expected):
    install(tmp_path / "venv", PYTHON=fake(), TORCH=torch)
    lines = (tmp_path / "venv/constraints.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("torch==")] == expected
    locked = (ROOT / "constraints.txt").read_text().splitlines()
    own = ("torch==", "triton==") if torch else ("torch==",)  # another torch brings another triton
    assert [line for line in lines if line not in expected] == [x for x in locked if not x.startswith(own)]


def test_another_python_makes_the_environment_anew(tmp_path, fake):
    venv = tmp_path / "venv"
    assert "making" in install(venv, PYTHON=fake()).stdout
    assert "making" not in install(venv, PYTHON=fake()).stdout
    Path(fake(version="3.9.2", status=1)).rename(tmp_path / "python3")
    done = install(venv, PATH=f"{tmp_path}:{os.environ['PATH']}")  # the python3 at hand does not matter
    assert (done.returncode, "making" in done.stdout) == (0, False)
    assert f"making {venv} with Python 3.12.1" in install(venv, PYTHON=fake(version="3.12.1")).stdout


def test_what_minkowski_needs(tmp_path, fake):
    """Its build is not tested here: it takes minutes."""
    venv = tmp_path / "venv"
    build = ("sh", "scripts/minkowski.sh", str(venv))
    assert "no virtual environment" in error(install(venv, *build))
    python = Path(fake(version="3.12", status=0))
    (venv / "bin").mkdir(parents=True)
    python.rename(venv / "bin" / "python")
    assert "expected Python 3.11, got 3.12; set PYTHON=" in error(install(venv, *build))
    Path(fake(version="3.11")).rename(venv / "bin" / "python")
    assert "install them (Debian: apt-get install libopenblas-dev)" in error(install(venv, *build, CXX="false"))
    done = install(venv, *build, CXX="true", PIP_ARGS="--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "install --quiet --no-build-isolation --no-deps" in (tmp_path / "calls").read_text()
    Path(fake(pip='echo "x.cpp:1:2: error: no such thing"; exit 1', version="3.11")).rename(venv / "bin" / "python")
    assert "building MinkowskiEngine: x.cpp:1:2: error: no such thing (log:" in error(install(venv, *build, CXX="true"))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_installs_again_only_for_other_settings(tmp_path, fake):
    venv, python = tmp_path / "venv", fake()

    def make(**variables: str) -> bool:
        done = install(venv, "make", f"VENV={venv}", f"{venv}/.installed", PYTHON=python, **variables)
        assert done.returncode == 0, done.stderr
        return "installing" in done.stdout

    settings: list[dict[str, str]] = [{}, {"EXTRAS": "test,spconv"}, {"EXTRAS": "test,spconv", "TORCH": "2.11.0"}]
    for variables in settings:
        assert make(**variables)
        assert not make(**variables)
    assert "-e .[test,spconv]" in (tmp_path / "calls").read_text()

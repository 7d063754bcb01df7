"""constraints.txt locks all that an installation pulls."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = [
    line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]
LOCKED = {canonicalize_name(line.split("==")[0]) for line in LINES}


def pulled(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """Names of the installed distributions that ``name[extras]`` needs, itself first; nothing where it is missing."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    try:
        wanted = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return set()
    names = {name}
    for need in wanted:
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            names |= pulled(canonicalize_name(need.name), frozenset(need.extras), seen)
    return names


def test_each_line_locks_one_distribution():
    assert len(LOCKED) == len(LINES)
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in LINES)


def test_all_that_is_pulled_is_locked():
    names = pulled("cranial-sparse", frozenset({"test", "spconv", "benchmarks"}), set())
    if not names:
        pytest.skip("cranial-sparse is not installed: nothing to compare with")
    by_torch = re.compile("nvidia-|cuda-(?!core)")  # of a build for GPUs, which pins them itself
    missing = {name for name in names - {"cranial-sparse"} if not by_torch.match(name)}
    assert sorted(missing - LOCKED) == []
    assert "setuptools" in names  # torch's: the walk goes deeper than the first level


def test_the_build_tools_are_locked():
    (line,) = re.findall(r"^install (torch .*?) \|\|", (ROOT / "scripts/install.sh").read_text(), re.MULTILINE)
    assert {canonicalize_name(name) for name in line.split()} <= LOCKED

"""Which pairs are crossed, and that a run goes on where it stopped."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("SimpleITK")

from cranial_sparse.bricks import from_dense
from cranial_sparse.completion.frame import Pose
from cranial_sparse.data.prepared import Prepared, Source, read_manifest
from cranial_sparse.data.training_skulls import prepared_skulls
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry
from experiments import cross_register
from experiments.cross_register import pairs

LATTICE = Geometry((16, 16, 16), (0.45, 0.45, 0.45))
POSE, BONE = Pose(np.eye(3), np.zeros(3)), from_dense(torch.ones(LATTICE.shape, dtype=torch.bool))
PATHS = [Path(f"{k:03d}.skull.xz") for k in range(70)]


def test_all_pairs_but_one_head_with_itself() -> None:
    every = pairs(PATHS, None)
    assert len(set(every)) == len(every) == 70 * 69 - 2
    names = {(a.name[:3], b.name[:3]) for a, b in every}
    assert ("011", "042") not in names
    assert ("042", "011") not in names
    assert every[:50] == pairs(PATHS, 50)
    moving = Counter(a for a, _ in pairs(PATHS, 1400))
    assert min(moving.values()) >= 8  # twenty each on average


@pytest.fixture
def crossing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A folder to cross two skulls into, with the registration itself left out, and the names of what was crossed."""
    home = tmp_path / "data" / "skullfix"
    home.mkdir(parents=True)
    (home / "cases.csv").write_text("id,split\n003,train\n007,train\n")
    for name in ("003", "007"):
        (home / f"{name}.skull.xz").write_bytes(name.encode())
    done: list[str] = []

    def crossed(moving: str, fixed: str, kind: str, source: Source) -> Prepared:
        if len(done) == 1 and (tmp_path / "fails").exists():
            raise InputError("no pose")
        if (tmp_path / "cannot be solved").exists():
            np.linalg.solve(np.zeros((2, 2)), np.ones(2))
        done.append(f"{moving} {kind} {fixed}")
        return Prepared(source, POSE, 1.0, LATTICE, LATTICE, 0.0, complete=BONE)

    monkeypatch.setattr(cross_register, "head", lambda path: path.name[:3])
    monkeypatch.setattr(cross_register, "crossed", crossed)
    monkeypatch.setattr(cross_register, "outcomes", one_after_the_other)
    return tmp_path, done


def one_after_the_other(todo, kind, out, jobs):
    return (cross_register.cross_into(pair, kind, out) for pair in todo)


def run(root: Path, *options: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["script", "--data", str(root / "data"), "--out", str(root / "out"), *options])
        return cross_register.main()


def test_a_run_goes_on_where_it_stopped(crossing: tuple[Path, list[str]]) -> None:
    root, done = crossing
    assert run(root, "--count", "1") == 0
    assert run(root) == 0
    assert sorted(done) == ["003 demons 007", "007 demons 003"]
    assert run(root) == 0
    assert len(done) == 2
    assert run(root, "--kind", "affine") == 0
    assert len(done) == 4
    assert [entry["made_of"] for entry in read_manifest(root / "out")] == [["003", "007"], ["007", "003"]]
    assert run(root, "--count", "1") == 0  # regression: that left one in the manifest
    assert len(read_manifest(root / "out")) == 2
    skulls = prepared_skulls([str(root / "out")])
    assert [skull.made_of for skull in skulls] == [("003", "007"), ("007", "003")]


def test_a_pair_that_fails_is_told_and_stops_no_other(crossing: tuple[Path, list[str]], capsys) -> None:
    root, done = crossing
    (root / "fails").touch()
    assert run(root) == 1
    assert len(done) == 1
    assert "no pose" in capsys.readouterr().err
    assert len(read_manifest(root / "out")) == 1
    assert run(root, "--count", "0") == 2
    assert "expected at least 1" in capsys.readouterr().err


def test_a_system_that_cannot_be_solved_is_one_failed_pair(crossing: tuple[Path, list[str]], capsys) -> None:
    """Regression: it ended the run, and every run after it at the same pair."""
    root, done = crossing
    (root / "cannot be solved").touch()
    assert run(root) == 1
    assert done == []
    assert capsys.readouterr().err.count("LinAlgError: Singular matrix") == 2

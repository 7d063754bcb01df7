"""``cranial-sparse phantom``: files in the SkullFix layout."""

import argparse
import re
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.cli import phantom
from cranial_sparse.errors import InputError
from cranial_sparse.io.volume import read_volume


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    phantom.add_parser(parser.add_subparsers())
    args = parser.parse_args(["phantom", *arguments])
    return args.run(args)


def test_a_defect_is_cut_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "pictures" / "p.png"
    assert run("--out", str(tmp_path), "--seed", "3", "--defect", "sphere", "--picture", str(picture)) == 0
    folders = ("complete_skull", "defective_skull", "implant")
    said = capsys.readouterr().out.splitlines()
    parts = zip(said, ("complete skull", "defective skull", "implant"), strict=True)
    assert all(re.fullmatch(rf".*phantom_003\.nrrd: {part}, [\d.]+ ml", line) for line, part in parts)
    whole, defective, implant = (read_volume(tmp_path / f / "phantom_003.nrrd").array.astype(bool) for f in folders)
    assert implant.any()
    np.testing.assert_array_equal(whole, defective | implant)
    assert not (defective & implant).any()
    assert picture.stat().st_size > 10_000


def test_earlier_skulls_are_replaced_only_when_asked(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path), "--seed", "3", "--defect", "sphere")
    (tmp_path / "implant").mkdir()
    (tmp_path / "implant" / "phantom_003.nrrd").write_text("of another kind")
    with pytest.raises(InputError, match=r"implant/phantom_003\.nrrd is there already; give --overwrite"):
        run(*out)
    assert [path.name for path in tmp_path.iterdir()] == ["implant"]
    assert run(*out, "--overwrite") == 0
    assert read_volume(tmp_path / "implant" / "phantom_003.nrrd").array.any()


def test_wrong_options_are_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="png"):
        run("--out", str(tmp_path), "--picture", "p.jpg")
    with pytest.raises(InputError, match="seed"):
        run("--out", str(tmp_path), "--seed", "-1")
    assert not list(tmp_path.iterdir())

import sys

import numpy as np
import pytest
from skimage.io import imread

from cranial_sparse.data import sheet
from cranial_sparse.data.defects import cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.io.volume import write_volume


def test_a_sphere_is_bright_where_it_faces_the_light_and_its_cap_is_red():
    direction = np.random.default_rng(0).normal(size=(200_000, 3))
    ball = (70 * direction / np.linalg.norm(direction, axis=1, keepdims=True)).astype(np.float32)
    picture = sheet.render(ball, ball[:, 1] < -60, np.array([0.0, -1.0, 0.0]))  # from the front
    middle = sheet.TILE // 2
    assert (picture[2, 2] == 255).all()
    assert picture[middle, middle, 0] > 1.5 * picture[middle, middle, 2]  # the marked cap faces us
    upper_left, lower_right = picture[middle - 40, middle - 40].sum(), picture[middle + 40, middle + 40].sum()
    assert upper_left > 1.3 * lower_right
    behind = sheet.render(ball, ball[:, 1] < -60, np.array([0.0, 1.0, 0.0]))
    assert behind[middle, middle, 2] > 0.8 * behind[middle, middle, 0]


def test_left_is_on_the_right_from_the_front():
    points = np.stack(np.meshgrid(np.arange(40, 60), [-50], np.arange(20, 60)), -1).reshape(-1, 3).astype(np.float32)
    drawn = (sheet.render(points, np.ones(len(points), bool), np.array([0.0, -1.0, 0.0])) < 255).any(axis=2)
    rows, columns = np.nonzero(drawn)
    assert columns.min() > sheet.TILE // 2
    assert rows.max() < sheet.TILE // 2


def test_the_hole_shows_beside_the_implant(skull):
    cut = cut_volume(skull, "cylinder", 1)
    picture = sheet.picture(cut)
    assert picture.shape == (sheet.TILE, 2 * sheet.TILE, 3)
    red = (picture[..., 0].astype(int) - picture[..., 2]) > 60
    assert red[:, : sheet.TILE].sum() > 300
    assert red[:, sheet.TILE :].sum() == 0


def test_png_comes_back(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    sheet.write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(imread(tmp_path / "a.png"), pixels)


def test_the_command_writes_a_sheet(tmp_path, skull, monkeypatch, capsys):
    write_volume(tmp_path / "head.nrrd", skull)
    run = ["sheet", str(tmp_path), "--kinds", "sphere", "skullfix", "--out"]
    monkeypatch.setattr(sys, "argv", [*run, str(tmp_path / "s.png")])
    assert sheet.main() == 0
    assert imread(tmp_path / "s.png").shape == (2 * sheet.TILE, 2 * sheet.TILE, 3)
    monkeypatch.setattr(sys, "argv", [*run, str(tmp_path / "s.jpg")])
    assert sheet.main() == 1
    assert "ending in .png" in capsys.readouterr().err


def test_no_skulls_is_an_error(tmp_path):
    with pytest.raises(InputError, match="at least one complete skull"):
        sheet.check_sheet([], ["sphere"], tmp_path / "s.png")

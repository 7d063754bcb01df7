from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.errors import InputError
from cranial_sparse.io.points import read_points, write_points
from cranial_sparse.points import Points

pytest.importorskip("open3d", reason="open3d is not installed", exc_type=ImportError)

rng = np.random.default_rng(0)
CLOUD = Points(rng.normal(0, 100, (50, 3)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 50)])


def test_points_come_back_exactly(tmp_path: Path) -> None:
    write_points(tmp_path / "new" / "a.ply", CLOUD)
    back = read_points(tmp_path / "new" / "a.ply")
    np.testing.assert_array_equal(back.positions, CLOUD.positions)
    np.testing.assert_array_equal(back.normals, CLOUD.normals)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.ply"]


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_damaged_points_are_refused(keep: float, tmp_path: Path, capfd) -> None:
    write_points(tmp_path / "a.ply", CLOUD)
    data = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(data[: int(keep * len(data))] or b"not a ply")
    with pytest.raises(InputError, match="not a PLY file, or cut off"):
        read_points(tmp_path / "a.ply")
    assert capfd.readouterr() == ("", "")


def test_points_without_normals_are_refused(tmp_path: Path) -> None:
    header = (
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    (tmp_path / "a.ply").write_text(header + "1 2 3\n")
    with pytest.raises(InputError, match="expected points with normals, got 1 points and 0 normals"):
        read_points(tmp_path / "a.ply")

"""The atlas file: what is written is read back, and damage is told."""

import json
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.data.atlas import ATLAS, CLIP, QUANTUM, Atlas, read_atlas, write_atlas
from cranial_sparse.errors import InputError


def ball() -> Atlas:
    x, y, z = np.meshgrid(np.arange(-10, 11), np.arange(-12, 13), np.arange(-9, 12), indexing="ij")
    distance = np.abs(np.sqrt(x**2 + y**2 + z**2) * 2.0 - 14) - 3
    return Atlas(distance.astype(np.float32), (-20.0, -24.0, -18.0), 2.0, (-10.0, 0.1))


def test_written_and_read_back_to_the_quantum(tmp_path: Path) -> None:
    atlas = ball()
    write_atlas(atlas, tmp_path / "a.sdf")
    back = read_atlas(tmp_path / "a.sdf")
    assert (back.origin, back.step, back.floor) == (atlas.origin, atlas.step, atlas.floor)
    assert np.abs(back.distance - np.clip(atlas.distance, -CLIP, CLIP)).max() <= QUANTUM / 2 + 1e-5


def test_an_atlas_without_a_middle_plane_is_refused(tmp_path: Path) -> None:
    atlas = ball()
    with pytest.raises(ValueError, match="x = 0"):
        write_atlas(Atlas(atlas.distance[1:], atlas.origin, 2.0, atlas.floor), tmp_path / "a.sdf")


@pytest.mark.parametrize("harm", ["cut", "bit", "version", "checksum", "shape", "empty", "missing"])
def test_a_damaged_file_is_named(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "broken.sdf"
    write_atlas(ball(), path)
    line, data = path.read_bytes().split(b"\n", 1)
    head = json.loads(line)
    if harm == "cut":
        data = data[: len(data) // 2]
    elif harm == "bit":
        data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    elif harm == "version":
        head["version"] = 99
    elif harm == "checksum":
        head["sha256"] = "0" * 64
    elif harm == "shape":
        head["shape"] = [1, 2, 3]
    path.write_bytes(b"" if harm == "empty" else json.dumps(head).encode() + b"\n" + data)
    if harm == "missing":
        path.unlink()
    with pytest.raises(InputError, match=r"broken\.sdf: expected the skull atlas") as caught:
        read_atlas(path)
    assert "\n" not in str(caught.value)


def test_the_shipped_atlas_is_small_symmetric_and_says_where_it_is_from() -> None:
    assert ATLAS.stat().st_size <= 1_000_000
    head = json.loads(ATLAS.read_bytes().split(b"\n", 1)[0])
    assert head["licence"] == "CC BY-NC-SA 4.0"
    assert "Kodym" in head["source"]
    atlas = read_atlas()
    np.testing.assert_array_equal(atlas.distance, atlas.distance[::-1])


def test_the_shipped_atlas_is_a_skull_in_its_frame() -> None:
    atlas = read_atlas()
    x, y, z = (o + atlas.step * np.arange(n) for o, n in zip(atlas.origin, atlas.distance.shape, strict=True))
    bone = atlas.distance < 0
    middle, level = len(x) // 2, int(np.argmin(np.abs(z)))
    vertex = z[np.flatnonzero(bone[middle, np.abs(y) < 30].any(axis=0)).max()]
    assert abs(vertex - 75) < 5
    sides = x[np.flatnonzero(bone[:, :, level].any(axis=1))]
    ends = y[np.flatnonzero(bone[:, :, level].any(axis=0))]
    assert 130 < np.ptp(sides) < 160  # mm, adult heads
    assert 160 < np.ptp(ends) < 195
    assert not bone[middle, np.abs(y) < 40, level].any()  # room for a brain

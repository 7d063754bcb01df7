import struct
import zlib
from hashlib import blake2b

import pytest
import torch

from cranial_sparse.bricks import coordinates, equal, from_dense, load, pack, save, unpack
from cranial_sparse.errors import InputError


def test_round_trip(grid, tmp_path):
    save(grid, tmp_path / "grid.bricks")
    again = load(tmp_path / "grid.bricks")
    assert equal(again, grid)
    assert torch.equal(again.offsets, grid.offsets)
    assert pack(again) == pack(grid)
    assert [path.name for path in tmp_path.iterdir()] == ["grid.bricks"]


@pytest.fixture
def data() -> bytes:
    return pack(from_dense(torch.rand(30, 20, 10, generator=torch.manual_seed(0)) < 0.3))


def test_every_damaged_byte_is_noticed(data):
    for at in range(0, len(data), max(1, len(data) // 97)):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(InputError):
            unpack(bytes(damaged))


@pytest.mark.parametrize("length", [0, 3, 40, 48, 100, -1])
def test_truncation_is_noticed(data, length):
    with pytest.raises(InputError, match=r"a\.bricks"):
        unpack(data[:length], "a.bricks")


def test_other_versions_are_refused(data):
    other = data[:4] + struct.pack("<H", 2) + data[6:]
    with pytest.raises(InputError, match="version 1, got 2"):
        unpack(other)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "nothing.bricks")


def file_of(bricks: list, masks: list, voxels: int, count: int | None = None, more: bytes = b"") -> bytes:
    """A file written from the description of the layout alone."""
    columns = [
        [row[axis] - (before[axis]) for before, row in zip([[0] * 4, *bricks], bricks, strict=False)]
        for axis in range(4)
    ]
    content = b"".join(struct.pack("<i", step) for column in columns for step in column)
    content += b"".join(struct.pack("<Q", word) for mask in masks for word in mask) + more
    return with_body(zlib.compress(content), len(bricks) if count is None else count, voxels)


def with_body(body: bytes, count: int, voxels: int) -> bytes:
    header = b"BRCK" + struct.pack("<HHQQQ", 1, 0, count, voxels, len(body))
    return header + blake2b(body, digest_size=16, key=header).digest() + body


PLANE = [0, 1 << 63 | 1, 0, 0, 0, 0, 0, 0]  # x = 1: (y, z) = (7, 7) and (0, 0)


def test_the_layout_is_as_described():
    grid = unpack(file_of([[0, -3, 2, 1], [0, -3, 2, 4], [5, 0, -1, 0]], [PLANE] * 3, 6))
    assert coordinates(grid)[:3].tolist() == [[0, -23, 16, 8], [0, -23, 23, 15], [0, -23, 16, 32]]
    assert grid.coords[2].tolist() == [5, 0, -1, 0]
    assert equal(unpack(pack(grid)), grid)


@pytest.mark.parametrize(
    ("bricks", "masks"),
    [
        ([[0, 0, 0, 0]], [[0] * 8]),  # empty
        ([[0, 1, 0, 0], [0, 1, 0, 0]], [PLANE] * 2),  # repeated
        ([[0, 5, 0, 0], [0, 0, 9, 9]], [PLANE] * 2),  # out of order
        ([[-1, 0, 0, 0]], [PLANE]),
        ([[1 << 15, 0, 0, 0]], [PLANE]),
        ([[0, 0, 1 << 15, 0]], [PLANE]),
        ([[0, 0, 0, -(1 << 15) - 1]], [PLANE]),
    ],
)
def test_what_no_grid_can_hold_is_refused(bricks, masks):
    with pytest.raises(InputError, match="a: expected bricks in order"):
        unpack(file_of(bricks, masks, sum(word.bit_count() for mask in masks for word in mask)), "a")


def test_bodies_of_another_length_are_refused():
    for count in (0, 2, 1 << 40, (1 << 64) - 1):
        with pytest.raises(InputError, match="bytes of bricks"):
            unpack(file_of([[0, 0, 0, 0]], [PLANE], 2, count))
    with pytest.raises(InputError, match="80 bytes of bricks"):
        unpack(file_of([[0, 0, 0, 0]], [PLANE], 2, more=b"x"))
    with pytest.raises(InputError, match="80 bytes of bricks"):
        unpack(with_body(zlib.compress(bytes(80)) + b"x", 1, 2))
    with pytest.raises(InputError, match="zlib stream"):
        unpack(with_body(b"nothing of the kind", 1, 2))
    with pytest.raises(InputError, match="9 voxels, got 2"):
        unpack(file_of([[0, 0, 0, 0]], [PLANE], 9))


def test_a_body_grows_no_further_than_its_bricks(peak_growth):
    body = zlib.compress(bytes(32 << 20))

    def refused():
        with pytest.raises(InputError, match="80 bytes of bricks"):
            unpack(with_body(body, 1, 2))

    refused()
    assert peak_growth(refused) < 4

import struct

import pytest
import torch

from cranial_sparse.bricks import equal, from_dense, load, pack, save, unpack
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

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.errors import InputError
from cranial_sparse.io.payload import as_array, decompress, file_order, gzip_chunks, read_bytes, write_atomic

FILE = Path("scan.nrrd")
DATA = bytes(range(24))


@pytest.mark.parametrize(
    ("encoding", "pack"), [("raw", bytes), ("gzip", gzip.compress), ("zlib", zlib.compress), ("bzip2", bz2.compress)]
)
def test_decompress_undoes_each_encoding(encoding: str, pack) -> None:
    assert decompress(pack(DATA), encoding, FILE) == DATA


@pytest.mark.parametrize("encoding", ["gzip", "zlib", "bzip2"])
@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"x" + data, lambda data: data[:12]])
def test_damage_is_reported_not_read(encoding: str, damage) -> None:
    packed = {"gzip": gzip.compress, "zlib": zlib.compress, "bzip2": bz2.compress}[encoding](DATA)
    with pytest.raises(InputError, match=r"scan\.nrrd: corrupt or cut off"):
        decompress(damage(packed), encoding, FILE)


def test_array_has_its_first_axis_fastest_and_native_order() -> None:
    array = as_array(np.arange(24, dtype=">i2").tobytes(), np.dtype(">i2"), (2, 3, 4), FILE)
    assert array[1, 0, 0] == 1
    assert array[0, 1, 0] == 2
    assert array.dtype == np.int16
    assert file_order(array).tobytes() == np.arange(24, dtype="<i2").tobytes()


def test_gzip_chunks_are_one_readable_member_without_time() -> None:
    packed = b"".join(gzip_chunks(memoryview(DATA)))
    assert gzip.decompress(packed) == DATA
    assert packed[4:8] == bytes(4)


def test_write_is_all_or_nothing(tmp_path: Path) -> None:
    def failing():
        yield b"half"
        raise RuntimeError("power cut")

    target = tmp_path / "a.bin"
    write_atomic(target, [b"old"])
    with pytest.raises(RuntimeError, match="power cut"):
        write_atomic(target, failing())
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_read_bytes_refuses_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / "missing")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="0 bytes"):
        read_bytes(tmp_path / "empty")

"""The kernels compile for cards that are not here, and the result is kept."""

import re

import pytest

from cranial_sparse.bricks.cuda import compiler

pytest.importorskip("cuda.core", reason="cuda-core is not installed: pip install 'cranial-sparse[cuda]'")
pytest.importorskip("cuda.bindings.nvrtc", reason="NVRTC is not installed: pip install 'cranial-sparse[cuda]'")


def kernels() -> set[str]:
    """The names of all kernels, as they stand in the sources."""
    found = re.findall(
        r"^(?:KERNEL|REFINE|INHERIT)[ (](\w+)", "\n".join(p.read_text() for p in compiler.sources()), re.M
    )
    return set(found) - {"name"}


@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
def test_every_kernel_compiles(arch):
    cubin = compiler.compile_cubin(arch)
    assert cubin[:4] == b"\x7fELF"
    assert len(kernels()) > 20
    for name in kernels():
        assert f".text.{name}".encode() in cubin, name


def test_a_cubin_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CRANIAL_SPARSE_CACHE", str(tmp_path / "cache"))
    made = compiler.cubin("sm_90")
    monkeypatch.setattr(compiler, "compile_cubin", lambda arch: pytest.fail("compiled again"))
    assert compiler.cubin("sm_90") == made
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_another_card_or_compiler_has_a_cubin_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CRANIAL_SPARSE_CACHE", str(tmp_path))
    monkeypatch.setattr(compiler, "compile_cubin", lambda arch: arch.encode())
    compiler.cubin("sm_80")
    compiler.cubin("sm_90")
    monkeypatch.setattr(compiler, "compiler_version", lambda: "99.0")
    assert compiler.cubin("sm_90") == b"sm_90"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CRANIAL_SPARSE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(compiler, "compile_cubin", lambda arch: b"made")
    assert compiler.cubin("sm_90") == b"made"


def test_brick_functions_need_no_header():
    assert "#include" not in (compiler.folder() / "brick.h").read_text()

"""kernels/cuda compiled for a card, by NVRTC through cuda.core: no nvcc, no headers of CUDA or torch.

The result is kept in ``CRANIAL_SPARSE_CACHE``, by default ~/.cache/cranial_sparse, under a name that holds sources,
card and compiler.
"""

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import cranial_sparse
from cranial_sparse.bricks.kernels import native
from cranial_sparse.io.files import write_whole

OPTIONS = {"std": "c++17"}


@cache
def folder() -> Path:
    """Where the sources are: in the repository, or installed beside the CPU kernels."""
    assert cranial_sparse.__file__ is not None
    homes = Path(cranial_sparse.__file__).parents[1] / "kernels", Path(native.__file__).parent / "kernels"
    return next(home for home in homes if (home / "brick.h").is_file())


def sources() -> tuple[Path, ...]:
    """The files that hold kernels."""
    return tuple(sorted((folder() / "cuda").glob("*.cu")))


def compile_cubin(arch: str) -> bytes:
    """All kernels as one cubin for ``arch``, such as sm_90. Works without a card and without a driver.

    Raises ImportError without cuda-core and NVRTC, cuda.core's NVRTCError, with the compiler's log, for a wrong source.
    """
    from cuda.core import Program, ProgramOptions

    text = "".join(f'#include "{path.name}"\n' for path in sources())
    options = ProgramOptions(arch=arch, include_path=[str(folder() / "cuda")], name="cranial_sparse.cu", **OPTIONS)
    return bytes(Program(text, "c++", options).compile("cubin").code)


def compiler_version() -> str:
    """Of NVRTC. Raises ImportError without it."""
    from cuda.bindings import nvrtc

    _, major, minor = nvrtc.nvrtcVersion()
    return f"{major}.{minor}"


def cubin(arch: str) -> bytes:
    """As compile_cubin, from the cache where it has been made before."""
    digest = hashlib.sha256(f"{arch} {compiler_version()} {OPTIONS}".encode())
    for path in (folder() / "brick.h", *sorted((folder() / "cuda").glob("*.cu*"))):
        digest.update(path.name.encode() + path.read_bytes())
    home = Path(os.environ.get("CRANIAL_SPARSE_CACHE") or Path(os.path.expanduser("~/.cache/cranial_sparse")))
    kept = home / f"kernels-{arch}-{digest.hexdigest()[:32]}.cubin"
    # A home that can be neither read nor written costs the second that compiling takes, each time.
    with suppress(OSError):
        return kept.read_bytes()
    made = compile_cubin(arch)
    with suppress(OSError):
        write_whole(kept, made)
    return made

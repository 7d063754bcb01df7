"""What a result was made of: hashes, versions, memory."""

import hashlib
import platform
import resource
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from cranial_sparse import __version__

PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "open3d-cpu", "manifold3d")


def sha256(path: Path) -> str:
    """SHA-256 of a file; of a folder, over the names and hashes of its files in order of name."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path)} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weight_hashes(names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of files of weights or shape models that ship with the package, by name."""
    folder = files("cranial_sparse.assets")
    return {name: hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() for name in names}


@cache
def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that numbers depend on."""
    found = {"cranial-sparse": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def reset_peak_memory() -> None:
    """Start measuring the peak afresh where the system can (Linux); elsewhere it stays that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return


def peak_memory_mb() -> float:
    """Peak resident memory in MiB since ``reset_peak_memory``."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

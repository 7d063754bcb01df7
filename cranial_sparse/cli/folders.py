"""Folders that are complete or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target`` to write into; it becomes ``target`` when the block ends well.

    An old ``target`` is moved aside first and removed last, and comes back where the new one cannot take its place.
    Where the block raises, nothing is left. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        work.chmod(0o777 & ~_umask())  # mkdtemp shuts others out
        yield work
        old = work.with_name(work.name.replace(".partial-", ".old-"))
        replaced = target.exists()
        if replaced:
            os.rename(target, old)
        try:
            os.rename(work, target)
        except OSError:
            if replaced:
                os.rename(old, target)
            raise
        if replaced:
            shutil.rmtree(old)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

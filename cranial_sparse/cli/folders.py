"""Folders that are complete or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cranial_sparse.errors import InputError


def check_writable(out: Path) -> None:
    """Make the folder that --out names and a file in it, both of which go again: an hour's work should not fail at its end.

    Raises InputError where ``out`` is a file or cannot be written.
    """
    try:
        for last in (False, True):
            try:
                with _made(out), tempfile.TemporaryFile(dir=out):
                    return
            except FileNotFoundError:  # another process, which asks the same, took its folder away again
                if last:
                    raise
    except FileExistsError:
        raise InputError(f"--out {out}: expected a folder, this is a file; give another name") from None
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror}); choose another folder") from None


def check_new(option: str, files: Iterable[Path], overwrite: bool) -> None:
    """Raises InputError, naming the ``option``, where one of the ``files`` is there already and is not to be replaced."""
    if not overwrite and (there := [file for file in files if file.exists()]):
        raise InputError(f"{option}: {there[0]} is there already; give --overwrite to replace it, or another name")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target`` to write into; it becomes ``target`` when the block ends well.

    An old ``target`` is moved aside first and removed last, and comes back where the new one cannot take its place.
    Where the block raises, nothing is left. Raises OSError.
    """
    with _made(target.parent):
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


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """``folder`` and those that it lies in; of those that were made for it, the ones still empty afterwards go again."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):  # not empty
                each.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

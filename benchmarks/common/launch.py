"""Commands as a user runs them: a fresh process each, its wall time and its peak memory."""

import os
import subprocess
import sys

from cranial_sparse.errors import InputError

# A process starts with the peak memory of the one that started it, so a small one must; it prints what it measured.
LAUNCHER = """\
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print("\\n", time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def launch(command: list[str], threads: int | None = None) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a command. Raises InputError with its output where it fails."""
    known = os.environ if threads is None else os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=known,
    )
    said, _, measured = done.stdout.rstrip().rpartition("\n")
    seconds, kilobytes, status = measured.split()
    if status != "0":
        raise InputError(f"{' '.join(command)}: expected exit status 0, got {status}: {said.strip()}")
    return float(seconds), int(kilobytes) * 1024

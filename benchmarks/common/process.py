"""Measurements in processes of their own, so that none sees another's memory and one that dies takes none along."""

import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from math import inf
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

import torch

from benchmarks.common.answers import WrongAnswer
from benchmarks.common.memory import SHARE, available
from benchmarks.common.options import allow_tf32
from cranial_sparse.errors import InputError

OUT_OF_MEMORY = ("out of memory", "not enough memory", "allocate memory", "bad_alloc")
C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[C, R]):
    """What came of one case: its result, or the reason why there is none."""

    case: C
    result: R | None
    reason: str = ""
    fault: bool = False  # whether the reason is a wrong answer or an error that nobody expects


def run_cases(
    function: Callable[[C], R],
    cases: Sequence[C],
    threads: int,
    together: bool = False,
    minutes: float = inf,
    patience: float = inf,
) -> Iterator[Outcome[C, R]]:
    """``function`` of each case in a fresh process; in one for all with ``together``, as long as it lives.

    A case that needs more memory than there is, that is refused (InputError), answered wrongly or
    ended by another error has a reason instead of a result; so have those that would begin after so many ``minutes``
    or take longer than ``patience`` seconds, which are ended.
    """
    pool, started = None, time.monotonic()
    for number, case in enumerate(cases, 1):
        pool = pool or ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin, initargs=(threads,))
        begun = time.monotonic()
        try:
            if begun - started > 60 * minutes:
                outcome: Outcome[C, R] = Outcome(case, None, "left out: the time is up")
            else:
                worker = pool.submit(os.getpid).result()
                outcome = pool.submit(_attempt, function, case).result(None if patience == inf else patience)
        except TimeoutError:
            os.kill(worker, signal.SIGKILL)
            outcome, pool = Outcome(case, None, f"no answer in {patience:g} s"), None
        except BrokenProcessPool:
            outcome = Outcome(case, None, "the process died: out of memory, or a crash inside a library", fault=True)
            pool = None
        print(f"{number} of {len(cases)}, {case}: {outcome.reason or f'{time.monotonic() - begun:.1f} s'}", flush=True)
        yield outcome
        if pool is not None and not together:
            pool.shutdown()
            pool = None
    if pool is not None:
        pool.shutdown()


def _begin(threads: int) -> None:
    """A process that asks for more memory than is free is told so, before the system ends another one for it."""
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        allow_tf32("cuda")
    else:  # a card's address space counts as well, so there would be nothing left
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        taken = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData"))
        limit = taken + int(SHARE * available("cpu"))
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _attempt(function: Callable[[C], R], case: C) -> Outcome[C, R]:
    try:
        return Outcome(case, function(case))
    except InputError as error:
        return Outcome(case, None, _line(error))
    except WrongAnswer as error:
        return Outcome(case, None, f"wrong answer: {_line(error)}", fault=True)
    except Exception as error:  # libraries raise what they like: the case has no figure, the others still run
        short = isinstance(error, MemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)
        if not short:
            traceback.print_exc()
        outcome: Outcome[C, R] = Outcome(
            case, None, "out of memory" if short else f"failed: {type(error).__name__}: {_line(error)}", fault=not short
        )
    _end_if_faulted()  # outside the handler, which holds on to what the case had allocated
    return outcome


def _end_if_faulted() -> None:
    """A card that has faulted serves this process no more: another one runs the cases that follow."""
    if torch.cuda.is_available():
        try:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except RuntimeError:
            os._exit(70)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]

"""Cases in processes of their own: what they take, and what becomes of those that fail."""

import os
import time
from collections.abc import Callable

import pytest
import torch

from benchmarks.common.answers import WrongAnswer
from benchmarks.common.memory import check_fit, peak_of
from benchmarks.common.process import Outcome, run_cases
from cranial_sparse.errors import InputError

MIB = 1 << 20


def take(mebibytes: int) -> int:
    """Bytes at the peak of filling an array of this size, which is freed again."""
    return peak_of(lambda: bytearray(mebibytes * MIB).count(1), "cpu").process


def fail(how: str) -> int:
    if how == "refused":
        raise InputError("expected less")
    if how == "wrong":
        raise WrongAnswer("output: 0.5")
    if how == "broken":
        raise KeyError("a library's own")
    if how == "memory":
        torch.empty(1 << 50, dtype=torch.uint8)
    if how == "died":
        os._exit(9)
    return os.getpid()


def outcomes(function: Callable, cases: list, together: bool = False) -> list[Outcome]:
    return list(run_cases(function, cases, 1, together))


def test_a_peak_is_that_of_the_call_alone() -> None:
    large, small = (outcome.result for outcome in outcomes(take, [96, 32], together=True))
    assert 90 * MIB < large < 110 * MIB
    assert 28 * MIB < small < 45 * MIB


def test_a_case_that_fails_has_a_reason_and_the_others_run() -> None:
    cases = ["refused", "wrong", "broken", "memory", "died", ""]
    refused, wrong, broken, memory, died, fine = outcomes(fail, cases, together=True)
    assert (refused.reason, refused.fault) == ("expected less", False)
    assert (wrong.reason, wrong.fault) == ("wrong answer: output: 0.5", True)
    assert broken.reason == 'failed: KeyError: "a library\'s own"'
    assert broken.fault
    assert (memory.reason, memory.fault) == ("out of memory", False)
    assert "process died" in died.reason
    assert fine.result
    assert not fine.reason


def test_every_case_has_a_process_of_its_own() -> None:
    first, second = (outcome.result for outcome in outcomes(fail, ["", ""]))
    assert len({first, second, os.getpid()}) == 3


def test_time_that_is_up_leaves_cases_out() -> None:
    (only,) = run_cases(fail, [""], 1, minutes=-1)
    assert only.reason == "left out: the time is up"


def test_what_does_not_fit_is_told_with_its_size() -> None:
    check_fit(1, "cpu")
    with pytest.raises(InputError, match=r"does not fit: needs 1\.02e\+03 GiB|does not fit: needs 1024 GiB or more"):
        check_fit(1 << 40, "cpu")


def test_a_case_that_does_not_end_is_ended_and_the_next_one_runs() -> None:
    slow, quick = run_cases(time.sleep, [600, 0], 1, together=True, patience=10)
    assert "no answer in 10 s" in slow.reason
    assert not slow.fault
    assert not quick.reason

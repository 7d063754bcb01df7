"""The comparison's page where some of it was not measured."""

from benchmarks.common.memory import Peak
from benchmarks.common.process import Outcome
from benchmarks.common.timing import Timing
from benchmarks.dense_vs_sparse.measure import SHELL, SKULL, Case, Row
from benchmarks.dense_vs_sparse.page import crossing_table, crossings, scene_tables, shell_table

LATE = "left out: the time is up"


def outcome(scene: str, fill: float, variant: str, seconds: float | None) -> Outcome[Case, Row]:
    case = Case(scene, 64, fill, variant, "forward", "", (0, 0, 0), (64, 64, 64), (16,), "cpu", 3)
    row = None if seconds is None else Row(100, Timing(seconds, 0.0, 3), Peak(1 << 20, None))
    return Outcome(case, row, "" if row else LATE)


def shells(variant: str, seconds: dict[float, float | None]) -> list[Outcome[Case, Row]]:
    return [outcome(SHELL, fill, variant, taken) for fill, taken in seconds.items()]


def test_a_fill_that_one_side_lacks_hides_no_crossing() -> None:
    """Seen on a card: a wrong answer at one fill, and a library that loses from 15 % on was said to lose nowhere."""
    dense = shells("dense", {0.1: 2.0, 0.2: 2.0, 0.4: 2.0, 0.7: None})
    sparse = shells("spconv", {0.1: 1.0, 0.2: None, 0.4: 4.0, 0.7: 9.0})
    found = crossings([*dense, *sparse], ["spconv"])
    assert found[0]["dense"] == (0.1 * 0.4) ** 0.5
    assert crossing_table(found)[2] == "| spconv | forward | from 20% on | not measured |"


def test_faster_is_said_only_as_far_as_it_was_measured() -> None:
    dense = shells("dense", {0.1: 2.0, 0.7: 2.0, 1.0: None}) + shells("dense, masked", {0.1: 2.0, 0.7: 2.0, 1.0: 2.0})
    sparse = shells("native", {0.1: 1.0, 0.7: 1.0, 1.0: 1.0})
    assert crossing_table(crossings(dense + sparse, ["native"]))[2:] == [
        "| native | forward | not up to 70% | never |",
        "| native | training | not measured | not measured |",
    ]


def test_every_fill_has_its_column() -> None:
    lines = shell_table(shells("native", {0.1: 1.0, 0.7: 0.002}) + shells("dense", {0.7: 3.0}), ["native"])
    assert lines[0] == "|  |  | 10% | 70% |"
    assert lines[2:] == ["| native | forward | 1 s | 2 ms |", "| dense | forward | – | 3 s |"]


def test_a_size_that_was_not_begun_has_no_table() -> None:
    lines = scene_tables([outcome(SKULL, 0.03, "native", None), outcome(SKULL, 0.03, "dense", None)], SKULL)
    assert lines[-1] == "Left out: the time is up."
    assert not any(line.startswith("|") for line in lines)

"""Many cases as one table: figures per case, then what they come to over *all* of them, failures included."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from cranial_sparse.metrics.bootstrap import interval_by_skull
from cranial_sparse.metrics.case import Scores
from cranial_sparse.metrics.names import METRICS

COLUMNS = tuple(f.name for f in fields(Scores))


@dataclass(frozen=True)
class Statistics:
    """Of one metric over several cases; ``low`` and ``high`` bound the mean, None with fewer than two skulls."""

    mean: float
    low: float | None
    high: float | None
    median: float
    worst: float


@dataclass(frozen=True)
class ScoreTable:
    """``cases`` by name, each counted; ``failures`` says why some of them stand there at their worst value."""

    cases: Mapping[str, Scores]
    failures: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Statistics]:
        """Statistics of each metric over all cases. Empty without cases."""
        if not self.cases:
            return {}
        result, skulls = {}, [skull_of(name) for name in self.cases]
        for metric in METRICS:
            values = np.array([getattr(scores, metric.field) for scores in self.cases.values()], np.float64)
            low, high = interval_by_skull(values.tolist(), skulls) or (None, None)
            worst = values[np.abs(values - metric.best).argmax()]
            result[metric.field] = Statistics(float(values.mean()), low, high, float(np.median(values)), float(worst))
        return result

    def by_kind(self) -> dict[str, "ScoreTable"]:
        """The cases of each kind of defect, in order of appearance; one kind, "", where names have no folder."""
        kinds: dict[str, dict[str, Scores]] = {}
        for name, scores in self.cases.items():
            kinds.setdefault(kind_of(name), {})[name] = scores
        return {
            kind: ScoreTable(cases, {name: self.failures[name] for name in cases if name in self.failures})
            for kind, cases in kinds.items()
        }

    def skulls(self) -> int:
        """How many different skulls the cases are of."""
        return len({skull_of(name) for name in self.cases})

    def worst(self, count: int) -> list[str]:
        """Names of the ``count`` cases with the lowest DSC, failures first, from the worst."""
        rank = {name: (name not in self.failures, scores.dsc) for name, scores in self.cases.items()}
        return sorted(rank, key=rank.__getitem__)[:count]

    def to_csv(self) -> str:
        """One row per case: name, the fields of Scores, and the failure where there is one."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["case", *COLUMNS, "failure"])
        for name, scores in self.cases.items():
            writer.writerow([name, *(f"{getattr(scores, c):.6g}" for c in COLUMNS), self.failures.get(name, "")])
        return text.getvalue()

    def to_json(self) -> str:
        """``{"summary", "kinds", "cases", "failures"}``, full precision; ``kinds`` has a summary of each."""
        content = {
            "summary": _plain(self.summary()),
            "kinds": {kind: _plain(table.summary()) for kind, table in self.by_kind().items()},
            "cases": {name: asdict(scores) for name, scores in self.cases.items()},
            "failures": dict(self.failures),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def kind_of(name: str) -> str:
    """The folder part of a case's name: ``bilateral`` of ``bilateral/000``, nothing of ``000``."""
    return name.rpartition("/")[0]


def skull_of(name: str) -> str:
    """The last part of a case's name: ``000`` of ``bilateral/000``."""
    return name.rpartition("/")[2]


def _plain(summary: Mapping[str, Statistics]) -> dict[str, dict[str, float | None]]:
    return {metric: asdict(statistics) for metric, statistics in summary.items()}

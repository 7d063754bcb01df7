"""Many cases as one table: figures per case, then mean, median and worst over *all* of them, failures included."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from cranial_sparse.metrics.case import Scores

METRICS = tuple(f.name for f in fields(Scores))
OVERLAPS = tuple(name for name in METRICS if "dsc" in name)  # the worst is the smallest; of a distance, the largest
DISTANCES = ("hd95", "hd", "asd")


@dataclass(frozen=True)
class ScoreTable:
    """``cases`` by name, each counted; ``failures`` says why some of them stand there at their worst value."""

    cases: Mapping[str, Scores]
    failures: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean, median and worst of each overlap and distance. Empty without cases."""
        if not self.cases:
            return {}
        result = {}
        for name in (*OVERLAPS, *DISTANCES):
            values = np.array([getattr(scores, name) for scores in self.cases.values()])
            worst = values.min() if name in OVERLAPS else values.max()
            result[name] = {"mean": float(values.mean()), "median": float(np.median(values)), "worst": float(worst)}
        return result

    def to_csv(self) -> str:
        """One row per case: name, the fields of Scores, and the failure where there is one."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["case", *METRICS, "failure"])
        for name, scores in self.cases.items():
            writer.writerow([name, *(f"{getattr(scores, m):.4f}" for m in METRICS), self.failures.get(name, "")])
        return text.getvalue()

    def to_json(self) -> str:
        """``{"summary", "cases", "failures"}``, full precision."""
        cases = {name: asdict(scores) for name, scores in self.cases.items()}
        content = {"summary": self.summary(), "cases": cases, "failures": dict(self.failures)}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

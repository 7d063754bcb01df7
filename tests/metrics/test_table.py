"""Tables: every case counts, the failed ones too."""

import csv
import io
import json

import pytest

from cranial_sparse.metrics import Scores, ScoreTable

GOOD = Scores(0.9, 0.95, 0.94, 1.0, 3.0, 0.4, 50.0, 52.0)
FAIR = Scores(0.8, 0.85, 0.84, 2.0, 5.0, 0.6, 40.0, 52.0)
LOST = Scores(0.0, 0.0, 0.0, 90.0, 90.0, 90.0, 0.0, 52.0)
TABLE = ScoreTable({"a": GOOD, "b": FAIR, "c/d": LOST}, {"c/d": "no prediction, nowhere"})


def test_failures_pull_the_mean_down():
    summary = TABLE.summary()
    assert summary["dsc"] == pytest.approx({"mean": 1.7 / 3, "median": 0.8, "worst": 0.0})
    assert summary["hd95"] == pytest.approx({"mean": 31.0, "median": 2.0, "worst": 90.0})
    assert ScoreTable({}).summary() == {}


def test_csv_reads_back():
    rows = list(csv.DictReader(io.StringIO(TABLE.to_csv())))
    assert [row["case"] for row in rows] == ["a", "b", "c/d"]
    assert float(rows[0]["bdsc_10mm"]) == 0.95
    assert [row["failure"] for row in rows] == ["", "", "no prediction, nowhere"]


def test_json_reads_back():
    content = json.loads(TABLE.to_json())
    assert content["cases"]["b"]["asd"] == 0.6
    assert content["failures"] == {"c/d": "no prediction, nowhere"}
    assert content["summary"]["dsc"]["worst"] == 0.0

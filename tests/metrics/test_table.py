"""Tables: every case counts, the failed ones too."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import Scores, ScoreTable, failed_case
from cranial_sparse.metrics.names import MAIN, METRICS
from cranial_sparse.metrics.table import COLUMNS

TRUTH = Volume(np.ones((4, 4, 4), bool), Geometry((4, 4, 4), (10.0, 10.0, 10.0)))
LOST = failed_case(TRUTH)
GOOD = dataclasses.replace(LOST, dsc=0.9, hd95=1.0, asd=0.4, volume_ratio=1.3, components=1)
FAIR = dataclasses.replace(LOST, dsc=0.8, hd95=2.0, asd=0.6, volume_ratio=0.9, components=3)
TABLE = ScoreTable({"a/1": GOOD, "a/2": FAIR, "b/2": LOST}, {"b/2": "no prediction, nowhere"})


def test_failures_pull_the_mean_down():
    summary = TABLE.summary()
    assert (summary["dsc"].mean, summary["dsc"].median, summary["dsc"].worst) == pytest.approx((1.7 / 3, 0.8, 0))
    diagonal = 40 * np.sqrt(3)
    assert (summary["hd95"].median, summary["hd95"].worst) == pytest.approx((2.0, diagonal))
    assert ScoreTable({}).summary() == {}


def test_the_worst_is_the_farthest_from_the_best():
    assert ScoreTable({"1": GOOD, "2": FAIR}).summary()["volume_ratio"].worst == 1.3
    assert ScoreTable({"1": GOOD, "2": FAIR}).summary()["components"].worst == 3
    assert TABLE.summary()["volume_ratio"].worst == 0


def test_kinds_are_the_folders():
    kinds = TABLE.by_kind()
    assert [(kind, list(table.cases), list(table.failures)) for kind, table in kinds.items()] == [
        ("a", ["a/1", "a/2"], []),
        ("b", ["b/2"], ["b/2"]),
    ]
    assert TABLE.skulls() == 2
    assert list(ScoreTable({"000": GOOD}).by_kind()) == [""]


def test_failures_are_the_worst_then_low_overlaps():
    assert TABLE.worst(2) == ["b/2", "a/2"]
    assert TABLE.worst(9) == ["b/2", "a/2", "a/1"]


def test_an_interval_needs_two_skulls():
    assert TABLE.by_kind()["b"].summary()["dsc"].low is None
    low, high = TABLE.summary()["dsc"].low, TABLE.summary()["dsc"].high
    assert (low, high) == pytest.approx((0.4, 0.9))  # skull 2 twice, or skull 1 twice


def test_csv_reads_back():
    rows = list(csv.DictReader(io.StringIO(TABLE.to_csv())))
    assert [row["case"] for row in rows] == ["a/1", "a/2", "b/2"]
    assert float(rows[0]["hd95"]) == 1.0
    assert rows[1]["components"] == "3"
    assert [row["failure"] for row in rows] == ["", "", "no prediction, nowhere"]


def test_json_reads_back():
    content = json.loads(TABLE.to_json())
    assert content["cases"]["a/2"]["asd"] == 0.6
    assert content["failures"] == {"b/2": "no prediction, nowhere"}
    assert content["summary"]["dsc"]["worst"] == 0.0
    assert content["kinds"]["a"]["dsc"]["mean"] == pytest.approx(0.85)
    assert content["kinds"]["b"]["dsc"]["low"] is None


def test_each_metric_has_a_name_and_the_main_ones_come_first():
    assert {metric.field for metric in METRICS} == set(COLUMNS) - {"predicted_ml", "true_ml"}
    assert METRICS[: len(MAIN)] == MAIN
    assert MAIN[2].heading == "HD95 mm"
    assert all(isinstance(getattr(LOST, field.name), float | int) for field in dataclasses.fields(Scores))

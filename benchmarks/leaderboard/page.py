"""The leaderboard as a page, a table of every case, and plots."""

import csv
import io
from dataclasses import fields
from statistics import median
from typing import Any

from benchmarks.leaderboard.entries import PUBLISHED, made_by, parameters
from cranial_sparse.metrics import Scores, ScoreTable
from cranial_sparse.metrics.names import METRICS
from cranial_sparse.report.svg import Dot, Group, strips

Rows = dict[str, dict[str, dict[str, Any]]]  # by entry, then by case
SHOWN = ("dsc", "bdsc_10mm", "hd95", "asd", "nsd_1mm", "sdh")
OFFICIAL = "official"


def table_of(rows: dict[str, dict[str, Any]]) -> ScoreTable:
    """The cases of one entry."""
    return ScoreTable(
        {case: Scores(**row["scores"]) for case, row in rows.items()},
        {case: row["failure"] for case, row in rows.items() if row["failure"]},
    )


def set_of(case: str) -> str:
    """The set of a case named set/kind/skull."""
    return case.split("/")[0]


def in_set(rows: Rows, name: str) -> Rows:
    """The cases whose set is ``name``, of every entry that has some."""
    chosen = {
        entry: {case: row for case, row in cases.items() if set_of(case) == name} for entry, cases in rows.items()
    }
    return {entry: cases for entry, cases in chosen.items() if cases}


def sets_of(rows: Rows) -> list[str]:
    """The sets there are figures of, in order of appearance."""
    return list(dict.fromkeys(set_of(case) for cases in rows.values() for case in cases))


def page(rows: Rows, command: str, machine: dict[str, Any]) -> str:
    """Markdown: a table of each set, every metric, by kind of defect, what others published."""
    lines = ["# Leaderboard", "", f"`{command}`, {machine['processor']}, {machine['cores']} cores, no GPU.", ""]
    lines += [
        "Means, with the 95 % bootstrap interval by skull where it is given; a failed case counts at its worst value.",
        "",
        *earlier_lines(rows),
    ]
    for name in sets_of(rows):
        lines += [
            f"## {name}",
            "",
            f"![DSC of every case](leaderboard_{name}.svg)",
            "",
            *summary_lines(in_set(rows, name)),
            "",
        ]
    lines += [
        "## Every metric",
        "",
        *metric_lines(rows),
        "",
        "## By kind of defect, DSC mean / worst",
        "",
        *kind_lines(rows),
        "",
    ]
    lines += [
        "## Published elsewhere",
        "",
        "On other data or splits, by others' code: beside ours, not against them.",
        "",
    ]
    lines += ["| system | data | DSC | bDSC | HD95, mm | |", "|---|---|---|---|---|---|"]
    for one in PUBLISHED:
        figures = " | ".join("–" if v is None else f"{v:g}" for v in (one.dsc, one.bdsc, one.hd95))
        lines.append(f"| {one.system} | {one.data} | {figures} | {one.note} |")
    return "\n".join(lines) + "\n"


def earlier_lines(rows: Rows) -> list[str]:
    """Says which entries have rows that were made with other files or an earlier revision than there are now."""
    count = {entry: sum(row["made_by"] != made_by(entry) for row in cases.values()) for entry, cases in rows.items()}
    told = ", ".join(f"{entry} ({n} of {len(rows[entry])})" for entry, n in count.items() if n)
    return [f"Measured with earlier code or weights, and not since: {told}.", ""] if told else []


def summary_lines(rows: Rows) -> list[str]:
    """The entries, best DSC first."""
    titles = [m.heading for m in METRICS if m.field in SHOWN]
    lines = [f"| system | cases | failed | {' | '.join(titles)} | worst DSC | s | MiB | parameters |"]
    lines.append("|---" * (len(titles) + 7) + "|")
    summaries = {entry: table_of(cases).summary() for entry, cases in rows.items()}
    for entry in sorted(rows, key=lambda entry: -summaries[entry]["dsc"].mean):
        cases, s = rows[entry], summaries[entry]
        cells = [m.text(s[m.field].mean) for m in METRICS if m.field in SHOWN]
        if s["dsc"].low is not None:
            cells[0] += f" ({s['dsc'].low:.3f}–{s['dsc'].high:.3f})"
        failed = sum(bool(row["failure"]) for row in cases.values())
        seconds, memory = (median(row[key] for row in cases.values()) for key in ("seconds", "memory_mb"))
        lines.append(
            f"| {entry} | {len(cases)} | {failed} | {' | '.join(cells)} | {s['dsc'].worst:.3f} | {seconds:.1f} | {memory:.0f}"
            f" | {parameters(entry):,} |"
        )
    return lines


def metric_lines(rows: Rows) -> list[str]:
    """Mean and worst of every metric, by set."""
    lines = [
        "| set | system | " + " | ".join(m.heading for m in METRICS) + " |",
        "|---|---" + "|---" * len(METRICS) + "|",
    ]
    for name in sets_of(rows):
        for entry, cases in in_set(rows, name).items():
            s = table_of(cases).summary()
            cells = [f"{m.text(s[m.field].mean)} / {m.text(s[m.field].worst)}" for m in METRICS]
            lines.append(f"| {name} | {entry} | {' | '.join(cells)} |")
    return lines


def kind_lines(rows: Rows) -> list[str]:
    """DSC of every kind of defect."""
    tables = {entry: table_of(cases).by_kind() for entry, cases in rows.items()}
    kinds = list(dict.fromkeys(kind for table in tables.values() for kind in table))
    lines = [f"| system | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for entry, by_kind in tables.items():
        cells = []
        for kind in kinds:
            s = by_kind[kind].summary()["dsc"] if kind in by_kind else None
            cells.append("–" if s is None else f"{s.mean:.3f} / {s.worst:.3f}")
        lines.append(f"| {entry} | {' | '.join(cells)} |")
    return lines


def plot(rows: Rows, name: str) -> str:
    """SVG: DSC of every case of the set ``name``, entry by entry."""
    groups = {}
    for entry, cases in in_set(rows, name).items():
        table = table_of(cases)
        s = table.summary()["dsc"]
        dots = [
            Dot(scores.dsc, f"{case}: {scores.dsc:.3f}", case in table.failures) for case, scores in table.cases.items()
        ]
        groups[entry] = Group(dots, s.mean, None if s.low is None or s.high is None else (s.low, s.high))
    drawn = strips(f"DSC, {name}", groups)  # to stand in a page; a file of its own says what it is
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace('"inherit"', '"sans-serif"', 1)


def to_csv(rows: Rows) -> str:
    """One row per entry and case."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [field.name for field in fields(Scores)]
    writer.writerow(["system", "set", "case", *columns, "seconds", "memory_mb", "failure"])
    for entry, cases in rows.items():
        for case, row in cases.items():
            scores = [f"{row['scores'][column]:.6g}" for column in columns]
            writer.writerow(
                [entry, set_of(case), case, *scores, f"{row['seconds']:.2f}", f"{row['memory_mb']:.0f}", row["failure"]]
            )
    return text.getvalue()

"""From figures to a page: goals first, then every check, then every case."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np

Rows = Mapping[str, Mapping[str, Any]]


def values(rows: Rows, name: str) -> list[float]:
    """The figure ``name`` of every part of every case that has it."""
    return [item["value"] for part in parts(rows) for item in part if item["name"] == name]


def parts(rows: Rows) -> Iterable[list[dict[str, Any]]]:
    """The checks of every finished solid."""
    return (part for row in rows.values() if not row["failure"] for part in row["parts"])


def share(rows: Rows, *names: str) -> float:
    """Share of all solids whose checks ``names`` passed; a case without one counts as a solid that failed."""
    passed = [
        all(item["passed"] for item in part if item["name"] in names) and any(item["name"] in names for item in part)
        for part in parts(rows)
    ]
    return sum(passed) / max(1, len(passed) + sum(bool(row["failure"]) for row in rows.values()))


def every(rows: Rows) -> float:
    """Share of all solids that passed every check, as share counts them."""
    passed = [all(item["passed"] is not False for item in part) for part in parts(rows)]
    return sum(passed) / max(1, len(passed) + sum(bool(row["failure"]) for row in rows.values()))


def goals(rows: Rows) -> list[tuple[str, str, str]]:
    """What was to be reached, the goal and the figure."""
    lost, seconds = values(rows, "volume lost"), [row["seconds"] for row in rows.values() if not row["failure"]]
    steps = values(rows, "step at the rim, median"), values(rows, "step at the rim, 95 %")
    alone = [row["design_seconds"] for row in rows.values() if not row["failure"]]
    memory = [row["memory_mb"] for row in rows.values() if not row["failure"]]
    solid = share(rows, "watertight", "components", "self-intersections")
    told = [any("No direction" in note for note in row.get("notes", ())) for row in rows.values()]
    return [
        ("watertight, one shell, no self-intersection", "100 %", f"{100 * solid:.1f} %"),
        (
            "goes in along its direction without collision",
            "100 %",
            f"{100 * share(rows, 'insertion collisions'):.1f} %",
        ),
        ("a direction was found", "≥ 95 %", f"{100 * (1 - sum(told) / max(1, len(told))):.1f} %"),
        (
            "clearance within 0.1 mm of 0.5 on average, nowhere below 0.25",
            "≥ 95 %",
            f"{100 * share(rows, 'clearance, mean', 'clearance, least'):.1f} %",
        ),
        (
            "step at the outer rim, mm: median / 95th percentile of a case, both the median over cases",
            "≤ 0.3 / ≤ 0.5",
            f"{median(steps[0]):.2f} / {median(steps[1]):.2f}",
        ),
        (
            "cases that keep both",
            "–",
            f"{100 * share(rows, 'step at the rim, median', 'step at the rim, 95 %'):.1f} %",
        ),
        ("all checks", "–", f"{100 * every(rows):.1f} %"),
        ("volume lost to clearance and undercut, median", "≤ 12 %", f"{median(lost):.1f} %"),
        ("`design` with page and files, seconds, median / most", "≤ 15", f"{median(seconds):.1f} / {max(seconds):.1f}"),
        ("design alone, seconds, median / most", "", f"{median(alone):.1f} / {max(alone):.1f}"),
        ("memory, GiB, most", "≤ 2", f"{max(memory) / 1024:.2f}"),
    ]


def page(rows: Rows, command: str, about: Mapping[str, Any], shared: bool) -> str:
    """Markdown."""
    lines = ["# Finished implants", "", f"`{command}`, {about['processor']}, {about['cores']} cores.", ""]
    lines += [f"{len(rows)} cases, implants as predicted; options of `configs/implant.yaml`.", ""]
    if shared:
        lines += ["Seconds are of a shared machine: several cases ran at once.", ""]
    lines += ["| | goal | figure |", "|---|---|---|"]
    lines += [f"| {name} | {goal} | {found} |" for name, goal, found in goals(rows)]
    lines += ["", "## Every check", "", "Over all solids.", ""]
    lines += ["| check | passed | median | 5 % | 95 % | limit |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(item["name"] for part in parts(rows) for item in part):
        found = values(rows, name)
        limited = [item for part in parts(rows) for item in part if item["name"] == name and item["passed"] is not None]
        passed = f"{sum(item['passed'] for item in limited)} of {len(limited)}" if limited else ""
        low, high = np.quantile(found, [0.05, 0.95])
        limit = limited[0]["limit"].split(" of ")[0] if limited else ""
        lines.append(f"| {name} | {passed} | {median(found) + 0.0:.3g} | {low + 0.0:.3g} | {high:.3g} | {limit} |")
    lines += [
        "",
        "## Every case",
        "",
        "| case | solids | failed checks | lost | seconds | notes |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if row["failure"]:
            lines.append(f"| {name} | 0 | {row['failure']} | | {row['seconds']:.1f} | |")
            continue
        failed = [f"{i['name']} {i['value']:.2f}" for part in row["parts"] for i in part if i["passed"] is False]
        lost = max(i["value"] for part in row["parts"] for i in part if i["name"] == "volume lost")
        notes = " ".join(row["notes"])
        lines.append(
            f"| {name} | {len(row['parts'])} | {', '.join(failed)} | {lost:.1f} % | {row['seconds']:.1f} | {notes} |"
        )
    return "\n".join(lines) + "\n"

"""The page of a benchmark, Markdown, and its record, JSON: written together."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.machine import machine
from benchmarks.common.process import Outcome
from cranial_sparse.io.files import write_whole

FILES = ("grid", "implant")  # fields of cases that are gone with their folder


@dataclass(frozen=True)
class Page:
    """``name`` is the benchmark's and that of its files; ``body`` is Markdown; ``rows`` are what was measured."""

    name: str
    title: str
    body: Sequence[str]
    rows: Sequence[dict[str, Any]]
    absent: Mapping[str, str] = field(default_factory=dict)  # libraries that are not here, and what installs them
    notes: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def write(page: Page, out: Path, arguments: Sequence[str] | None = None) -> None:
    """NAME.json and NAME.md in ``out``."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == [page.name]:
        words = words[1:]
    command = " ".join(["python -m benchmarks", page.name, *words])
    facts = machine()
    record: dict[str, Any] = {"benchmark": page.name, "title": page.title, "command": command, "machine": facts}
    record |= {"rows": list(page.rows), "absent": dict(page.absent), "notes": list(page.notes), **page.more}
    write_whole(out / f"{page.name}.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    lines = [f"# {page.title}", "", f"`{command}`", "", *page.body, ""]
    lines += [f"- {note}" for note in page.notes]
    if page.absent:
        lines += ["", "## Not here", "", *(f"- {reason}" for reason in page.absent.values())]
    lines += ["", "## Machine", "", *table(["", ""], [[name, str(value)] for name, value in facts.items()])]
    write_whole(out / f"{page.name}.md", "\n".join(lines) + "\n")
    print(f"{out / page.name}.md")


def rows_of(outcomes: Sequence[Outcome[Any, Any]]) -> list[dict[str, Any]]:
    """Cases and their results as JSON has them; those without one have the reason."""
    rows = []
    for outcome in outcomes:
        result = {} if outcome.result is None else asdict(outcome.result)
        case = {name: value for name, value in asdict(outcome.case).items() if name not in FILES}
        rows.append({**case, **result, "reason": outcome.reason})
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def picture(name: str, text: str) -> str:
    """A plot that lies beside the page."""
    return f"![{text}]({name})"

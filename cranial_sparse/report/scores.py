"""The page of an evaluation: one HTML file with plots and pictures that needs nothing else."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from cranial_sparse import __version__
from cranial_sparse.metrics.names import MAIN, METRICS, Metric
from cranial_sparse.metrics.table import ScoreTable
from cranial_sparse.report.comparison import Picture
from cranial_sparse.report.html import data_url
from cranial_sparse.report.svg import Dot, Group, scatter, strips

SIZED = ("dsc", "hd95", "asd")  # shown against the size of the defect


def scores_html(table: ScoreTable, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page of ``table``, which has at least one case; ``pictures`` are those of its worst cases, by name."""
    assets = files("cranial_sparse.report").joinpath("page")
    return Template(assets.joinpath("scores.html").read_text(encoding="utf-8")).substitute(
        style=assets.joinpath("style.css").read_text(encoding="utf-8"),
        own_style=assets.joinpath("scores.css").read_text(encoding="utf-8"),
        version=escape(__version__),
        count=f"{_count(len(table.cases), 'case')} of {_count(table.skulls(), 'skull')}",
        tiles="".join(_tile(table, metric) for metric in MAIN) + _failed_tile(table),
        failures=_failures(table),
        plots="".join(_plot(table, metric) for metric in METRICS),
        sizes="".join(_sizes(table, metric) for metric in MAIN if metric.field in SIZED),
        worst="".join(_case(table, name, shown) for name, shown in pictures.items()),
        summaries="".join(_summary(kind, part) for kind, part in _parts(table).items()),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _parts(table: ScoreTable) -> dict[str, ScoreTable]:
    """All cases and, where there are several kinds, those of each."""
    kinds = table.by_kind()
    return {"all": table, **({kind or "others": part for kind, part in kinds.items()} if len(kinds) > 1 else {})}


def _tile(table: ScoreTable, metric: Metric) -> str:
    s = table.summary()[metric.field]
    interval = "" if s.low is None or s.high is None else f"{metric.text(s.low)} to {metric.text(s.high)}; "
    return (
        f"<div class=tile><dt>{metric.title}</dt><dd>{metric.text(s.mean)} <small>{metric.unit}</small></dd>"
        f"<p>{interval}worst {metric.text(s.worst)}</p></div>"
    )


def _failed_tile(table: ScoreTable) -> str:
    return f"<div class=tile><dt>Failed</dt><dd>{len(table.failures)}</dd><p>of {len(table.cases)} cases</p></div>"


def _failures(table: ScoreTable) -> str:
    if not table.failures:
        return ""
    items = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in table.failures.items())
    return f"<section class=warnings><h2>Failed, counted at their worst value</h2><ul>{items}</ul></section>"


def _dot(table: ScoreTable, name: str, metric: Metric) -> Dot:
    value = getattr(table.cases[name], metric.field)
    return Dot(value, f"{name}: {metric.text(value)} {metric.unit}".rstrip(), name in table.failures)


def _plot(table: ScoreTable, metric: Metric) -> str:
    groups = {}
    for kind, part in _parts(table).items():
        s = part.summary()[metric.field]
        interval = None if s.low is None or s.high is None else (s.low, s.high)
        groups[f"{kind} ({len(part.cases)})"] = Group(
            [_dot(table, name, metric) for name in part.cases], s.mean, interval
        )
    return f"<figure><figcaption><h3>{metric.heading}</h3></figcaption>{strips(metric.heading, groups)}</figure>"


def _sizes(table: ScoreTable, metric: Metric) -> str:
    points = [(scores.true_ml, _dot(table, name, metric)) for name, scores in table.cases.items()]
    title = f"{metric.heading} by size"
    return f"<figure><figcaption><h3>{title}</h3></figcaption>{scatter(title, 'true implant, ml', points)}</figure>"


def _case(table: ScoreTable, name: str, pictures: Sequence[Picture]) -> str:
    scores = table.cases[name]
    figures = ", ".join(f"{m.title} {m.text(getattr(scores, m.field))} {m.unit}".rstrip() for m in MAIN)
    failed = f"<p class=failed>failed: {escape(table.failures[name])}</p>" if name in table.failures else ""
    shown = "".join(
        f'<figure><img alt="{escape(name)}, {p.caption}" src="{data_url(p.png)}" style="aspect-ratio:{p.aspect:.3f}">'
        f"<figcaption>{p.caption}</figcaption></figure>"
        for p in pictures
    )
    facts = f"<h3>{escape(name)}</h3><p>{figures}, {scores.true_ml:.1f} ml</p>{failed}"
    return f"<article>{facts}<div class=row>{shown}</div></article>"


def _summary(kind: str, table: ScoreTable) -> str:
    rows = []
    for metric in METRICS:
        s = table.summary()[metric.field]
        interval = "–" if s.low is None or s.high is None else f"{metric.text(s.low)} … {metric.text(s.high)}"
        cells = (metric.text(s.mean), interval, metric.text(s.median), metric.text(s.worst))
        rows.append(f"<tr><th scope=row>{metric.heading}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "<tr><th>metric</th><th>mean</th><th>95 %</th><th>median</th><th>worst</th></tr>"
    body = f"<summary>{escape(kind)} ({len(table.cases)})</summary><table>{head}{''.join(rows)}</table>"
    return f"<details{' open' if kind == 'all' else ''}>{body}</details>"

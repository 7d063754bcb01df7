"""Predictions paired with their truth, scored, and shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.io.volume import VOLUME_SUFFIXES, read_mask, volume_suffix
from cranial_sparse.metrics import Scores, ScoreTable, evaluate_case, failed_case, same_grid
from cranial_sparse.metrics.case import difference
from cranial_sparse.metrics.names import MAIN
from cranial_sparse.report.comparison import compare
from cranial_sparse.report.scores import scores_html

WORST = 5  # cases shown as pictures


@dataclass(frozen=True)
class Truth:
    """The files of one true case."""

    implant: Path
    defective: Path


def find_truth(folder: Path, chosen: Sequence[str] | None = None) -> dict[str, Truth]:
    """The true cases below ``folder`` by name (``000``, or ``bilateral/000``), all or the ``chosen`` ones.

    ``chosen`` are names, or text files of names. Raises InputError where the folder is not laid out as expected, a
    chosen case is not there, or an implant has no defective skull.
    """
    if not folder.exists():
        raise InputError(f"--truth {folder}: no such folder; expected one with implant/ and defective_skull/ in it")
    root = next((f for f in (folder, folder / "training_set") if (f / "implant").is_dir()), None)
    if root is None or not (root / "defective_skull").is_dir():
        raise InputError(f"--truth {folder}: expected a folder with implant/ and defective_skull/ in it")
    implants, skulls = (_volumes(root / name) for name in ("implant", "defective_skull"))
    if not implants:
        raise InputError(f"--truth {root / 'implant'}: no volumes in it")
    names = list(implants) if chosen is None else _names(chosen)
    for name in names:
        if name not in implants:
            raise InputError(f"--cases {name}: no such case in {root / 'implant'}, and no file of names")
        if name not in skulls:
            raise InputError(f"--truth: {implants[name]} has no defective skull {root / 'defective_skull' / name}.nrrd")
    return {name: Truth(implants[name], skulls[name]) for name in names}


def score_all(predictions: Path, cases: Mapping[str, Truth], console: Console) -> ScoreTable:
    """Score every case; those without a usable prediction at their worst value. Raises InputError where truth fails."""
    if not predictions.is_dir():
        raise InputError(f"{predictions}: expected a folder of predictions")
    scores: dict[str, Scores] = {}
    failures: dict[str, str] = {}
    for name in track(cases, "scoring", console=console, transient=True, disable=not console.is_terminal):
        truth, defective = read_mask(cases[name].implant), read_mask(cases[name].defective)
        if not same_grid(truth.geometry, defective.geometry):
            raise InputError(f"--truth: {cases[name].defective} is on another grid than {cases[name].implant}")
        try:
            file = find_prediction(predictions, name)
            prediction = read_mask(file)
            if not same_grid(prediction.geometry, truth.geometry):
                raise InputError(
                    f"{file}: is on another grid than {cases[name].implant}, {difference(prediction, truth)}; resample it to that"
                )
            scores[name] = evaluate_case(prediction, truth, defective)
        except (InputError, ValueError, OSError) as error:
            scores[name] = failed_case(truth)
            failures[name] = " ".join(str(error).split())
    return ScoreTable(scores, failures)


def find_prediction(folder: Path, name: str) -> Path:
    """``folder/name/implant.nrrd``, or ``folder/name`` with any volume's suffix. Raises InputError."""
    tries = [folder / name / "implant.nrrd", *(folder / f"{name}{suffix}" for suffix in VOLUME_SUFFIXES)]
    for path in tries:
        if path.is_file():
            return path
    raise InputError(f"no prediction: neither {tries[0]} nor {tries[1]} is there")


def print_table(table: ScoreTable, console: Console) -> None:
    """The main metrics: of each case, then of all and of each kind of defect; then what failed and why."""
    shown = Table(
        title=f"{len(table.cases)} cases, {len(table.failures)} failed",
        title_justify="left",
        show_edge=False,
        pad_edge=False,
    )
    shown.add_column("case", overflow="fold")
    for title in (*(metric.heading for metric in MAIN), "ml", "true ml"):
        shown.add_column(title, justify="right")
    for name, scores in table.cases.items():
        cells = [metric.text(getattr(scores, metric.field)) for metric in MAIN]
        volumes = [f"{scores.predicted_ml:.1f}", f"{scores.true_ml:.1f}"]
        shown.add_row(name, *cells, *volumes, style="red" if name in table.failures else None)
    console.print(shown)
    console.print(_summary_table(table))
    for name, reason in table.failures.items():
        console.print(f"failed: {name}: {reason}", style="bold red", markup=False, highlight=False, soft_wrap=True)


def _summary_table(table: ScoreTable) -> Table:
    """A row per kind and main metric; the kinds only where there are several."""
    shown = Table(title=f"\nall cases, {table.skulls()} skulls", title_justify="left", show_edge=False, pad_edge=False)
    for title in ("defects", "metric"):
        shown.add_column(title, overflow="fold")
    for title in ("mean", "95 % by skull", "median", "worst"):
        shown.add_column(title, justify="right")
    kinds = table.by_kind()
    parts = {"all": table, **(kinds if len(kinds) > 1 else {})}
    for kind, part in parts.items():
        summary = part.summary()
        for metric in MAIN:
            s = summary[metric.field]
            interval = "–" if s.low is None or s.high is None else f"{metric.text(s.low)} … {metric.text(s.high)}"
            title = f"{kind or 'others'} ({len(part.cases)})" if metric is MAIN[0] else ""
            figures = (metric.text(s.mean), interval, metric.text(s.median), metric.text(s.worst))
            shown.add_row(title, metric.heading, *figures, style="bold" if kind == "all" else None)
        shown.add_section()
    return shown


def table_files(path: Path) -> list[Path]:
    """What write_table writes."""
    if path.suffix.lower() in (".csv", ".json"):
        return [path]
    return [path / f"scores{end}" for end in (".csv", ".json", ".html")]


def write_table(table: ScoreTable, path: Path, page: Callable[[], str]) -> None:
    """Write a .csv or a .json, or for any other name a folder with both and scores.html. Raises InputError."""
    texts = {".csv": table.to_csv, ".json": table.to_json, ".html": page}
    try:
        for file in table_files(path):
            write_whole(file, texts[file.suffix.lower()]())
    except OSError as error:
        raise InputError(f"--out {path}: cannot be written ({error.strerror}); choose another place") from error


def scores_page(table: ScoreTable, predictions: Path, cases: Mapping[str, Truth]) -> str:
    """The page of all cases, with pictures of the five worst, which are read once more for it."""
    pictures = {}
    for name in table.worst(WORST):
        truth, skull = read_mask(cases[name].implant), read_mask(cases[name].defective)
        empty = Volume(np.zeros_like(truth.array), truth.geometry)
        prediction = empty if name in table.failures else read_mask(find_prediction(predictions, name))
        pictures[name] = compare(skull, prediction, truth)
    return scores_html(table, pictures)


def _volumes(folder: Path) -> dict[str, Path]:
    found = sorted(p for p in folder.rglob("*") if p.is_file() and volume_suffix(p) in VOLUME_SUFFIXES)
    return {str(p.relative_to(folder))[: -len(volume_suffix(p))]: p for p in found}


def _names(chosen: Sequence[str]) -> list[str]:
    names: list[str] = []
    for text in chosen:
        path = Path(text)
        try:
            names += path.read_text(encoding="utf-8").split() if path.is_file() else [text]
        except UnicodeDecodeError:
            raise InputError(f"--cases {path}: expected a text file of names in UTF-8; give one, or names") from None
    return list(dict.fromkeys(names))

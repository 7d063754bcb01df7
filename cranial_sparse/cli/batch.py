"""Many cases one after the other, with a progress bar; one that fails does not stop the rest."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cranial_sparse.cli.case import NO_DEFECT, CompleteFunction, Options, complete_case, finished_summary, is_whole
from cranial_sparse.cli.folders import check_writable
from cranial_sparse.cli.inputs import Case
from cranial_sparse.cli.provenance import sha256
from cranial_sparse.errors import InputError
from cranial_sparse.report.summary import Summary


def complete_all(
    cases: Sequence[Case],
    out: Path,
    complete: CompleteFunction,
    options: Options,
    console: Console,
    problems: Sequence[InputError] = (),
) -> int:
    """Complete every case into ``out`` and say what happened to each; return how many failed.

    ``problems`` are inputs that failed before they became cases; they are counted and listed with the others. Raises
    InputError where ``out`` is no folder that can be written, before anything is computed.
    """
    if cases:
        check_writable(out)
    failures = [str(problem) for problem in problems]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=len(cases))
        for case in cases:

            def show(stage: str, name: str = case.name) -> None:
                progress.update(task, description=f"{name}: {stage}")

            try:
                line = None if options.overwrite else already_done(case, out, options)
                if line is None:
                    line = describe(complete_case(case, out, complete, options, show), out)
                _say(console, line)
            except InputError as error:
                failures.append(one_line(str(error)))
            except (OSError, MemoryError, ValueError, RuntimeError) as error:
                failures.append(one_line(f"{case.path}: {type(error).__name__}: {error}"))
            progress.advance(task)
    for failure in failures:
        _say(console, f"failed: {failure}", style="bold red")
    if len(cases) + len(problems) > 1 or not cases:
        _say(console, f"{len(cases) + len(problems) - len(failures)} finished, {len(failures)} failed")
    return len(failures)


def already_done(case: Case, out: Path, options: Options) -> str | None:
    """A line where ``case`` is finished in ``out``, all its files there, and need not be done again; None where it must.

    Raises InputError where the folder holds the result of another input.
    """
    summary = finished_summary(out / case.name)
    if summary is None:
        return None
    if summary["source"].get("sha256") != sha256(case.path):
        before = summary["source"].get("path")
        of = f"another input, {before}, not of {case.path}"
        if before == str(case.path):
            of = f"{before} as it was before it changed"
        raise InputError(
            f"{out / case.name}: holds the result of {of}; give --overwrite to replace it, or another --out"
        )
    if not is_whole(out / case.name, summary):
        return None
    made, asked = summary["options"], options.as_dict()
    keys = {**asked, **made}  # in order
    differing = [f"{key} {made.get(key)}, not {asked.get(key)}" for key in keys if made.get(key) != asked.get(key)]
    if differing:
        why = "; ".join(differing)
        return f"{case.name}: skipped, finished earlier with other options ({why}); --overwrite does it again"
    return f"{case.name}: skipped, already finished; --overwrite does it again"


def describe(summary: Summary, out: Path) -> str:
    """One finished case in one line, and its warnings below."""
    implant = "no defect found" if summary.implant.empty else f"implant {summary.implant.volume_ml:.1f} ml"
    lines = [f"{summary.case}: {implant}, {sum(summary.seconds.values()):.1f} s, {out / summary.case}"]
    lines += [f"  note: {warning}" for warning in summary.warnings if warning != NO_DEFECT]
    return "\n".join(lines)


def one_line(text: str) -> str:
    """Text without line breaks or runs of blanks."""
    return " ".join(text.split())


def _say(console: Console, text: str, style: str | None = None) -> None:
    """Print plain text: no markup, no wrapping, so that lines can be searched and copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

"""Runs a W&B sweep's YAML on this machine, one run after the other, without W&B's service.

    python -m experiments.sweep configs/sweeps/cascade.yaml --count 20

Grid, random and bayes (Optuna's TPE) draw the points, early_terminate stops what lags behind, and the command is expanded as
W&B's agent expands it, with a name of its own for every run. What was tried is kept in --folder/<name>.journal: a second
call goes on from there. With the service: wandb sweep FILE, then wandb agent …, in the repository's root.
"""

import argparse
import csv
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import TrialState

from cranial_sparse.errors import InputError, in_one_line
from experiments.search import Sweep, command_line, next_trial, open_study, read_sweep

LOOK_EVERY = 2.0  # s
SEED = 20260716


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m experiments.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", type=Path, help="a sweep as W&B takes it, such as configs/sweeps/cascade.yaml")
    parser.add_argument("--count", type=int, help="runs to make now (default: what is left of a grid, else 10)")
    parser.add_argument("--folder", type=Path, default=Path("runs/sweeps"), help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the points drawn (default: %(default)s)")
    parser.add_argument(
        "further", nargs="*", metavar="key=value", help="added to every run, such as training.max_steps=500"
    )
    args = parser.parse_intermixed_args(arguments)
    if args.count is not None and args.count < 1:
        raise InputError(f"--count: expected at least 1, got {args.count}")
    odd = [one for one in args.further if "=" not in one]
    if odd:
        raise InputError(f"{odd[0]}: expected key=value")
    sweep = read_sweep(args.sweep)
    study = open_study(sweep, args.folder / f"{sweep.name}.journal", args.seed)
    wanted = args.count or (sys.maxsize if sweep.method == "grid" else 10)
    failed = 0
    for _ in range(wanted):
        trial = next_trial(study, sweep)
        if trial is None:
            break
        failed += not run(study, trial, sweep, args.folder, args.further)
    print(table(study, sweep))
    return 1 if failed else 0


def run(study: optuna.Study, trial: optuna.Trial, sweep: Sweep, folder: Path, further: Sequence[str]) -> bool:
    """One run in ``folder``/<sweep>-<number>; whether it ended as it should."""
    name = f"{sweep.name}-{trial.number:03d}"
    own = [f"name={name}", f"runs_dir={folder}", f"logging.group={sweep.name}"]
    command = [*command_line(sweep, trial.params, sys.executable), *own, *further]
    print(f"{name}: {' '.join(f'{key}={value}' for key, value in trial.params.items())}", flush=True)
    state, heard, process = TrialState.FAIL, 0, subprocess.Popen(command)
    try:
        status = None
        while status is None:
            try:
                status = process.wait(LOOK_EVERY)
            except subprocess.TimeoutExpired:
                heard = report(trial, metric_values(folder / name, sweep.metric), heard)
                if trial.should_prune():
                    process.terminate()  # our runs finish their step and save
                    process.wait()
                    state, status = TrialState.PRUNED, 0
        values = metric_values(folder / name, sweep.metric)
        report(trial, values, heard)
        if state is TrialState.FAIL and status == 0 and values:
            state = TrialState.COMPLETE
    except KeyboardInterrupt:
        process.wait()  # it got the signal as well
        study.tell(trial, state=TrialState.FAIL)
        raise
    study.tell(trial, values[-1] if state is TrialState.COMPLETE else None, state=state)
    if state is TrialState.FAIL:
        why = f"ended with status {status}" if status else f"logged no {sweep.metric}"
        print(f"{name}: {why}; its output is above, its files in {folder / name}", file=sys.stderr)
    return state is not TrialState.FAIL


def metric_values(folder: Path, metric: str) -> list[float]:
    """Every value of ``metric`` that the run in ``folder`` has logged so far, in order; of a line that is being written, none."""
    values: list[float] = []
    for path in sorted(folder.glob("csv/version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        text = path.read_text(encoding="utf-8")
        lines = text[: text.rfind("\n") + 1].splitlines()
        values += [float(row[metric]) for row in csv.DictReader(lines) if row.get(metric)]
    return [value for value in values if math.isfinite(value)]


def report(trial: optuna.Trial, values: list[float], heard: int) -> int:
    """Tells ``trial`` of the ``values`` beyond those it has ``heard``, the n-th as iteration n, as W&B counts; how many it
    has heard then: a file that is being written anew is short for a moment, and nothing is told twice."""
    for number, value in enumerate(values[heard:], start=heard + 1):
        trial.report(value, number)
    return max(heard, len(values))


def table(study: optuna.Study, sweep: Sweep) -> str:
    """Finished runs, the best first, and how many were stopped early or failed."""
    done = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    done.sort(key=lambda trial: trial.value or 0.0, reverse=sweep.goal == "maximize")
    lines = [f"{sweep.metric:>12}  run"]
    for trial in done[:10]:
        said = " ".join(f"{key}={value}" for key, value in trial.params.items())
        lines.append(f"{trial.value:12.4f}  {sweep.name}-{trial.number:03d}  {said}")
    count = {state: sum(trial.state is state for trial in study.trials) for state in TrialState}
    lines.append(
        f"{len(done)} finished, {count[TrialState.PRUNED]} stopped early, {count[TrialState.FAIL]} failed, earlier calls included"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""What a W&B sweep's YAML asks for, as an Optuna study: where its points lie, which comes next, and when a run is hopeless."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from cranial_sparse.errors import InputError

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
except ImportError as error:
    raise SystemExit("error: local sweeps need Optuna; run: pip install 'cranial-sparse[sweep]'") from error

METHODS = ("grid", "random", "bayes")
CONTINUOUS = ("uniform", "log_uniform_values", "q_uniform")
DISTRIBUTIONS = ("constant", "categorical", "int_uniform", *CONTINUOUS)


@dataclass(frozen=True)
class Sweep:
    """A sweep as its file says: ``space`` by parameter, ``stopping`` the options of early_terminate or None."""

    name: str
    method: str
    metric: str
    goal: Literal["minimize", "maximize"]
    command: tuple[str, ...]
    space: dict[str, BaseDistribution]
    stopping: dict[str, Any] | None


def read_sweep(path: Path) -> Sweep:
    """Raises InputError naming the part of the file that is wrong, or that only W&B's own service can do."""
    where = f"{path}: "
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{where}not readable as YAML ({getattr(error, 'problem', error)})") from error
    missing = [key for key in ("method", "metric", "command", "parameters") if key not in (plain or {})]
    if not isinstance(plain, dict) or missing:
        raise InputError(f"{where}expected a W&B sweep, which has {', '.join(missing)} as well; see configs/sweeps")
    if plain["method"] not in METHODS:
        raise InputError(f"{where}method: expected one of {', '.join(METHODS)}, got '{plain['method']}'")
    metric = plain["metric"] if isinstance(plain["metric"], dict) else {}
    if "name" not in metric or metric.get("goal", "minimize") not in ("minimize", "maximize"):
        raise InputError(f"{where}metric: expected name and goal (minimize or maximize), got {plain['metric']!r}")
    if not isinstance(plain["command"], list) or "${args_no_hyphens}" not in plain["command"]:
        raise InputError(f"{where}command: expected a list with ${{args_no_hyphens}}, got {plain['command']!r}")
    if not isinstance(plain["parameters"], dict):
        raise InputError(f"{where}parameters: expected what each one may be, by name, got {plain['parameters']!r}")
    stopping = plain.get("early_terminate")
    if stopping is not None and (not isinstance(stopping, dict) or stopping.get("type") != "hyperband"):
        raise InputError(f"{where}early_terminate: expected type hyperband, got {stopping!r}")
    space = {name: distribution(said, f"{where}{name}") for name, said in plain["parameters"].items()}
    if plain["method"] == "grid":
        endless = [name for name, kind in space.items() if not isinstance(kind, CategoricalDistribution)]
        if endless:
            raise InputError(f"{where}{endless[0]}: a grid needs values, got a range; list them, or say method: random")
    command = tuple(map(str, plain["command"]))
    goal = metric.get("goal", "minimize")
    return Sweep(plain.get("name", path.stem), plain["method"], metric["name"], goal, command, space, stopping)


def distribution(said: Any, where: str) -> BaseDistribution:
    """Optuna's distribution for a parameter in W&B's words. Raises InputError, beginning ``where``."""
    said = said if isinstance(said, dict) else {"value": said}
    kind = said.get("distribution")
    if kind is not None and kind not in DISTRIBUTIONS:
        raise InputError(f"{where}: expected a distribution of {', '.join(DISTRIBUTIONS)}, got '{kind}'")
    if "value" in said or "values" in said:
        values = said["values"] if "values" in said else [said["value"]]
        if not isinstance(values, list) or not values or "probabilities" in said:
            raise InputError(f"{where}: expected a list of values, all alike, got {said!r}")
        return CategoricalDistribution(values)
    low, high = said.get("min"), said.get("max")
    for end in (low, high):
        # YAML reads 1e-3 as a word, and W&B's service refuses it
        if isinstance(end, bool) or not isinstance(end, (int, float)):
            raise InputError(f"{where}: expected value, values, or numbers min and max (0.001, not 1e-3), got {said!r}")
    if not low < high:  # type: ignore[operator]
        raise InputError(f"{where}: expected min below max, got {low} and {high}")
    if kind is None:
        kind = "int_uniform" if isinstance(low, int) and isinstance(high, int) else "uniform"
    if kind == "int_uniform":
        return IntDistribution(int(low), int(high))  # type: ignore[arg-type]
    step = float(said.get("q", 1.0)) if kind == "q_uniform" else None
    if kind == "log_uniform_values" and low <= 0:  # type: ignore[operator]
        raise InputError(f"{where}: expected min over 0 on a logarithmic scale, got {low}")
    return FloatDistribution(float(low), float(high), log=kind == "log_uniform_values", step=step)  # type: ignore[arg-type]


def open_study(sweep: Sweep, journal: Path, seed: int) -> optuna.Study:
    """The study in the file ``journal``, or a new one there. Raises InputError where it is of another sweep."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(
        storage=storage, study_name=sweep.name, direction=sweep.goal, load_if_exists=True, pruner=pruner(sweep.stopping)
    )
    stated = repr((sweep.method, sweep.metric, sorted((name, str(kind)) for name, kind in sweep.space.items())))
    if study.user_attrs.setdefault("sweep", stated) != stated:
        raise InputError(f"{journal}: holds runs of another sweep of this name; move it, or give another --folder")
    study.set_user_attr("sweep", stated)
    # a sampler that is made anew must not draw again what it drew before
    drawn = len(study.get_trials(deepcopy=False))
    sampler = optuna.samplers.TPESampler if sweep.method == "bayes" else optuna.samplers.RandomSampler
    study.sampler = sampler(seed=seed + drawn)
    return study


def pruner(stopping: dict[str, Any] | None) -> optuna.pruners.BasePruner:
    """Hyperband (Li et al. 2018) with the bands that W&B's early_terminate describes: min_iter, or max_iter and s, and eta."""
    if stopping is None:
        return optuna.pruners.NopPruner()
    eta = int(stopping.get("eta", 3))
    if "max_iter" in stopping:
        longest = int(stopping["max_iter"])
        return optuna.pruners.HyperbandPruner(max(1, longest // eta ** int(stopping.get("s", 1))), longest, eta)
    return optuna.pruners.SuccessiveHalvingPruner(int(stopping.get("min_iter", 1)), eta)


def points(sweep: Sweep) -> list[dict[str, Any]] | None:
    """All points of a grid, the last parameter changing fastest; None where the method draws them."""
    if sweep.method != "grid":
        return None
    choices = [kind.choices for kind in sweep.space.values()]  # type: ignore[attr-defined]
    return [dict(zip(sweep.space, chosen, strict=True)) for chosen in itertools.product(*choices)]


def next_trial(study: optuna.Study, sweep: Sweep) -> optuna.Trial | None:
    """The next point to run; None where a grid has no more."""
    grid = points(sweep)
    if grid is not None:
        done = len(study.get_trials(deepcopy=False))
        if done >= len(grid):
            return None
        study.enqueue_trial(grid[done])
    return study.ask(sweep.space)


def command_line(sweep: Sweep, params: dict[str, Any], interpreter: str) -> list[str]:
    """The command of one run, expanded as W&B's agent does it. Raises InputError for what the agent alone knows."""
    arguments = {"args_no_hyphens": [f"{name}={value}" for name, value in params.items()], "interpreter": [interpreter]}
    expanded: list[str] = []
    for part in sweep.command:
        macro = re.fullmatch(r"\$\{(\w+)\}", part)
        if macro is None:
            expanded.append(part)
        elif macro[1] == "env":
            expanded.append("/usr/bin/env")
        elif macro[1] in arguments:
            expanded += arguments[macro[1]]
        else:
            raise InputError(f"command: expected ${{env}}, ${{interpreter}} and ${{args_no_hyphens}}, got {part}")
    return expanded

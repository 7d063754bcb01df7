"""One case through some entries."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import FixedCase, load
from benchmarks.leaderboard.entries import REFINED
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.refine import refine_field, shipped_network
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.metrics import evaluate_case, failed_case


def measure(case: FixedCase, wanted: tuple[str, ...], data: Path) -> dict[str, dict[str, Any]]:
    """A row for each of the ``wanted`` entries: scores, seconds, peak memory (MiB), and why it failed, or "".

    A system that refuses the scan, breaks or finds no defect is charged the worst score. The refiner gets the very
    proposal that stands alone beside it; its seconds are of both.
    """
    _, defective, truth = load(case, data)
    rows: dict[str, dict[str, Any]] = {}
    for system in dict.fromkeys(entry.removesuffix(REFINED) for entry in wanted):
        reset_peak_memory()
        started = time.perf_counter()
        proposal, failure = propose(system, defective)
        proposed = time.perf_counter() - started
        for entry in (system, system + REFINED):
            if entry in wanted:
                rows[entry] = finish(entry, proposal, failure, proposed, defective, truth)
    return rows


def propose(system: str, defective: Volume) -> tuple[Field | None, str]:
    """What ``system`` proposes, or None and why."""
    try:
        field = SYSTEMS[system].completer(defective)
    except InputError as error:
        return None, f"refused: {error}"
    except (ValueError, RuntimeError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
        return None, f"{type(error).__name__}: {error}"
    return field, "" if field is not None else "no defect found"


def finish(
    entry: str, proposal: Field | None, failure: str, proposed: float, defective: Volume, truth: Volume
) -> dict[str, Any]:
    """From the proposal to scores."""
    started = time.perf_counter()
    scores = failed_case(truth)
    if proposal is not None:
        if entry.endswith(REFINED):
            proposal = refine_field(defective, proposal, shipped_network())
        implant = missing_bone(*patient_logits(proposal, defective.geometry), defective)
        seconds, memory = proposed + time.perf_counter() - started, peak_memory_mb()
        scores = evaluate_case(implant, truth, defective)
    else:
        seconds, memory = proposed, peak_memory_mb()
    return {"scores": asdict(scores), "failure": failure, "seconds": seconds, "memory_mb": memory}

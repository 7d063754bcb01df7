"""One fixed case from defective skull to checked solid."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import FixedCase, load
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.errors import InputError
from cranial_sparse.implant.design import design
from cranial_sparse.implant.settings import ImplantConfig


def measure(case: FixedCase, system: str, data: Path) -> dict[str, Any]:
    """Figures of all solids of a case with the default options, what was said, wall seconds and MiB of the design alone.

    ``failure`` says why there is none, and is "" otherwise.
    """
    _, defective, _ = load(case, data)
    implant = complete(defective, system).implant
    reset_peak_memory()
    started = time.perf_counter()
    try:
        made = design(defective, implant, ImplantConfig())
    except InputError as error:
        return {"failure": str(error), "seconds": time.perf_counter() - started}
    seconds, memory = time.perf_counter() - started, peak_memory_mb()
    parts = [[asdict(item) for item in part.checks.items] for part in made.parts]
    return {"failure": "", "parts": parts, "notes": made.notes, "seconds": seconds, "memory_mb": memory}

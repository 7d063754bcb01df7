"""One fixed case from defective skull to checked solid, by the command that a user would give."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import FixedCase, load
from benchmarks.common.launch import launch
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.volume import write_volume


def measure(case: FixedCase, system: str, data: Path, threads: int | None = None) -> dict[str, Any]:
    """Figures of all solids of a case with the default options, what was said, wall seconds and peak MiB of ``design`` as a fresh
    process with page and files, and seconds of the design in it.

    ``failure`` says why there is none, and is "" otherwise.
    """
    _, defective, _ = load(case, data)
    implant = complete(defective, system).implant
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "implant.nrrd"), Path(folder, "skull.nrrd"), Path(folder, "solid")
        for path, volume in zip(paths, (implant, defective), strict=False):
            write_volume(path, Volume(volume.array.view(np.uint8), volume.geometry))
        command = [sys.executable, "-m", "cranial_sparse", "design", str(paths[0]), "--skull", str(paths[1])]
        try:
            seconds, peak = launch([*command, "--out", str(paths[2])], threads)
        except InputError as error:
            return {
                "failure": str(error).replace(folder, ""),
                "seconds": 0.0,
            }  # the page names no folder of the machine
        made = json.loads((paths[2] / "checks.json").read_text(encoding="utf-8"))
    return {
        "failure": "",
        "parts": [part["checks"] for part in made["parts"]],
        "notes": made["notes"],
        "seconds": seconds,
        "design_seconds": made["seconds"]["design"],
        "memory_mb": peak / 2**20,
    }

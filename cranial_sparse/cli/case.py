"""One case from input to finished folder: read, complete, mesh, report, and all of it or nothing on disk."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.cli.folders import new_folder
from cranial_sparse.cli.inputs import Case
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory, sha256, versions, weight_hashes
from cranial_sparse.cli.solid import MARK, failures, write_checks, write_design
from cranial_sparse.completion.completion import Completion
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.implant import implant_mesh
from cranial_sparse.implant.design import Design, design
from cranial_sparse.implant.settings import ImplantConfig, load_implant_config
from cranial_sparse.io.landmarks import write_landmarks
from cranial_sparse.io.mesh import write_mesh
from cranial_sparse.io.segmentation import BONE_HU
from cranial_sparse.io.skull import Skull, read_skull
from cranial_sparse.io.volume import write_volume
from cranial_sparse.metrics.boxes import bounding_box
from cranial_sparse.report.html import FILES, SOLID_FILES, report_page
from cranial_sparse.report.solid import solid_view
from cranial_sparse.report.summary import SCHEMA, Source, Summary, implant_facts, volume_ml

UNCERTAINTY = "uncertainty.nrrd"
NO_SOLID = "No printable solid was made:"
CompleteFunction = Callable[[Volume], Completion]
NO_DEFECT = (
    "No defect found: the vault is whole where the scan shows it, so the implant is empty and implant.stl was left out."
)


@dataclass(frozen=True)
class Options:
    """What a user chose. ``threshold_hu`` matters for CT only, None is the usual one.

    ``landmarks`` is the SHA-256 of a file of them, or empty; ``material`` the preset that a printable solid is designed
    with, or empty.
    """

    system: str = "cascade"
    refine: bool = False
    backend: str = "native"
    threshold_hu: float | None = None
    overwrite: bool = False
    landmarks: str = ""
    material: str = ""

    def as_dict(self) -> dict[str, str | float]:
        """What decides the result, as it is written to summary.json."""
        refine = "yes" if self.refine or self.system == "cascade" else "no"  # cascade is radial, refined
        chosen: dict[str, str | float] = {"system": self.system, "refine": refine, "backend": self.backend}
        chosen["threshold_hu"] = BONE_HU if self.threshold_hu is None else self.threshold_hu
        if self.landmarks:
            chosen["landmarks"] = self.landmarks
        if self.material:
            chosen["material"] = self.material
        return chosen


def complete_case(
    case: Case,
    out: Path,
    complete: CompleteFunction,
    options: Options,
    on_stage: Callable[[str], None] = lambda name: None,
) -> Summary:
    """Complete one skull into ``out/case.name``, which appears, or is replaced, only once everything is written.

    ``complete`` maps the skull, a bool volume on the patient's grid, to a Completion; ``on_stage`` hears what is being
    done. Raises InputError where the input cannot be used or the folder holds something else, ValueError where
    ``complete`` returns an implant on another grid, OSError where the disk will not take the result.
    """
    target = out / case.name
    if target.exists() and finished_summary(target) is None:
        raise InputError(f"{target}: exists and is not a finished case of this program; choose another --out")
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        on_stage(name)
        start = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - start

    reset_peak_memory()
    with stage("read"):
        skull = read_skull(case.path, options.threshold_hu)
        source = Source(str(case.path), skull.kind, sha256(case.path))
    with stage("complete"):
        try:
            completion = complete(skull.volume)
        except InputError as error:
            raise InputError(f"{case.path}: {error}") from error
    if completion.implant.geometry != skull.volume.geometry:
        raise ValueError(f"completed on another grid than {case.path}: {completion.implant.geometry}")
    split_stage(seconds, "complete", completion.seconds)
    implant = Volume(np.asarray(completion.implant.array, bool), skull.volume.geometry)
    with stage("mesh"):
        mesh = implant_mesh(implant)
        facts = implant_facts(implant, mesh)
    preset = load_implant_config(options.material) if options.material else None
    solid: Design | None = None
    solid_notes: list[str] = []
    if preset is not None and not facts.empty:
        with stage("design"):
            solid, solid_notes = designed(skull.volume, implant, preset)

    def summary() -> Summary:
        return Summary(
            case=case.name,
            source=source,
            options=options.as_dict(),
            shape=implant.geometry.shape,
            spacing_mm=implant.geometry.spacing,
            skull_ml=volume_ml(skull.volume),
            outside_ml=completion.outside_ml,
            implant=facts,
            warnings=(*notes(skull, completion, facts.empty), *solid_notes),
            seconds=dict(seconds),
            peak_memory_mb=peak_memory_mb(),
            versions=versions(),
            weights=weight_hashes(completion.weights),
            facts=completion.facts,
            created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )

    with new_folder(target) as folder:
        with stage("write"):
            write_volume(folder / "implant.nrrd", Volume(implant.array.view(np.uint8), implant.geometry))
            whole = (skull.volume.array | implant.array).view(np.uint8)
            write_volume(folder / "complete.nrrd", Volume(whole, implant.geometry))
            del whole
            if not facts.empty:
                write_mesh(folder / "implant.stl", mesh.vertices, mesh.triangles)
                if completion.spread_at is not None:
                    write_volume(folder / UNCERTAINTY, uncertainty_map(implant, completion.spread_at))
            if "landmarks" in completion.facts:
                places = {name: np.array(one["lps"]) for name, one in completion.facts["landmarks"].items()}
                write_landmarks(folder / "landmarks.mrk.json", places)
            if preset is not None and solid is not None:
                (folder / "solid").mkdir()
                write_design(folder / "solid", solid, preset, case.name)
                write_checks(folder / "solid", solid, preset, {"source": asdict(source)})
        with stage("report"):
            view = None if solid is None else solid_view(solid, spread_at=completion.spread_at)
            unsure = "" if completion.spread_at is None or facts.empty else f", {UNCERTAINTY} (mm, 1 σ)"
            files = f"{FILES}{unsure}" if solid is None else f"{FILES}{unsure}; in solid/: {SOLID_FILES}"
            page = report_page(summary(), skull.volume, implant, completion.plane, view, files, completion.spread_at)
            (folder / "report.html").write_text(page, encoding="utf-8")
        written = summary()
        (folder / "summary.json").write_text(written.to_json(), encoding="utf-8")
    return written


def uncertainty_map(implant: Volume, spread_at: Callable[[NDArray], NDArray]) -> Volume:
    """Standard deviation (mm, float32) of the surface nearest to each voxel of an ``implant``, which is not empty; 0 elsewhere
    in its box."""
    box = bounding_box(implant.array)
    assert box is not None
    low = (box[0].start, box[1].start, box[2].start)
    inside = implant.array[box]
    values = np.zeros(inside.shape, np.float32)
    index = np.argwhere(inside)
    values[tuple(index.T)] = spread_at(implant.geometry.to_physical(index + np.array(low)))
    return Volume(values, implant.geometry.crop(low, inside.shape))  # type: ignore[arg-type]


def designed(skull: Volume, implant: Volume, config: ImplantConfig) -> tuple[Design | None, list[str]]:
    """A printable solid and what to say of it: its notes, its failed checks, or why there is none."""
    try:
        made = design(skull, implant, config)
    except InputError as error:
        return None, [f"{NO_SOLID} {error}"]
    return made, [*made.notes, *failures(made)]


def finished_summary(folder: Path) -> dict | None:
    """The summary of a finished case; None where ``folder`` is not one."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(summary, dict) or summary.get("schema") != SCHEMA:
        return None
    return summary if all(isinstance(summary.get(part), dict) for part in ("source", "options", "implant")) else None


def is_whole(folder: Path, summary: dict) -> bool:
    """Whether every file that a finished case with this ``summary`` has is there: a copy may have lost some."""
    mesh = [] if summary["implant"].get("empty") else ["implant.stl"]
    if mesh and "expected_dsc" in summary.get("facts", {}):
        mesh.append(UNCERTAINTY)
    names = ["implant.nrrd", "complete.nrrd", "report.html", *mesh]
    refused = any(str(note).startswith(NO_SOLID) for note in summary.get("warnings", ()))
    if summary["options"].get("material") and mesh and not refused:
        names += [f"solid/{name}" for name in ("implant.3mf", "implant.glb", MARK)]
    return all((folder / name).is_file() for name in names)


def notes(skull: Skull, completion: Completion, empty: bool) -> tuple[str, ...]:
    """Everything the user should read, once each, in the order it came up."""
    said = (*skull.notes, *completion.warnings, *([NO_DEFECT] if empty else []))
    return tuple(dict.fromkeys(said))


def split_stage(seconds: dict[str, float], name: str, parts: dict[str, float]) -> None:
    """Replace one stage by its named parts, and what they leave unexplained, so that the times still add up."""
    if parts:
        rest = seconds.pop(name) - sum(parts.values())
        seconds.update(parts)
        seconds[f"{name}, other"] = max(rest, 0.0)

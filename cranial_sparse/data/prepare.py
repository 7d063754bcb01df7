"""Pack a collection into the canonical frame: pose, lattice, resampling, one file per case and a manifest."""

import hashlib
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from cranial_sparse.bricks import from_dense
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.completion.frame import SPACING, VAULT_FLOOR, lattice_for
from cranial_sparse.completion.resampling import resample, resample_near
from cranial_sparse.data.datasets import read_case
from cranial_sparse.data.layouts import Case
from cranial_sparse.data.prepared import (
    FORMAT,
    MANIFEST,
    SUFFIX,
    Prepared,
    Source,
    load_prepared,
    save_prepared,
)
from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole

DETACHED = (".nhdr", ".mhd")  # headers whose voxels are in a file beside them
_ROLES = ("complete", "defective", "implant")


@dataclass(frozen=True)
class Outcome:
    """What became of a case: ``facts`` for the manifest, or ``error``, one line. ``skipped`` if it was there already."""

    case: Case
    facts: dict | None = None
    error: str | None = None
    skipped: bool = False


def prepare_case(case: Case, source: Source) -> Prepared:
    """Read one case, find its pose (by the complete skull where there is one) and resample it to the lattice.

    The implant is what the resampled complete skull has and the resampled defective one has not, so the two add up on
    the lattice as they do in the scan. Raises InputError where the case cannot be used.
    """
    skulls = read_case(case)
    skull = skulls.complete or skulls.defective
    if skull is None:
        raise InputError(f"case {case.id}: has neither a complete nor a defective skull; leave it out")
    model = shipped_model().outer
    pose, fitted = estimate_pose(skull, model)
    size = float(np.mean(fitted / model.mean))
    lattice, outside_ml = lattice_for(skull, pose)
    matrix, offset = pose.index_map(lattice, skull.geometry)
    bone = resample(skull.array, matrix, offset, lattice.shape)
    grid = from_dense(torch.from_numpy(bone))
    frame = (source, pose, size, skull.geometry, lattice, outside_ml)
    if skulls.complete is None:
        return Prepared(*frame, damaged=grid)
    if skulls.defective is None:
        return Prepared(*frame, complete=grid)
    defective, missing = skulls.defective.array, skull.array & ~skulls.defective.array
    implant = bone & ~resample_near(defective, missing, matrix, offset, bone.copy())
    return Prepared(*frame, complete=grid, implant=from_dense(torch.from_numpy(implant)))


def prepare_into(case: Case, out: Path) -> Outcome:
    """Prepare one case into ``out``, unless the same source has been before; what goes wrong is in the outcome."""
    path = out / f"{case.id}{SUFFIX}"
    try:
        source = Source(case.id, case.skull_id, case.kind, case.split, source_hash(case), made_by())
        prepared = finished_case(path, source)
        skipped = prepared is not None
        if prepared is None:
            prepared = prepare_case(case, source)
            save_prepared(prepared, path)
        return Outcome(case, manifest_facts(prepared, path, out), skipped=skipped)
    except InputError as error:
        return Outcome(case, error=_one_line(f"{case.id}: {error}"))
    except (OSError, MemoryError, ValueError, RuntimeError) as error:
        return Outcome(case, error=_one_line(f"{case.id}: {type(error).__name__}: {error}"))


def prepare_all(cases: Sequence[Case], out: Path, jobs: int = 1) -> Iterator[Outcome]:
    """Prepare every case, ``jobs`` at a time; outcomes as they come. Each job takes about 1 GB of memory.

    Where it is stopped, the jobs finish the cases at hand first, and stderr says so.
    """
    if jobs == 1:
        yield from (prepare_into(case, out) for case in cases)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin_job)
    try:
        running = {pool.submit(prepare_into, case, out): case for case in cases}
        for done in as_completed(running):
            try:
                yield done.result()
            except RuntimeError as error:  # a worker was killed, for want of memory as a rule
                yield Outcome(running[done], error=_one_line(f"{running[done].id}: {error}"))
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        print(f"stopping: finishing the cases at hand, {jobs} at most", file=sys.stderr, flush=True)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_job() -> None:
    """One thread each, and deaf to Ctrl-C, which a terminal sends to every process: the first one decides what to do."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def write_manifest(src: Path, out: Path, outcomes: Iterable[Outcome], versions: dict[str, str]) -> Path:
    """Write ``out/manifest.json``: the same collection, program and options give the same bytes."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.case.id)
    cases = [outcome.facts for outcome in ordered if outcome.facts is not None]
    failures = {outcome.case.id: outcome.error for outcome in ordered if outcome.error is not None}
    manifest = {
        "schema": "cranial-sparse/prepared/1",
        "collection": str(src),
        "versions": versions,
        "options": {"spacing_mm": SPACING, "vault_floor_mm": VAULT_FLOOR, "made_by": made_by()},
        "counts": {
            "cases": len(ordered),
            "skulls": len({case["skull_id"] for case in cases}),
            "prepared": len(cases),
            "failed": len(failures),
            "splits": _count(cases, "split"),
            "kinds": _count(cases, "kind"),
        },
        "cases": cases,
        "failures": failures,
    }
    path = out / MANIFEST
    write_whole(path, json.dumps(manifest, indent=1))
    return path


def source_hash(case: Case) -> str:
    """SHA-256 over role, name and content of every file behind a case."""
    digest = hashlib.sha256()
    for role in _ROLES:
        path: Path | None = getattr(case, role)
        for file in _files(path) if path else []:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{role} {file.name} {content}\n".encode())
    return digest.hexdigest()


def made_by() -> str:
    """What besides the source decides a packed file: format, frame and the shape model that poses are found by."""
    model = shipped_model().outer
    shape = hashlib.sha256(np.concatenate([model.mean[None], model.modes]).tobytes()).hexdigest()
    return f"format {FORMAT}, {SPACING} mm, floor {VAULT_FLOOR} mm, shape {shape[:16]}"


def finished_case(path: Path, source: Source) -> Prepared | None:
    """What ``path`` holds where it was made of the same ``source``, else None."""
    if not path.is_file():
        return None
    try:
        prepared = load_prepared(path)
    except InputError:  # damaged, or of another version: made again
        return None
    return prepared if prepared.source == source else None


def manifest_facts(prepared: Prepared, path: Path, out: Path) -> dict:
    """What the manifest of ``out`` says of the case that ``path`` holds."""
    return {
        **{name: value for name, value in asdict(prepared.source).items() if name not in ("sha256", "made_by")},
        "file": path.relative_to(out).as_posix(),
        "source_sha256": prepared.source.sha256,
        "packed_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "extent": prepared.lattice.shape[0],
        "size": round(prepared.size, 4),
        "ml": prepared.volumes_ml(),
        "outside_ml": round(prepared.outside_ml, 3),
    }


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if path.suffix.lower() in DETACHED:
        return sorted(file for file in path.parent.iterdir() if file.is_file() and file.name.split(".")[0] == path.stem)
    return [path]


def _count(cases: list[dict], key: str) -> dict[str, int]:
    values = [case[key] or "none" for case in cases]
    return {value: values.count(value) for value in sorted(set(values))}


def _one_line(text: str) -> str:
    return " ".join(text.split())

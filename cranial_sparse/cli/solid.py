"""One implant from missing bone to a finished folder: read, design, check, write all of it or nothing."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cranial_sparse.cli.folders import check_writable, new_folder
from cranial_sparse.cli.provenance import peak_memory_mb, reset_peak_memory, sha256, versions
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.implant.design import Design, design
from cranial_sparse.implant.mesh import implant_mesh
from cranial_sparse.implant.settings import ImplantConfig
from cranial_sparse.io.mesh import import_open3d, write_mesh
from cranial_sparse.io.print3d import write_3mf, write_glb
from cranial_sparse.io.skull import read_skull
from cranial_sparse.io.volume import read_mask, read_volume, write_volume
from cranial_sparse.report.html import SOLID_FILES, report_page
from cranial_sparse.report.solid import figure, joined, part_names, solid_view
from cranial_sparse.report.summary import Source, Summary, implant_facts, volume_ml
from cranial_sparse.schema import to_plain

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PRINT_SECONDS = 120
SCHEMA = 1
ELSEWHERE = 5.0  # mm from the implant: what is further away tells of another prediction
MARK = "checks.json"  # what a folder of ours is told by


@dataclass(frozen=True)
class DesignOptions:
    """What a user chose for one design."""

    config: ImplantConfig
    threshold_hu: float | None = None
    truth: Path | None = None
    uncertainty: Path | None = None
    pdf: bool = False
    overwrite: bool = False


def design_case(implant_path: Path, skull_path: Path, out: Path, options: DesignOptions) -> bool:
    """Design the implant of one skull into the folder ``out``, and say what came of it; whether every check passed.

    Raises InputError where an input cannot be used or ``out`` holds something else; nothing is overwritten then.
    """
    if is_design(out) and not options.overwrite:
        raise InputError(f"--out {out}: holds a finished design; give --overwrite to replace it, or another --out")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not is_design(out))):
        raise InputError(f"--out {out}: exists and is not a design of this program; choose another --out")
    check_writable(out.parent)
    browser = find_browser() if options.pdf else None
    reset_peak_memory()
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as beside:
        beside.submit(import_open3d, "implant design")  # takes a second; what it raises, its first use raises again
        skull = read_skull(skull_path, options.threshold_hu)
        implant = read_mask(implant_path)
        truth = None if options.truth is None else read_mask(options.truth)
        spread_at = None if options.uncertainty is None else read_spread(options.uncertainty)
    seconds = {"read": time.perf_counter() - start}
    start = time.perf_counter()
    try:
        made = design(skull.volume, implant, options.config)
    except InputError as error:
        raise InputError(f"{implant_path} with {skull_path}: {error}") from error
    seconds["design"] = time.perf_counter() - start
    summary = Summary(
        case=implant_path.name.split(".")[0],
        source=Source(str(skull_path), skull.kind, sha256(skull_path)),
        options={"implant": implant_path.name, "implant SHA-256": sha256(implant_path), **chosen(options.config)},
        shape=implant.geometry.shape,
        spacing_mm=implant.geometry.spacing,
        skull_ml=volume_ml(skull.volume),
        outside_ml=0.0,
        implant=implant_facts(made.volume, joined([part.mesh for part in made.parts])),
        warnings=(*skull.notes, *made.notes),
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(),
        versions=versions(),
        weights=weights_beside(implant_path),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    with new_folder(out) as folder:
        write_design(folder, made, options.config, summary.case)
        view = solid_view(made, None if truth is None else implant_mesh(truth), spread_at)
        page = report_page(summary, skull.volume, made.volume, solid=view, files=SOLID_FILES)
        (folder / "report.html").write_text(page, encoding="utf-8")
        facts = {
            "source": asdict(summary.source),
            "implant": {"path": str(implant_path), "sha256": sha256(implant_path)},
            "created": summary.created,
            "versions": summary.versions,
            "weights": summary.weights,
        }
        write_checks(
            folder, made, options.config, {**facts, "seconds": seconds, "peak_memory_mb": summary.peak_memory_mb}
        )
        if browser is not None:
            print_page(folder / "report.html", folder / "report.pdf", browser)
    for line in (*describe(made, out), *(f"  note: {note}" for note in skull.notes)):
        print(line)
    return made.passed


def weights_beside(implant: Path) -> dict[str, str]:
    """Hashes by name of the weights that predicted an ``implant`` of 'complete', from the summary beside it; none without one."""
    try:
        found = json.loads((implant.parent / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    weights = found.get("weights") if isinstance(found, dict) and implant.name == "implant.nrrd" else None
    return {str(name): str(value) for name, value in weights.items()} if isinstance(weights, dict) else {}


def read_spread(path: Path) -> Callable[[NDArray], NDArray]:
    """What tells the standard deviation (mm) [N] at points [N, 3] LPS mm: that of the nearest voxel of a file that has one.

    Raises InputError where the file cannot be read or says nothing; what it returns does where the points lie far from all of it.
    """
    volume = read_volume(path)
    known = np.argwhere(volume.array > 0)
    if len(known) == 0:
        raise InputError(
            f"--uncertainty {path}: expected standard deviations above 0, found none; is this the right file?"
        )
    values = volume.array[tuple(known.T)].astype(np.float32)
    nearest = cKDTree(volume.geometry.to_physical(known))

    def spread_at(points: NDArray) -> NDArray:
        away, found = nearest.query(points)
        if (middle := float(np.median(away))) > ELSEWHERE:
            raise InputError(f"--uncertainty {path}: lies {middle:.0f} mm from the implant; is it of this prediction?")
        return values[found]

    return spread_at


def is_design(folder: Path) -> bool:
    """Whether a folder holds a finished design of ours."""
    try:
        found = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("schema") == SCHEMA and {"parts", "options"} <= found.keys()


def write_design(folder: Path, made: Design, config: ImplantConfig, title: str) -> None:
    """The solids in every format, and their voxels, into a folder. Raises OSError, InputError."""
    names = part_names(len(made.parts))
    for name, part in zip(names, made.parts, strict=True):
        for suffix in (".stl", ".ply"):
            write_mesh(folder / f"{name}{suffix}", part.mesh.vertices, part.mesh.triangles)
    solids = [(name, part.mesh.vertices, part.mesh.triangles) for name, part in zip(names, made.parts, strict=True)]
    label = f"{title} {config.engraving.text}".strip()
    write_3mf(folder / "implant.3mf", solids, f"{label}, {config.material}")
    write_glb(folder / "implant.glb", solids)
    write_volume(folder / "implant.nrrd", Volume(made.volume.array.view(np.uint8), made.volume.geometry))


def write_checks(folder: Path, made: Design, config: ImplantConfig, facts: dict[str, Any]) -> None:
    """checks.json: the verdict first, then every figure of every part, then what decided them."""
    parts: list[dict[str, Any]] = [
        {
            "name": name,
            "passed": part.checks.passed,
            "outward": [round(v, 6) for v in part.checks.outward],
            "checks": [{**asdict(item), "value": round(item.value, 6)} for item in part.checks.items],
        }
        for name, part in zip(part_names(len(made.parts)), made.parts, strict=True)
    ]
    found = {
        "schema": SCHEMA,
        "passed": made.passed,
        "notes": made.notes,
        "parts": parts,
        "options": to_plain(config),
        **facts,
    }
    (folder / MARK).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def chosen(config: ImplantConfig) -> dict[str, str | float]:
    """The options that differ from the defaults, by their dotted names, and the material."""
    plain, usual = to_plain(config), to_plain(ImplantConfig())
    found: dict[str, str | float] = {"material": config.material}
    for key, value in plain.items():
        pairs = value.items() if isinstance(value, dict) else ((None, value),)
        for inner, one in pairs:
            before = usual[key] if inner is None else usual[key][inner]
            if one != before and key != "material":
                found[key if inner is None else f"{key}.{inner}"] = one if isinstance(one, (int, float)) else str(one)
    return found


def describe(made: Design, out: Path) -> list[str]:
    """What the terminal says: a line per solid, one per failed check, one per note."""
    lines = []
    for name, part in zip(part_names(len(made.parts)), made.parts, strict=True):
        checks = part.checks
        verdict = "all checks passed" if checks.passed else "CHECKS FAILED"
        lines.append(f"{name}: {figure(checks['volume'])}, {figure(checks['mass'])}, {verdict}, {out}")
    return [*lines, *(f"  {text}" for text in failures(made)), *(f"  note: {note}" for note in made.notes)]


def failures(made: Design) -> list[str]:
    """One sentence for each failed check."""
    names = part_names(len(made.parts))
    return [
        f"check failed: {item.name}{f' of {name}' if len(names) > 1 else ''} is {figure(item)}, expected {item.limit}"
        for name, part in zip(names, made.parts, strict=True)
        for item in part.checks.items
        if item.passed is False
    ]


def find_browser() -> str:
    """The browser that prints pages. Raises InputError where there is none."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise InputError(f"--pdf: expected a browser that prints, one of {', '.join(BROWSERS)}, on PATH; found none")


def print_page(page: Path, pdf: Path, browser: str) -> None:
    """Print a page to a PDF. Raises InputError where the browser does not."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--disable-gpu", "--no-sandbox", "--disable-background-networking"]
        command += [f"--user-data-dir={profile}", "--no-pdf-header-footer", "--virtual-time-budget=8000"]
        try:
            done = subprocess.run(
                [*command, f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri()],
                capture_output=True,
                timeout=PRINT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"--pdf: {browser} did not print the page in {PRINT_SECONDS} s; leave --pdf out") from None
    if done.returncode or not pdf.is_file():
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise InputError(f"--pdf: {browser} could not print the page ({said}); leave --pdf out")

"""The report page: one HTML file that needs nothing else, no network and no server."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from numpy.typing import NDArray

from cranial_sparse.geometry import Plane, Volume
from cranial_sparse.report.maps import ColourMap
from cranial_sparse.report.slices import View, slice_views
from cranial_sparse.report.solid import SolidView, checks_section, uncertainty
from cranial_sparse.report.summary import Summary
from cranial_sparse.report.surfaces import light_surface, pack

SKULL_DETAIL, SKULL_TRIANGLES, SKULL_LEVEL = 1.5, 150_000, 0.45  # mm, count, share of a coarse voxel
IMPLANT_DETAIL, IMPLANT_TRIANGLES = 0.8, 80_000
FILES = "implant.nrrd, implant.stl (patient coordinates, LPS, mm), complete.nrrd, summary.json"
SOLID_FILES = (
    "implant.stl, .ply, .3mf (patient coordinates, LPS, mm), implant.glb (metres, y up), implant.nrrd, checks.json"
)
SCRIPTS = ("scene.js", "webgl.js", "software.js", "view3d.js", "slices.js")


def report_page(
    summary: Summary,
    skull: Volume,
    implant: Volume,
    plane: Plane | None = None,
    solid: SolidView | None = None,
    files: str = FILES,
    spread_at: Callable[[NDArray], NDArray] | None = None,
) -> str:
    """The page of one case; ``skull`` (defective) and ``implant`` are bool [X, Y, Z] on one grid.

    A ``plane`` of symmetry is drawn into the slices. With a finished ``solid`` that is what is shown in 3D, with its colour maps,
    and its checks have a section. ``files`` says what lies beside the page. ``spread_at`` (see Completion) colours a predicted
    implant by how unsure it is.
    """
    shown = light_surface(implant, IMPLANT_DETAIL, IMPLANT_TRIANGLES) if solid is None else solid.mesh
    maps = () if solid is None else solid.maps
    if solid is None and spread_at is not None and len(shown.vertices):
        maps = (uncertainty(spread_at, shown),)
    layers = [
        pack("skull", light_surface(skull, SKULL_DETAIL, SKULL_TRIANGLES, SKULL_LEVEL, passes=10)),
        pack("implant", shown, maps, None if solid is None else solid.outward),
    ]
    views = slice_views(skull, implant, plane)
    return Template(_asset("page.html")).substitute(
        case=escape(summary.case),
        version=escape(summary.versions.get("cranial-sparse", "")),
        created=escape(summary.created),
        style=_asset("style.css"),
        script="\n".join(_asset(name) for name in SCRIPTS),
        tiles=_tiles(summary),
        warnings=_warnings(summary),
        checks="" if solid is None else checks_section(solid),
        maps=_choice(maps),
        files=escape(files),
        pictures="".join(_figure(view) for view in views),
        slices=_json([_slice_data(view) for view in views]),
        scene=_json([vars(layer) for layer in layers]),
        tables=_tables(summary),
    )


def _choice(maps: Sequence[ColourMap]) -> str:
    if not maps:
        return ""
    options = "".join(f"<option>{escape(each.name)}</option>" for each in maps)
    return (
        f'<label class="choice">Colour<select id="map"><option value="">plain</option>{options}</select></label>'
        '<p class="legend" id="legend" hidden><output></output><i></i><output></output></p>'
    )


def _tiles(summary: Summary) -> str:
    implant = summary.implant
    size = "\u2009×\u2009".join(f"{side:.0f}" for side in implant.extent_mm)
    closed, made = "watertight" if implant.watertight else "not watertight", implant.triangles > 0
    expected = summary.facts.get("expected_dsc")
    what = "the finished solid" if "implant SHA-256" in summary.options else "missing bone"
    tiles = [
        (
            "Implant volume",
            f"{implant.volume_ml:.1f}",
            "ml",
            "no defect found" if implant.empty else f"of {what}",
        ),
        ("Implant size", "–" if implant.empty else size, "mm", "left–right × front–back × height"),
        ("Parts", "–" if implant.empty else str(implant.parts), "", f"connected surfaces, {closed}" if made else ""),
        ("Expected Dice", f"{expected:.2f}", "", "by the shape model’s own uncertainty")
        if expected is not None
        else ("Surface", "–" if implant.empty else f"{implant.triangles:,}", "", "triangles" if made else ""),
        ("Computing time", f"{sum(summary.seconds.values()):.1f}", "s", "this page not included"),
        ("Peak memory", f"{summary.peak_memory_mb / 1024:.1f}", "GB", "resident"),
    ]
    return "".join(
        f"<div class=tile><dt>{escape(name)}</dt><dd>{escape(value)} <small>{unit if value != '–' else ''}</small></dd>"
        f"<p>{escape(note)}</p></div>"
        for name, value, unit, note in tiles
    )


def _warnings(summary: Summary) -> str:
    if not summary.warnings:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in summary.warnings)
    return f"<section class=warnings aria-label=Warnings><h2>Please note</h2><ul>{items}</ul></section>"


def _figure(view: View) -> str:
    """A plane with its middle picture in place, so that it shows without scripts and in print."""
    middle = len(view.pictures) // 2
    letters = "".join(f"<b class={side}>{c}</b>" for side, c in zip(("w", "e", "n", "s"), view.letters, strict=True))
    width, height = view.size
    label, source = f"{view.name} slice", data_url(view.pictures[middle].png)
    return (
        f'<figure data-view="{view.name}"><figcaption><h3>{view.name}</h3><output></output></figcaption>'
        f'<div class=pane><div class=picture style="aspect-ratio:{width:.1f}/{height:.1f}">'
        f'<img alt="{label}: skull in grey, implant in orange" src="{source}">'
        f'<i class="cross down"></i><i class="cross across"></i>{letters}</div></div>'
        f'<input type=range min=0 max={len(view.pictures) - 1} value={middle} aria-label="{label}"></figure>'
    )


def _slice_data(view: View) -> dict:
    return {
        "name": view.name,
        "axis": view.axis,
        "axes": view.axes,
        "shares": [round(picture.share, 4) for picture in view.pictures],
        "pictures": [data_url(picture.png) for picture in view.pictures],
        "positions": [round(picture.position, 1) for picture in view.pictures],
    }


def _tables(summary: Summary) -> str:
    times = [(name, f"{seconds:.2f} s") for name, seconds in summary.seconds.items()]
    grid = (" × ".join(str(n) for n in summary.shape), " × ".join(f"{s:.3f}" for s in summary.spacing_mm))
    ct = summary.source.kind == "ct"
    made = [
        ("input", summary.source.path.rstrip("/").rsplit("/", 1)[-1]),
        (
            "kind",
            {"ct": "CT", "mask": "skull mask", "mesh": "surface mesh"}.get(summary.source.kind, summary.source.kind),
        ),
        ("SHA-256", summary.source.sha256),
        ("grid", f"{grid[0]} voxels of {grid[1]} mm"),
        (
            "skull",
            f"{summary.skull_ml:.1f} ml of bone in view, {summary.outside_ml:.1f} ml of it outside the lattice, unchanged",
        ),
        *((name, str(value)) for name, value in summary.options.items() if name != "threshold_hu" or ct),
    ]
    software = [*summary.versions.items(), *((name, digest) for name, digest in summary.weights.items())]
    return "".join(_table(title, rows) for title, rows in (("Input", made), ("Stages", times), ("Software", software)))


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th scope=row>{_breakable(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<section><h2>{title}</h2><table>{body}</table></section>"


def _breakable(name: str) -> str:
    """An option's name, which may go on in the next line behind a dot or an underscore."""
    return re.sub(r"([._])", r"\1<wbr>", escape(name))


def data_url(png: bytes) -> str:
    """A picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("cranial_sparse.report").joinpath("page", name).read_text(encoding="utf-8")

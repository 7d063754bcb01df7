"""A finished design as the page shows it: all solids as one surface, its colour maps, its checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.implant.checks import Check
from cranial_sparse.implant.design import Design
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.report.maps import ColourMap

CLEARANCE = 3.0  # mm shown
THICKEST = 1.5  # medians shown: along the normals of a rim it is the width of the whole implant
DEVIATION = 2.0
UNCERTAIN = 2.0


@dataclass(frozen=True, eq=False)
class SolidView:
    """``mesh`` of all parts and ``maps`` over its vertices; ``checks`` holds a name and the figures of each part.

    ``outward``: the direction that a single part leaves along; None for several.
    """

    mesh: Mesh
    outward: tuple[float, float, float] | None
    maps: tuple[ColourMap, ...]
    checks: tuple[tuple[str, tuple[Check, ...]], ...]


def solid_view(
    design: Design, truth: Mesh | None = None, spread_at: Callable[[NDArray], NDArray] | None = None
) -> SolidView:
    """Everything the page needs of ``design``; with the surface of the bone that was there, the deviation from it too, and with
    ``spread_at`` (see Completion) how unsure the completion was."""
    mesh = joined([part.mesh for part in design.parts])
    thickness = np.concatenate([part.maps.thickness for part in design.parts])
    clearance = np.concatenate([part.maps.clearance for part in design.parts])
    maps = [
        ColourMap("Thickness", "mm", thickness, 0.0, float(np.ceil(THICKEST * np.median(thickness)))),
        ColourMap("Clearance", "mm", clearance, 0.0, CLEARANCE),
    ]
    if truth is not None:
        away = Scene(truth).signed_distance(mesh.vertices)
        maps.append(ColourMap("Deviation from truth", "mm", away, -DEVIATION, DEVIATION))
    if spread_at is not None:
        maps.append(uncertainty(spread_at, mesh))
    names = part_names(len(design.parts))
    checks = tuple((name, part.checks.items) for name, part in zip(names, design.parts, strict=True))
    outward = design.parts[0].checks.outward if len(design.parts) == 1 else None
    return SolidView(mesh, outward, tuple(maps), checks)


def uncertainty(spread_at: Callable[[NDArray], NDArray], mesh: Mesh) -> ColourMap:
    """Standard deviation of the completed bone's surface, over the vertices of ``mesh``."""
    return ColourMap("Uncertainty (1 σ)", "mm", spread_at(mesh.vertices), 0.0, UNCERTAIN)


def part_names(count: int) -> list[str]:
    """File names without suffix: "implant", or "implant_1" and so on."""
    return ["implant"] if count == 1 else [f"implant_{number}" for number in range(1, count + 1)]


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several surfaces as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(triangles).astype(np.int32))


def checks_section(view: SolidView) -> str:
    """The checks as tables, what failed first in words."""
    failed = [(part, item) for part, items in view.checks for item in items if item.passed is False]
    many = len(view.checks) > 1
    if failed:
        told = "; ".join(f"{escape(item.name)}{f' ({part})' if many else ''}" for part, item in failed)
        head = f'<p class="verdict bad" role="alert"><strong>{len(failed)} failed:</strong> {told}.</p>'
    else:
        limits = sum(item.passed is not None for _, items in view.checks for item in items)
        head = f'<p class="verdict good"><strong>All {limits} checks passed.</strong></p>'
    tables = "".join(_table(part if many else "", items) for part, items in view.checks)
    return f"<section class=checks aria-labelledby=checks-title><h2 id=checks-title>Checks</h2>{head}{tables}</section>"


def _table(part: str, items: tuple[Check, ...]) -> str:
    rows = "".join(
        f"<tr><td class={_CLASS[item.passed]}>{_MARK[item.passed]}</td><th scope=row>{escape(item.name)}</th>"
        f"<td>{figure(item)}</td><td class=limit>{escape(item.limit)}</td></tr>"
        for item in items
    )
    caption = f"<caption>{escape(part)}</caption>" if part else ""
    head = "<thead><tr><td></td><th scope=col>Figure</th><th scope=col>Value</th><th scope=col>Limit</th></tr></thead>"
    return f"<table class=figures>{caption}{head}<tbody>{rows}</tbody></table>"


_MARK = {
    True: '<span role="img" aria-label="passed">✓</span>',
    False: '<span role="img" aria-label="failed">✗</span>',
    None: "",
}
_CLASS = {True: "pass", False: "fail", None: "none"}


def figure(item: Check) -> str:
    """A value with its unit, as many digits as mean something."""
    whole = item.unit == "" and float(item.value).is_integer()
    text = f"{item.value:,.0f}" if whole else f"{item.value:.1f}" if abs(item.value) >= 10 else f"{item.value:.2f}"
    return f"{text} {item.unit}".strip()

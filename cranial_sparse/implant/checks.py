"""What is measured on a finished solid, and whether it is good enough: numbers first, then pass or fail."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from cranial_sparse.implant.carve import Carved
from cranial_sparse.implant.distances import Scene
from cranial_sparse.implant.insertion import sweep
from cranial_sparse.implant.intersections import crossing_count
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.implant.rim import SHEET, Rim, rim, under
from cranial_sparse.implant.settings import ImplantConfig
from cranial_sparse.implant.surface import vertex_normals
from cranial_sparse.implant.topology import surface_area

DENSITY = 0.6  # mm between the points that a solid's surface is sampled at
FAITHFUL = 0.1  # mm between the decimated surface and the one that the volume gave
STEP = 0.3, 0.5  # mm at the outer rim, median and 95th percentile
INTRUSION = 1.0  # mm below the neighbouring inner table, 95th percentile
COVERED = 0.9  # share of the opening
APART = 0.05  # share of the rim that may have bone across a gap wider than was meant
WALL_MARGIN = 3.0  # mm from the rim within which the edge's own limit counts, not the wall's
ALONG = 0.9  # least cosine between a table and a solid's surface that lies on it
SUPPORTED = np.cos(np.radians(45))  # faces that look down more steeply than 45 degrees are printed on supports


@dataclass(frozen=True)
class Check:
    """One figure. ``passed`` is None where there is no limit to keep; ``limit`` says what it is."""

    name: str
    value: float
    unit: str = ""
    limit: str = ""
    passed: bool | None = None


@dataclass(frozen=True)
class Checks:
    """All figures of one solid, in order; ``outward`` is the direction it leaves along, LPS."""

    items: tuple[Check, ...]
    outward: tuple[float, float, float]

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return all(item.passed is not False for item in self.items)

    def and_also(self, item: Check) -> "Checks":
        """These and one more."""
        return replace(self, items=(*self.items, item))

    def __getitem__(self, name: str) -> Check:
        return next(item for item in self.items if item.name == name)


@dataclass(frozen=True, eq=False)
class Maps:
    """Per vertex of the solid, mm: ``thickness`` along the normal, ``clearance``: distance to the bone."""

    thickness: NDArray[np.float32]
    clearance: NDArray[np.float32]


def check_solid(
    solid: Mesh,
    full: Mesh,
    bone: Mesh,
    patch: Mesh,
    contact: NDArray,
    far: NDArray,
    carved: Carved,
    config: ImplantConfig,
) -> tuple[Checks, Maps]:
    """Measure ``solid`` against the ``bone`` near it, the ``full`` surface it was decimated from and the completed ``patch``.

    ``contact`` [K, 3]: where the missing bone joined the skull; ``far`` [N, 3]: points of the whole skull's bone.
    """
    lattice = carved.lattice
    skull, completed = Scene(bone), Scene(patch)
    samples = sampled(solid, DENSITY)
    body = samples if carved.tabs is None else samples[~under(carved.tabs, lattice, samples)]
    with ThreadPoolExecutor(1) as beside:
        sound = beside.submit(_solid_checks, solid, full, samples)
        wanted = carved.extra + config.fit.clearance_mm
        edge = rim(solid, skull, completed, body, contact, lattice, wanted, carved.tabs)
        maps = Maps(thickness(solid), skull.distance(solid.vertices))
        moved = sweep(solid, samples, bone, skull, far, lattice)
    items = [
        *sound.result(),
        *_wall_checks(solid, maps, completed, edge, carved, config),
        *_rim_checks(edge, carved, config),
        at_most("insertion collisions", moved.collisions, "", 0, of=f"of {moved.rays:,} rays"),
        Check("least gap on the way out", moved.least_gap, "mm"),
        _percent("coverage of the opening", covered(carved), COVERED),
        *_facts(solid, carved, config),
    ]
    outward = np.reshape(lattice.direction, (3, 3))[:, 2]
    return Checks(tuple(items), (float(outward[0]), float(outward[1]), float(outward[2]))), maps


def _percent(name: str, share: float, least: float | None = None) -> Check:
    if least is None:
        return Check(name, 100 * share + 0.0, "%")  # no -0
    return Check(name, 100 * share, "%", f"at least {100 * least:g}", share >= least)


def at_most(name: str, value: float, unit: str, most: float, of: str = "") -> Check:
    """A check that passes up to a limit; ``of`` says of how many."""
    return Check(name, float(value), unit, f"at most {most:g}{' ' + of if of else ''}", bool(value <= most))


def _solid_checks(solid: Mesh, full: Mesh, samples: NDArray) -> list[Check]:
    off = max(float(Scene(full).distance(samples).max()), float(Scene(solid).distance(full.vertices[::5]).max()))
    return [
        Check("watertight", float(solid.watertight), "", "1: every edge joins two faces", solid.watertight),
        Check("components", solid.components, "", "exactly 1", solid.components == 1),
        at_most("self-intersections", crossing_count(solid.vertices, solid.triangles), "", 0),
        at_most("distance from the volume's surface, largest", off, "mm", FAITHFUL),
        Check("triangles", len(solid.triangles)),
    ]


def _wall_checks(
    solid: Mesh, maps: Maps, patch: Scene, edge: Rim, carved: Carved, config: ImplantConfig
) -> list[Check]:
    """The wall is what lies between the two tables, or between one and what is engraved, further than WALL_MARGIN from their
    rims: the slope of an oblique cut is the edge's matter. Its least thickness is the 1st percentile of the map, and that of
    the grooves alone.
    """
    opposite = solid.vertices - maps.thickness[:, None] * vertex_normals(solid)
    closest, normals = patch.closest(solid.vertices)
    along = np.einsum("ij,ij->i", normals, vertex_normals(solid)) > ALONG
    along &= patch.distance(opposite) < SHEET
    on = np.linalg.norm(solid.vertices - closest, axis=1) < SHEET
    wall = along & on
    rims = np.concatenate([edge.points, edge.below])
    if len(rims):
        wall &= cKDTree(rims).query(solid.vertices)[0] > WALL_MARGIN
    found = maps.thickness[wall]
    wanted = config.fit.minimum_wall_mm
    if len(found) == 0:
        return [Check("wall, least", 0.0, "mm", f"a place {WALL_MARGIN:g} mm from the rim to measure it at", False)]
    checks = [_least_wall("wall, least", found, wanted), Check("wall, median", float(np.median(found)), "mm")]
    if carved.text is not None and carved.text.any():
        groove = along & ~on & under(carved.text, carved.lattice, solid.vertices)
        if groove.any():
            checks.append(_least_wall("wall under the engraving, least", maps.thickness[groove], wanted))
    return checks


def _least_wall(name: str, thickness: NDArray, wanted: float) -> Check:
    least = float(np.quantile(thickness, 0.01))
    return Check(name, least, "mm", f"at least {wanted:g} less a tenth", least >= 0.9 * wanted)


def _rim_checks(edge: Rim, carved: Carved, config: ImplantConfig) -> list[Check]:
    """Gap and steps; where the gap is meant to be wider than elsewhere it counts for its least alone, and a step across it for
    nothing. A rim without a figure fails."""
    wanted = config.fit.clearance_mm
    gap = edge.gap[np.isfinite(edge.gap)]
    above, below = (under(carved.extra, carved.lattice, points) == 0 for points in (edge.points, edge.below))
    plain = edge.gap[np.isfinite(edge.gap) & above]
    outer = np.abs(edge.outer[np.isfinite(edge.outer) & above])
    inner = np.maximum(edge.inner[np.isfinite(edge.inner) & below], 0)
    share = float(edge.free.mean()) if len(edge.free) else 1.0
    checks = [
        _percent("rim without bone beside it", share),
        at_most(
            "rim with bone across a wide gap",
            100 * float(edge.apart.mean()) if len(edge.apart) else 0.0,
            "%",
            100 * APART,
        ),
        *([_percent("rim under tabs", float(edge.tabbed.mean()))] if edge.tabbed.any() else []),
        Check("rim, places measured", len(plain), "", "at least 1", len(plain) > 0),
    ]
    if len(plain):
        mean, least = float(plain.mean()), float(gap.min())
        checks += [
            Check("clearance, mean", mean, "mm", f"{wanted:g} ± 0.1", abs(mean - wanted) <= 0.1),
            Check("clearance, least", least, "mm", f"at least {wanted / 2:g}", least >= wanted / 2),
            Check("clearance, 95 %", float(np.quantile(gap, 0.95)), "mm"),
        ]
    if len(outer):
        checks += [
            at_most("step at the rim, median", float(np.median(outer)), "mm", STEP[0]),
            at_most("step at the rim, 95 %", float(np.quantile(outer, 0.95)), "mm", STEP[1]),
        ]
    if len(inner):
        checks.append(at_most("inner intrusion at the rim, 95 %", float(np.quantile(inner, 0.95)), "mm", INTRUSION))
    return checks


def _facts(solid: Mesh, carved: Carved, config: ImplantConfig) -> list[Check]:
    axes = np.reshape(carved.lattice.direction, (3, 3))
    width, depth, height = np.ptp(solid.vertices.astype(np.float64) @ axes, axis=0)
    corners = solid.vertices.astype(np.float64)[solid.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    down = -(face @ axes[:, 2]) > SUPPORTED * np.linalg.norm(face, axis=1)
    area = surface_area(solid.vertices, solid.triangles)
    under = float(np.linalg.norm(face[down], axis=1).sum() / 2 / area)
    volume, whole = solid.volume_ml, max(carved.whole_ml, 1e-9)
    chamber = config.printing.chamber_mm
    return [
        Check("volume", volume, "ml"),
        Check("mass", volume * config.density, "g"),
        _percent("volume lost", (carved.whole_ml - volume) / whole),
        *(_lost(name, max(ml, 0.0) / whole, config) for name, ml in carved.lost_ml.items()),
        at_most("print box, width", width, "mm", chamber),
        at_most("print box, depth", depth, "mm", chamber),
        at_most("print box, height", height, "mm", chamber),
        at_most("overhang, outer side up", 100 * under, "%", 100 * config.printing.most_overhang),
    ]


def _lost(to: str, share: float, config: ImplantConfig) -> Check:
    """Undercut has a limit: where no direction keeps it, none works."""
    name = f"volume lost to {to}"
    if to == "undercut":
        return at_most(name, 100 * share, "%", 100 * config.insertion.most_lost)
    return _percent(name, share)


def covered(carved: Carved) -> float:
    """Share of the opening's footprint along the direction of insertion that the solid covers.

    The opening is where the completed skull is solid and the defective one lets the direction through.
    """
    solid = ndimage.binary_fill_holes((carved.field < 0).any(axis=2))  # perforations are no gaps
    return float((solid & carved.opening).sum() / max(1, carved.opening.sum()))


def thickness(solid: Mesh) -> NDArray[np.float32]:
    """How far the surface opposite is from each vertex [V], along its inward normal, mm."""
    normals = vertex_normals(solid)
    start = solid.vertices - 0.01 * normals
    found = Scene(solid).cast(start, -normals)
    return np.where(np.isfinite(found), found, 0).astype(np.float32)


def sampled(solid: Mesh, spacing: float) -> NDArray[np.float64]:
    """Points [N, 3] all over a surface, one for each ``spacing``² mm² of it, the same ones every time."""
    a, b, c = (solid.vertices[solid.triangles[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    random = np.random.default_rng(0)
    count = max(1, int(area.sum() / spacing**2))
    face = random.choice(len(area), count, p=area / area.sum())
    u, v = random.random((2, count))
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u)[:, None], np.where(fold, 1 - v, v)[:, None]
    return a[face] + u * (b - a)[face] + v * (c - a)[face]

"""The lists of fixed cases: one CSV for each set of defects cut by seed, and the sets that need none."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole

HOME = Path(__file__).parent
CT = "visible_human"  # a CT in Hounsfield units, cut before it is segmented
CUT = ("skullbreak_like", "large", "midline", "orbital", "cut_edge", CT)  # a defect each, from the list SET.csv
OF_KINDS = ("skullbreak_like", CT)  # sets with a defect of every kind in each skull
RESCANS = ("rotated", "slices_1mm", "slices_2mm", "noise", "partial_volume")  # of the official cases
SETS = ("official", *CUT, *RESCANS)


@dataclass(frozen=True)
class Measures:
    """What a defect came out as, measured on the implant: benchmarks.cases.measures says how."""

    volume_ml: float
    crosses_midline: bool  # a tenth of it or more on either side
    area_cm2: float  # of the skull's outer surface
    midline_share: float  # of its volume, on the side that has less
    orbit_mm: float  # from the nearer orbital rim
    edge_mm2: float  # of its bone in the scan's lowest slice


@dataclass(frozen=True)
class FixedCase:
    """One case: the ``seed`` cuts a defect of ``kind`` into the complete ``skull``, or scans the official case again.

    The scan starts at ``first_slice``; those below are removed once the defect is cut. Cases of a list have measures.
    """

    set: str
    skull: str
    kind: str = "skullfix"
    seed: int = 0
    first_slice: int = 0
    measures: Measures | None = None

    @property
    def name(self) -> str:
        """Unique among all cases: "official/000", "bilateral/000", "bilateral/visible_human", "large/000"."""
        return f"{self.kind if self.set in OF_KINDS else self.set}/{self.skull}"


def listed(*sets: str, smoke: bool = False) -> list[FixedCase]:
    """The cases of the chosen ``sets``, of all where none is named; ``smoke`` takes the first of each.

    Raises InputError for an unknown set.
    """
    chosen = []
    for name in sets or SETS:
        if name not in SETS:
            raise InputError(f"set of cases: expected one of {', '.join(SETS)}, got {name!r}")
        cases = read_list(name) if name in CUT else _of_official(name)
        chosen += cases[:1] if smoke else cases
    return chosen


def _of_official(name: str) -> list[FixedCase]:
    skulls = sorted({case.skull for case in read_list("skullbreak_like")})
    return [FixedCase(name, skull, seed=number) for number, skull in enumerate(skulls)]


def list_path(name: str) -> Path:
    """The committed list of a set."""
    return HOME / f"{name}.csv"


def read_list(name: str, path: Path | None = None) -> list[FixedCase]:
    """The cases of the set ``name`` from its list, or from that at ``path``."""
    with (path or list_path(name)).open(newline="", encoding="utf-8") as file:
        return [_from_row(name, row) for row in csv.DictReader(file)]


def _from_row(name: str, row: dict[str, str]) -> FixedCase:
    measured = {f.name: float(row[f.name]) for f in fields(Measures) if f.name != "crosses_midline"}
    measures = Measures(crosses_midline=row["crosses_midline"] == "yes", **measured)
    return FixedCase(name, row["case"], row["kind"], int(row["seed"]), int(row["first_slice"]), measures)


def write_list(cases: list[FixedCase], path: Path) -> None:
    """Write cases that have measures as CSV."""
    lines = ["case,kind,seed,volume_ml,crosses_midline,area_cm2,midline_share,orbit_mm,edge_mm2,first_slice"]
    for case in cases:
        m = case.measures
        assert m is not None
        midline = "yes" if m.crosses_midline else "no"
        lines.append(
            f"{case.skull},{case.kind},{case.seed},{m.volume_ml:.1f},{midline},{m.area_cm2:.1f},{m.midline_share:.2f},"
            f"{m.orbit_mm:.1f},{m.edge_mm2:.0f},{case.first_slice}"
        )
    write_whole(path, "\n".join(lines) + "\n")

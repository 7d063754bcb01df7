"""How the listed defects were found: seeds are tried in turn until what is cut has the measures that its set wants."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.cases.listing import CT, CUT, FixedCase, Measures, listed
from benchmarks.cases.loading import read_ct, read_val
from benchmarks.cases.measures import measure
from cranial_sparse.data.defects import SKULLBREAK_KINDS, Cut, cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.segmentation import segment_bone

TRIES = 40
EDGE_HEIGHT = -10.0  # mm above the middle of the vault, 10 above the orbital rims: there a scan of the vault alone ends


@dataclass(frozen=True)
class Rule:
    """What a set wants: a defect of each of ``kinds`` in every skull, or of one in turn where ``in_turn``.

    Seeds of the n-th skull count from ``first_seed`` + 100 n, so that no two skulls share one.
    """

    kinds: tuple[str, ...]
    wanted: Callable[[Measures], bool]
    first_seed: int
    in_turn: bool = True


RULES = {
    "skullbreak_like": Rule(SKULLBREAK_KINDS, lambda m: 15 <= m.volume_ml <= 200, 0, in_turn=False),
    "large": Rule(("parietotemporal", "random_1", "bilateral"), lambda m: m.area_cm2 > 100, 1000),
    "midline": Rule(("random_2", "craniotomy", "bilateral"), lambda m: m.midline_share >= 0.25, 1000),
    "orbital": Rule(("frontoorbital",), lambda m: m.orbit_mm <= 8, 1000),
    "cut_edge": Rule(("parietotemporal", "random_1"), lambda m: m.edge_mm2 >= 200, 4000),
    CT: Rule(SKULLBREAK_KINDS, lambda m: 15 <= m.volume_ml <= 200, 0, in_turn=False),
}


def draw(name: str, data: Path) -> list[FixedCase]:
    """The cases of the set ``name``; a skull in which no seed gives what is wanted has none.

    A defect that another set lists already is passed over.
    """
    rule, cases = RULES[name], []
    taken = {(case.skull, case.kind, case.seed) for other in CUT if other != name for case in listed(other)}
    skulls = [CT] if name == CT else [case.skull for case in listed("official")]
    for number, skull in enumerate(skulls):
        complete = segment_bone(read_ct(data))[0] if skull == CT else read_val(skull, data)[0]
        kinds = (rule.kinds[number % len(rule.kinds)],) if rule.in_turn else rule.kinds
        for kind in kinds:
            first = rule.first_seed + 100 * number
            free = [seed for seed in range(first, first + TRIES) if (skull, kind, seed) not in taken]
            case = _first_wanted(complete, [FixedCase(name, skull, kind, seed) for seed in free], rule)
            print(case or f"{skull} {kind}: none of {TRIES} seeds", flush=True)
            cases += [case] if case else []
    return cases


def _first_wanted(complete: Volume, candidates: list[FixedCase], rule: Rule) -> FixedCase | None:
    for case in candidates:
        try:
            cut = cut_volume(complete, case.kind, case.seed)
        except InputError:  # no draw of this seed fits the skull
            continue
        first_slice = cut_edge(cut) if case.set == "cut_edge" else 0
        measures = measure(cut, first_slice)
        if rule.wanted(measures):
            return replace(case, first_slice=first_slice, measures=measures)
    return None


def cut_edge(cut: Cut) -> int:
    """The slice at which the scan is cut off: the first above EDGE_HEIGHT in the middle of the head."""
    middle = cut.defect.vault.to_points(np.array([0.0, 0.0, EDGE_HEIGHT]))
    return int(np.ceil(cut.implant.geometry.to_index(middle)[2] - 1e-6))

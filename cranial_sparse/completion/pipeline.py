"""Complete one skull: propose, refine, bring home."""

import time
from dataclasses import replace

from cranial_sparse.classical import radial_model
from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.completion import refine
from cranial_sparse.completion.completer import Completer
from cranial_sparse.completion.completion import Completion
from cranial_sparse.completion.frame import bone_outside_ml
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume

SYSTEMS = {"cascade": (radial_model.WEIGHTS, refine.WEIGHTS), "radial": (radial_model.WEIGHTS,)}  # and what they load
NOTHING_MISSING = "no defect found: the vault is whole where the scan shows it, so the implant is empty"


def complete(skull: Volume, system: str = "radial") -> Completion:
    """The missing bone of ``skull`` (bool [X, Y, Z], patient's grid) by ``system``.

    "cascade" refines the radial proposal to 0.45 mm; "radial" is the proposal alone. Raises InputError where the
    system is not known or the scan cannot be used.
    """
    if system not in SYSTEMS:
        raise InputError(f"--system: expected one of {', '.join(SYSTEMS)}, got '{system}'")
    return replace(complete_with(skull, radial_completer, refined=system == "cascade"), weights=SYSTEMS[system])


def complete_with(skull: Volume, completer: Completer, refined: bool) -> Completion:
    """As complete, with any Completer, and with or without the refiner."""
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    field = completer(skull)
    seconds["propose"] = time.perf_counter() - started
    if field is None:
        empty = Volume(skull.array & False, skull.geometry)
        return Completion(empty, seconds, (NOTHING_MISSING,))
    if refined:
        started = time.perf_counter()
        field = refine.refine_field(skull, field, refine.shipped_network())
        seconds["refine"] = time.perf_counter() - started
    started = time.perf_counter()
    logits, box = patient_logits(field, skull.geometry)
    implant = missing_bone(logits, box, skull)
    seconds["to patient"] = time.perf_counter() - started
    warnings = () if implant.array.any() else (NOTHING_MISSING,)
    started = time.perf_counter()
    outside_ml = bone_outside_ml(skull, field.pose)
    seconds["count outside"] = time.perf_counter() - started
    return Completion(implant, seconds, warnings, outside_ml)

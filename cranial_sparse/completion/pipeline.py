"""Complete one skull: propose, refine, bring home."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.orbital import ends_above_orbits
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial_model import shipped_model
from cranial_sparse.classical.tps.completer import tps_completer
from cranial_sparse.completion import refine
from cranial_sparse.completion.completer import Completer, Field, spread_at
from cranial_sparse.completion.completion import Completion
from cranial_sparse.completion.frame import Pose, bone_outside_ml
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.systems import SYSTEMS
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.networks.cascade import Cascade

DOUBTFUL = 0.87  # expected Dice coefficient below which a user is told
CASCADE = "cascade"  # the system "radial", refined
TURNED = 45.0  # degrees; heads nod by up to 35 in scanners
CUT_ABOVE_ORBITS = (
    "The scan ends above the orbits: the head's pose rests on the vault alone, and nothing is completed"
    " below the scan's edge."
)


def complete(
    skull: Volume,
    system: str = CASCADE,
    backend: str = "native",
    device: str = "auto",
    refined: bool = False,
    landmarks: dict[str, NDArray] | None = None,
) -> Completion:
    """The missing bone of ``skull`` (bool [X, Y, Z], patient's grid) by ``system``, one of SYSTEMS.

    Where it is ``refined``, the cascade takes the proposal to 0.45 mm on one of sparse_conv.backends.BACKENDS and on a
    device: "cpu", "cuda", or, with "auto", a GPU where there is one. "cascade" is "radial", refined. ``landmarks``
    (LPS mm [3] by name) correct those that "tps" finds. Raises InputError where system, backend or device are not there,
    another system is given landmarks, or the scan cannot be used.
    """
    if system == CASCADE:
        system, refined = "radial", True
    if system not in SYSTEMS:
        raise InputError(f"--system: expected one of {', '.join((CASCADE, *SYSTEMS))}, got '{system}'")
    completer = SYSTEMS[system].completer
    if landmarks is not None:
        if system != "tps":
            raise InputError(f"--landmarks: only --system tps has landmarks, got --system {system}; leave them out")
        completer = partial(tps_completer, landmarks=landmarks)
    network = refine.shipped_network(backend, refine.choose_device(device, backend)) if refined else None
    weights = (*SYSTEMS[system].weights, *((refine.WEIGHTS,) if refined else ()))
    return replace(complete_with(skull, completer, network), weights=weights)


def complete_with(skull: Volume, completer: Completer, network: Cascade | None) -> Completion:
    """As complete, with any Completer, and refined by ``network`` where there is one."""
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    proposal = field = completer(skull)
    seconds["propose"] = time.perf_counter() - started
    if field is not None and network is not None:
        started = time.perf_counter()
        field = refine.refine_field(skull, field, network)
        seconds["refine"] = time.perf_counter() - started
    implant = Volume(np.zeros_like(skull.array), skull.geometry)
    if field is not None:
        started = time.perf_counter()
        implant = missing_bone(*patient_logits(field, skull.geometry), skull)
        seconds["to patient"] = time.perf_counter() - started
    started = time.perf_counter()
    # a whole skull leaves no field to carry the pose, and finding it again takes about a second
    pose = estimate_pose(skull, shipped_model().outer)[0] if field is None else field.pose
    outside_ml = bone_outside_ml(skull, pose)
    seconds["count outside"] = time.perf_counter() - started
    model = shipped_model()
    cut = ends_above_orbits(skull.geometry, pose, model.presence, model.surface)
    warnings = (*turn_warnings(pose), *((CUT_ABOVE_ORBITS,) if cut else ()))
    if proposal is None:
        return Completion(implant, seconds, warnings, outside_ml)
    return Completion(
        implant,
        seconds,
        (*warnings, *proposal.notes, *doubts(proposal)),
        outside_ml,
        facts=proposal.facts,
        plane=proposal.plane,
        spread_at=None if proposal.spread is None else partial(spread_at, proposal),
    )


def turn_warnings(pose: Pose) -> tuple[str, ...]:
    """What to tell the user of a head that lies otherwise than its file says, or not at all as heads lie."""
    degrees = np.rad2deg(Rotation.from_matrix(pose.rotation).magnitude())
    if degrees < TURNED:
        return ()
    return (
        f"The head lies turned by {degrees:.0f} degrees against the axes of the file (left, posterior, superior)."
        " Left and right in the results are the file's: check its orientation.",
    )


def doubts(proposal: Field) -> tuple[str, ...]:
    """What to tell the user of a ``proposal`` that expects to be poor."""
    expected = proposal.facts.get("expected_dsc", 1.0)
    if expected >= DOUBTFUL:
        return ()
    return (
        f"The shape model is unsure here: it expects a Dice coefficient of about {expected:.2f} with the bone that was there. "
        "Look at the map of uncertainty before using this.",
    )

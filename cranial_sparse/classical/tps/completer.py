"""The Completer by geometric morphometrics: pose, hole, landmarks, references, warped tables, field."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.classical.hole import Defect, posed_defect
from cranial_sparse.classical.maps import Rays
from cranial_sparse.classical.radial import FIELD_LEVEL, Vault, hole_box, vault_field
from cranial_sparse.classical.radial_model import PosedMaps, RadialModel, shipped_model
from cranial_sparse.classical.tps.landmarks import canonical_landmarks
from cranial_sparse.classical.tps.orbit import bend_orbit
from cranial_sparse.classical.tps.patient import Placed, place, read_patient
from cranial_sparse.classical.tps.references import best_fitting, leave_out_error, mean_skull, mirrored_self
from cranial_sparse.classical.tps.sliding import estimated
from cranial_sparse.classical.tps.surface import along
from cranial_sparse.classical.tps.template import NAMES, Template, template
from cranial_sparse.classical.tps.warp import SHIPPED_WARP, WarpSettings, warp_vault
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.geometry import Volume


@dataclass(frozen=True, eq=False)
class Completed:
    """A vault made whole from the ``chosen`` reference; ``errors`` (mm) of all references, by name.

    ``outer`` and ``inner`` [N, 3] are the template's points on it: where they were ``placed``, and missing ones where the
    reference has them.
    """

    vault: Vault
    placed: Placed
    chosen: str
    errors: dict[str, float]
    outer: NDArray[np.float64]
    inner: NDArray[np.float64]


def complete_tables(
    rays: Rays,
    hole: NDArray,
    shape: Template,
    given: dict[str, NDArray],
    skulls: PosedMaps | None = None,
    settings: WarpSettings = SHIPPED_WARP,
) -> Completed:
    """Both tables of what ``rays`` [P, P] met, made whole in the ``hole`` [P, P] and 12 mm around it by the template ``shape``.

    ``given`` are landmarks by hand in canonical mm; of whole ``skulls``, the best-fitting is a reference too. Raises
    InputError where fewer than four landmarks are given or seen, or all on a line.
    """
    patient = read_patient(rays, hole)
    placed = place(shape, patient, given)
    offered = [mean_skull(shape), mirrored_self(shape, patient, placed)]
    if skulls is not None:
        offered.append(best_fitting(shape, skulls, patient, placed))
    references = [reference for reference in offered if reference is not None]
    errors = {reference.name: leave_out_error(reference, patient, placed, settings) for reference in references}
    # the mean comes first, so it is taken where nothing can be measured
    chosen = min(references, key=lambda reference: errors[reference.name])
    vault = warp_vault(chosen, patient, placed, settings)
    outer = estimated(chosen.outer.points, placed.outer.points, placed.outer.seen)
    inner = estimated(chosen.inner.points, placed.inner.points, placed.inner.seen)
    outer[~placed.outer.seen] = along(vault.outer, outer)[~placed.outer.seen]
    inner[~placed.inner.seen] = along(vault.outer - vault.thickness, inner)[~placed.inner.seen]
    return Completed(vault, placed, chosen.name, errors, outer, inner)


def tps_completer(
    skull: Volume,
    model: RadialModel | None = None,
    landmarks: dict[str, NDArray] | None = None,
    skulls: PosedMaps | None = None,
) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    ``model`` finds pose and hole, and its mean is the template. ``landmarks`` by the template's names (LPS mm [3]) stand where
    the user has put them. ``skulls`` are whole ones in canonical pose, as experiments.build_radial keeps them. Raises
    InputError where there is no bone, too little of the vault is in view, or landmarks are unknown, misplaced or too few.
    """
    model = model or shipped_model()
    defect = posed_defect(skull, model)
    return None if defect is None else tps_field(skull, defect, model, landmarks or {}, skulls)


def tps_field(
    skull: Volume,
    defect: Defect,
    model: RadialModel,
    landmarks: dict[str, NDArray],
    skulls: PosedMaps | None = None,
    settings: WarpSettings = SHIPPED_WARP,
) -> Field:
    """The bent tables around the ``defect``, and the orbits where it reaches them, as a field. Raises as tps_completer."""
    pose, hole = defect.pose, defect.hole
    shape = template(model)
    done = complete_tables(defect.rays, hole, shape, canonical_landmarks(landmarks, pose), skulls, settings)
    orbit = bend_orbit(skull, pose, hole, done.placed, shape, model.presence)
    field = vault_field(done.vault, hole_box(done.vault, canonical_lattice(FIELD_LEVEL)), pose, orbit)
    return replace(field, notes=notes(done, skulls is not None), facts=facts(done, pose))


def notes(done: Completed, with_skulls: bool) -> tuple[str, ...]:
    """Which reference the missing bone was taken from, and what could not be one."""
    said = []
    if "mirrored" not in done.errors:
        said.append("no intact side: too little of the missing bone's opposite is there to be mirrored")
    if not with_skulls:
        said.append("no skulls of others are at hand, so the mean skull stands for the best-fitting one")
    measured = [f"{name} {error:.2f} mm" for name, error in done.errors.items() if np.isfinite(error)]
    reason = f"; error around the hole: {', '.join(measured)}" if measured else ""
    source = {"mean": "the mean skull", "mirrored": "the mirrored other side"}.get(
        done.chosen, "the best-fitting skull"
    )
    return (*said, f"the missing bone is modelled on {source}{reason}")


def facts(done: Completed, pose: Pose) -> dict[str, Any]:
    """Plain values: reference and errors, counts, places of the landmarks (LPS mm), convergence of the sliding."""
    seen, by_hand = done.placed.outer.seen, done.placed.given
    source = np.where(by_hand, "given", np.where(seen, "automatic", "estimated"))
    places = pose.to_patient(done.outer[: len(NAMES)]).round(2).tolist()
    relaxed = {"outer": done.placed.outer, "inner": done.placed.inner}
    return {
        "reference": done.chosen,
        "leave_out_error_mm": {name: round(e, 3) if np.isfinite(e) else None for name, e in done.errors.items()},
        "scale": round(done.placed.similarity.scale, 4),
        "landmarks": {
            name: {"lps": place, "source": str(how)} for name, place, how in zip(NAMES, places, source, strict=False)
        },
        "points": {
            name: {"seen": int(one.seen.sum()), "missing": int((~one.seen).sum())} for name, one in relaxed.items()
        },
        "bending_energy_mm": {name: [round(e, 3) for e in one.energy] for name, one in relaxed.items()},
        "mean_slide_mm": {name: [round(s, 4) for s in one.slides] for name, one in relaxed.items()},
    }

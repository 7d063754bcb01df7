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

LEAST_WEIGHT = 0.02  # a reference that counts less is not worth bending
SMALLEST_ERROR = 0.05  # mm: nothing is measured better


@dataclass(frozen=True, eq=False)
class Completed:
    """A vault made whole from all references: their ``errors`` (mm) around the hole and the ``weights`` that these give
    them, by name.

    ``outer`` and ``inner`` [N, 3] are the template's points on it: where they were ``placed``, and missing ones where the
    references have them.
    """

    vault: Vault
    placed: Placed
    errors: dict[str, float]
    weights: dict[str, float]
    outer: NDArray[np.float64]
    inner: NDArray[np.float64]

    @property
    def chosen(self) -> str:
        """The reference that counts most, which errs least."""
        return max(self.weights, key=self.weights.__getitem__)


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
    weights = weights_of(errors)
    counting = [reference for reference in references if weights[reference.name] > 0]
    share = np.array([weights[reference.name] for reference in counting])
    vault = averaged([warp_vault(reference, patient, placed, settings) for reference in counting], share)
    seen, inner_seen = placed.outer.seen, placed.inner.seen
    outer = np.tensordot(share, [estimated(r.outer.points, placed.outer.points, seen) for r in counting], 1)
    inner = np.tensordot(share, [estimated(r.inner.points, placed.inner.points, inner_seen) for r in counting], 1)
    outer[~seen] = along(vault.outer, outer)[~seen]
    inner[~inner_seen] = along(vault.outer - vault.thickness, inner)[~inner_seen]
    outer[seen], inner[inner_seen] = placed.outer.points[seen], placed.inner.points[inner_seen]
    return Completed(vault, placed, errors, weights, outer, inner)


def weights_of(errors: dict[str, float]) -> dict[str, float]:
    """What each reference counts, by one over the square of its error (mm), as for estimates that err independently; below
    LEAST_WEIGHT nothing. Where no error could be measured the first one, the mean, is taken alone."""
    precision = np.array([max(error, SMALLEST_ERROR) ** -2.0 for error in errors.values()])
    if not precision.any():
        precision[0] = 1.0
    share = precision / precision.sum()
    share = np.where(share < LEAST_WEIGHT, 0.0, share)
    return dict(zip(errors, (share / share.sum()).tolist(), strict=True))


def averaged(vaults: list[Vault], share: NDArray) -> Vault:
    """Both tables of vaults of one hole, each by its ``share`` [N] of the whole."""
    outer = np.tensordot(share, [vault.outer for vault in vaults], 1)
    return replace(vaults[0], outer=outer, thickness=np.tensordot(share, [vault.thickness for vault in vaults], 1))


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


_SAID = {"mean": "the mean skull", "mirrored": "the mirrored other side", "best-fitting": "the best-fitting skull"}


def notes(done: Completed, with_skulls: bool) -> tuple[str, ...]:
    """Which reference the missing bone was taken from, and what could not be one."""
    said = []
    if "mirrored" not in done.errors:
        said.append("no intact side: too little of the missing bone's opposite is there to be mirrored")
    if not with_skulls:
        said.append("the skulls of others are not shipped, so the mean skull stands for the best-fitting one")
    counting = {name: share for name, share in done.weights.items() if share > 0}
    shares = [f"{_SAID[name]} ({share:.0%})" for name, share in counting.items()]
    measured = [f"{name} {error:.2f} mm" for name, error in done.errors.items() if np.isfinite(error)]
    reason = f"; error around the hole: {', '.join(measured)}" if measured else ""
    return (*said, f"the missing bone is modelled on {' and '.join(shares)}{reason}")


def facts(done: Completed, pose: Pose) -> dict[str, Any]:
    """Plain values: reference and errors, counts, places of the landmarks (LPS mm), convergence of the sliding."""
    seen, by_hand = done.placed.outer.seen, done.placed.given
    source = np.where(by_hand, "given", np.where(seen, "automatic", "estimated"))
    places = pose.to_patient(done.outer[: len(NAMES)]).round(2).tolist()
    relaxed = {"outer": done.placed.outer, "inner": done.placed.inner}
    return {
        "reference": done.chosen,
        "weights": {name: round(share, 3) for name, share in done.weights.items()},
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

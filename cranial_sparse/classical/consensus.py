"""Two shape models that err differently: the conditional Gaussian of radial maps, and beside it the bent template of ``tps``.

The Gaussian reads the other side, since what its modes leave over is correlated with it. Where the mirror image of a missing
place is missing too, as in holes across the midline, it has little to go by: there the template that thin-plate splines bend
to the bone around the hole is about as good and errs in other ways, so both tables go a share of the way to it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cranial_sparse.classical.hole import Defect, posed_defect
from cranial_sparse.classical.maps import PIXEL_MM
from cranial_sparse.classical.radial import Vault, complete_vault, completed_field
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.classical.tps.completer import complete_tables
from cranial_sparse.classical.tps.template import template
from cranial_sparse.completion.completer import Field
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume


@dataclass(frozen=True)
class ConsensusSettings:
    """experiments.cross_validate --system consensus compares other values."""

    share: float = 0.3  # of the template, where the mirror image is missing
    fade: float = 10.0  # mm from there, beyond which the Gaussian stands alone
    trusted: float = 2.0  # mm, both tables, that the template may be off bone around the hole that was hidden from it


SHIPPED_CONSENSUS = ConsensusSettings()


def consensus_completer(skull: Volume, model: RadialModel | None = None) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    Raises InputError where there is no bone or too little of the vault is in view.
    """
    model = model or shipped_model()
    defect = posed_defect(skull, model)
    return None if defect is None else consensus_field(skull, defect, model)


def consensus_field(
    skull: Volume, defect: Defect, model: RadialModel, settings: ConsensusSettings = SHIPPED_CONSENSUS
) -> Field:
    """What both make of the vault, and the orbits of ``radial``, as a field; ``facts`` say how far apart they were."""
    first = complete_vault(defect.rays, defect.hole, model)
    share = template_share(defect.hole, settings)
    if not share[defect.hole].any():
        return completed_field(skull, defect, first, model)
    try:
        bent = complete_tables(defect.rays, defect.hole, template(model), {})
    except InputError:  # too few landmarks in view
        return completed_field(skull, defect, first, model)
    if bent.errors[bent.chosen] > settings.trusted:
        return completed_field(skull, defect, first, model)
    field = completed_field(skull, defect, between(first, bent.vault, share), model)
    apart = np.abs(bent.vault.outer - first.outer)[defect.hole & (share > 0)]
    facts = {
        "template_share": round(float(share[defect.hole].mean()), 3),
        "apart_mm": round(float(np.median(apart)), 2),
    }
    return replace(field, facts={**field.facts, **facts})


def template_share(hole: NDArray[np.bool_], settings: ConsensusSettings = SHIPPED_CONSENSUS) -> NDArray[np.float64]:
    """How much of each direction [P, P] the template decides: all its share where the mirror image lies in the ``hole``."""
    gap = distance_transform_edt(~hole[::-1]) * PIXEL_MM
    return settings.share * np.clip(1 - gap / settings.fade, 0, 1)


def between(first: Vault, second: Vault, share: NDArray) -> Vault:
    """Both tables a ``share`` [P, P] of the way from one vault to another; what the first says of its spread stays."""
    outer = first.outer + share * (second.outer - first.outer)
    return replace(first, outer=outer, thickness=first.thickness + share * (second.thickness - first.thickness))

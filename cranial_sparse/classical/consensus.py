"""What three shape models agree on: voxel by voxel the median of their fields.

The conditional Gaussian of radial maps, the modes of distance fields and the bent template err in different ways; where one
of them strays, the other two outvote it.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from cranial_sparse.classical.radial import SHIPPED_SETTINGS, posed_defect, radial_field
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.classical.ssm import Fit, ssm_field
from cranial_sparse.classical.ssm_model import ShapeModel, shipped_shape_model
from cranial_sparse.classical.tps.completer import tps_field
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.patient import ABSENT
from cranial_sparse.geometry import Geometry, Volume


def consensus_completer(
    skull: Volume, model: RadialModel | None = None, shapes: ShapeModel | None = None
) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    ``model`` is that of radial and gives pose and hole to all three, ``shapes`` that of ssm. Raises InputError as they do.
    """
    model = model or shipped_model()
    defect = posed_defect(skull, model)
    if defect is None:
        return None
    first = radial_field(skull, defect, model)
    others = ssm_field(skull, defect, shapes or shipped_shape_model(), Fit()), tps_field(skull, defect, model, {})
    fields = [first.logits.numpy(), *(on_box(other, first.geometry) for other in others)]
    median = np.median(np.stack(fields), axis=0).astype(np.float32)
    strays = np.ptp(np.stack(fields), axis=0) / SHIPPED_SETTINGS.logit_per_mm  # mm, over three fields
    facts = {"spread_at_surface_mm": float(np.median(strays[np.abs(median) < 1]))} if (np.abs(median) < 1).any() else {}
    return Field(torch.from_numpy(median), first.geometry, first.pose, facts=facts)


def on_box(field: Field, box: Geometry) -> NDArray[np.float32]:
    """The logits of ``field`` on another ``box`` of the same lattice; nothing where it does not reach."""
    shift = np.rint(field.geometry.to_index(np.asarray(box.origin))).astype(int)
    out = np.full(box.shape, ABSENT, np.float32)
    low, high = np.maximum(shift, 0), np.minimum(shift + box.shape, field.geometry.shape)
    if (low < high).all():
        inside = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        out[tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, shift, strict=True))] = field.logits[
            inside
        ].numpy()
    return out

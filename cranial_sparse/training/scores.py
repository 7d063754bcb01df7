"""Quick figures of a validation case on the cascade's own lattices; the reported ones are on the patient's grid."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cranial_sparse.bricks import coordinates
from cranial_sparse.completion.patient import cleaned
from cranial_sparse.metrics import bdsc, dsc, hd95
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput
from cranial_sparse.training.losses import at_voxels, inside, pooling_factor, share


def level_scores(output: LevelOutput, inputs: CascadeInputs) -> dict[str, float]:
    """DSC of the missing bone at one level, the share of it the level's voxels cover, and how many voxels there are.

    A voxel counts as missing bone where more than half of it is bone in the complete skull and no more than half in
    the defective one. Raises ValueError where the case has no truth.
    """
    factor = pooling_factor(output.spacing)
    missing = true_missing(inputs, factor)
    voxels = coordinates(output.grid)
    known = at_voxels(share(inputs.skull, factor), voxels) > 0.5  # [N]
    predicted = (output.logits > 0) & ~known
    covered = at_voxels(missing, voxels)
    total = int(missing.sum())
    both, all_predicted = int((predicted & covered).sum()), int(predicted.sum())
    union = total + all_predicted
    return {
        "dsc": 2 * both / union if union else 1.0,
        "coverage": int(covered.sum()) / total if total else 1.0,
        "voxels": float(len(voxels)),
    }


def true_missing(inputs: CascadeInputs, factor: int) -> Tensor:
    """Missing bone at ``factor`` × the finest spacing, bool [X, Y, Z] / factor."""
    if inputs.complete is None:
        raise ValueError("the case has no complete skull to compare with")
    return (share(inputs.complete, factor) > 0.5) & (share(inputs.skull, factor) <= 0.5)


def dense_implant(output: LevelOutput, inputs: CascadeInputs) -> NDArray[np.bool_]:
    """Predicted implant [X, Y, Z] of the level's lattice: logits above 0, where the defective skull has no bone, cleaned as
    an implant is that is delivered: shells on bone would hide what a network is good for."""
    factor = pooling_factor(output.spacing)
    skull = share(inputs.skull, factor) > 0.5
    implant = torch.zeros_like(skull)
    voxels = coordinates(output.grid)
    x, y, z = voxels[inside(implant, voxels) & (output.logits > 0), 1:].long().unbind(dim=1)
    implant[x, y, z] = True
    return cleaned((implant & ~skull).cpu().numpy(), (output.spacing,) * 3)


def case_scores(outputs: Sequence[LevelOutput], inputs: CascadeInputs) -> dict[str, float]:
    """Scores of a case: dsc, bdsc (10 mm) and hd95 (mm) of the finest level, and level_scores as name_spacing."""
    finest = outputs[-1]
    factor = pooling_factor(finest.spacing)
    truth = true_missing(inputs, factor).cpu().numpy()
    skull = (share(inputs.skull, factor) > 0.5).cpu().numpy()
    implant = dense_implant(finest, inputs)
    spacing = (finest.spacing, finest.spacing, finest.spacing)
    scores = {
        "dsc": dsc(implant, truth),
        "bdsc": bdsc(implant, truth, skull, spacing),
        "hd95": hd95(implant, truth, spacing),
    }
    for output in outputs:
        for name, value in level_scores(output, inputs).items():
            scores[f"{name}_{output.spacing:g}mm"] = value
    return scores

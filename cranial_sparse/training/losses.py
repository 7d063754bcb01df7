"""What the cascade is trained on: occupancy at every level, and the growth from each level to the next.

Deep supervision: each level's logits answer to the share of bone in their voxel, each parent's eight child logits to
the same share one level finer. What is whole bone already counts little in the cross entropies and nothing in the Dice
terms, which look at the missing bone only. Children have a Dice term as well: finer levels start from them, and cross
entropy alone, which is asked to be honest and not to overlap, shrinks what Dice has grown.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from cranial_sparse.bricks import coordinates
from cranial_sparse.config import LossConfig
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput, children_of, share_at

FINEST = 0.45  # mm, the spacing of the volumes in CascadeInputs


def cascade_loss(outputs: Sequence[LevelOutput], inputs: CascadeInputs, config: LossConfig) -> dict[str, Tensor]:
    """The loss of one case, under "loss", and the unweighted terms of each level, named term_spacing: scalars.

    ``outputs`` may be the first levels only. Raises ValueError where the case has no truth, or a level no weight.
    """
    if inputs.complete is None:
        raise ValueError("the case has no complete skull to learn from")
    if len(config.levels) < len(outputs):
        raise ValueError(f"loss.levels: expected {len(outputs)} weights, one per level, got {len(config.levels)}")
    volumes = torch.stack([inputs.complete, inputs.skull])  # uint8 [2, X, Y, Z]
    total = outputs[0].logits.new_zeros(())
    terms: dict[str, Tensor] = {}
    for output, level_weight in zip(outputs, config.levels, strict=False):
        voxels = coordinates(output.grid)
        target, known = share_at(volumes, voxels, output.spacing).unbind(1)  # [N]
        parts = {
            "bce": (config.bce, weighted_bce(output.logits, target, novelty(target, known, config.known))),
            "dice": (config.dice, missing_dice_loss(output.logits, target, known)),
        }
        if output.children is not None:
            fine, fine_known = share_at(volumes, children_of(voxels), output.spacing / 2).T.reshape(2, -1, 8)
            fine_weight = novelty(fine, fine_known, config.known)
            parts["children"] = (config.children, weighted_bce(output.children, fine, fine_weight))
            parts["children_dice"] = (config.dice, missing_dice_loss(output.children, fine, fine_known))
        for name, (factor, value) in parts.items():
            total = total + level_weight * factor * value
            terms[f"{name}_{output.spacing:g}mm"] = value.detach()
    return {"loss": total, **terms}


def pooling_factor(spacing: float) -> int:
    """How many of the finest voxels lie along one of ``spacing`` mm."""
    return round(spacing / FINEST)


def share(volume: Tensor, factor: int) -> Tensor:
    """The share of set voxels in each block of ``factor``³: [X, Y, Z] of 0 and 1 → float32 [X, Y, Z] / factor."""
    if factor == 1:
        return volume.float()
    return F.avg_pool3d(volume.float()[None, None], factor)[0, 0]


def at_voxels(volume: Tensor, voxels: Tensor) -> Tensor:
    """Values [N] of a volume [X, Y, Z] at voxels (batch, x, y, z) [N, 4], 0 outside; the batch is ignored."""
    within = inside(volume, voxels)
    x, y, z = (voxels[:, 1:].long() * within[:, None]).unbind(dim=1)
    return volume[x, y, z] * within


def inside(volume: Tensor, voxels: Tensor) -> Tensor:
    """Which voxels (batch, x, y, z) [N, 4] lie in a volume [X, Y, Z]: bool [N]. A band may reach beyond the crop."""
    size = torch.tensor(volume.shape, device=volume.device)
    return ((voxels[:, 1:] >= 0) & (voxels[:, 1:] < size)).all(dim=1)


def novelty(target: Tensor, known: Tensor, least: float) -> Tensor:
    """What a voxel counts in a cross entropy, from its share of bone ``target`` and of bone there already, both alike.

    Air and missing bone count 1, and bone that is there ``least``: also at its intact surface, where ``target`` is
    ``known`` and less than one, and there is nothing to learn but the share itself.
    """
    intact = (known > 0) & (target <= known)
    return torch.where(intact, least, 1 - (1 - least) * known)


def weighted_bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of the binary cross entropy with soft targets, all of one shape; 0 where there is no voxel."""
    losses = F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    return losses / weight.sum().clamp(min=1e-6)


def missing_dice_loss(logits: Tensor, target: Tensor, known: Tensor, smooth: float = 1.0) -> Tensor:
    """1 − soft Dice of the missing bone, all of one shape: the share of each voxel beyond what is ``known`` bone.

    With squares in the denominator (Milletari et al., V-Net, 2016), so that a soft target is best met by itself.
    """
    p, t = ((v - known).clamp(min=0) for v in (torch.sigmoid(logits), target))
    return 1 - (2 * (p * t).sum() + smooth) / (p.square().sum() + t.square().sum() + smooth)

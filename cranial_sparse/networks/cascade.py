"""Our network: a proposal's field refined from 1.8 mm to 0.45 mm, growing bone by learned occupancy.

At every level each voxel's logit is the proposal's (or that of the bone already there), plus a residual; eight child
logits decide which voxels exist on the next level, where the parent's features continue, and its residual, interpolated:
steps of 1.8 mm on a smooth surface would be all that finer levels learn to undo. An untrained cascade therefore returns
the proposal, and training can only be asked to improve on it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, grid_sample, pad

from cranial_sparse.bricks import (
    BrickGrid,
    coarsen,
    coordinates,
    crop,
    dilate,
    from_dense,
    intersection,
    lookup,
    parents,
    union,
    upsample,
)
from cranial_sparse.networks.blocks import SparseUNet
from cranial_sparse.networks.interpolation import to_children
from cranial_sparse.sparse_conv.layers import UpConv3d

SPACINGS = (1.8, 0.9, 0.45)  # mm
FIELD_LIMIT = 8.0  # logits beyond this carry no more information
DOUBT = 2.5  # voxels of 1.8 mm: how far the proposal may be wrong
RIM = 6.0  # voxels of 1.8 mm: how far around the proposal bone is looked at


@dataclass(frozen=True)
class CascadeConfig:
    """``widths`` of the U-Net of each level, coarse to fine; children with a logit over ``keep`` are grown."""

    widths: tuple[tuple[int, ...], ...] = ((16, 32), (16, 32), (8, 16))
    keep: float = -3.0
    seed_logit: float = -6.0  # the coarsest voxels are those where the proposal's logit is over this, and the rim


@dataclass(frozen=True, eq=False)
class CascadeInputs:
    """One case on a box of the canonical lattice; X, Y, Z multiples of 16.

    ``skull`` and ``mirrored`` (reflected in the mid-sagittal plane) are uint8 [X, Y, Z] at 0.45 mm, ``field`` is the
    proposal's logits float32 [X/2, Y/2, Z/2] at 0.9 mm, ``complete`` the truth, uint8 [X, Y, Z], where known.
    """

    skull: Tensor
    mirrored: Tensor
    field: Tensor
    complete: Tensor | None = None

    def to(self, device: torch.device | str) -> "CascadeInputs":
        volumes = self.skull, self.mirrored, self.field, self.complete
        return CascadeInputs(*(None if volume is None else volume.to(device) for volume in volumes))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class LevelOutput:
    """Logits [N] of the complete skull's occupancy on ``grid``, and those [N, 8] of its children (None at the finest)."""

    grid: BrickGrid
    logits: Tensor
    children: Tensor | None
    spacing: float


class Level(nn.Module):
    """One level: features in, features, residual [N] and child residuals [N, 8] out."""

    def __init__(self, inputs: int, parent: int | None, widths: tuple[int, ...], finest: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, widths[0])
        self.inherit = UpConv3d(parent, widths[0], bias=False) if parent else None
        self.unet = SparseUNet(widths)
        self.norm = nn.LayerNorm(widths[0])
        self.head = nn.Linear(widths[0], 1 if finest else 9)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, inputs: Tensor, grid: BrickGrid, above: tuple[Tensor, BrickGrid] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.embed(inputs)
        if self.inherit is not None and above is not None:
            hidden = self.inherit(above[0], above[1], grid).add_(hidden)
        hidden = self.unet(hidden, grid)
        out = self.head(torch.relu_(self.norm(hidden)))  # [N, 1 or 9]
        return hidden, out[:, 0], out[:, 1:]


class Cascade(nn.Module):
    """Three levels, 1.8, 0.9 and 0.45 mm. Forward takes CascadeInputs, returns one LevelOutput per level."""

    def __init__(self, config: CascadeConfig | None = None) -> None:
        super().__init__()
        self.config = config or CascadeConfig()
        firsts = [widths[0] for widths in self.config.widths]
        self.levels = nn.ModuleList(
            Level(3 if k == 0 else 4, firsts[k - 1] if k else None, widths, k == len(firsts) - 1)
            for k, widths in enumerate(self.config.widths)
        )

    def forward(
        self, inputs: CascadeInputs, finest_box: tuple[Tensor, Tensor] | None = None, levels: int | None = None
    ) -> tuple[LevelOutput, ...]:
        """The first ``levels`` levels, or all.

        ``finest_box`` (low, high; voxels of 0.9 mm) restricts the last level while training, which is most of the cost.
        """
        field = inputs.field.clamp(-FIELD_LIMIT, FIELD_LIMIT)
        bone = torch.stack([inputs.skull, inputs.mirrored])  # uint8 [2, X, Y, Z]: never pooled as a whole
        grid = seed_grid(field, inputs.skull, self.config.seed_logit)
        outputs: list[LevelOutput] = []
        above: tuple[Tensor, BrickGrid] | None = None
        inherited: Tensor | None = None
        wanted = len(self.levels) if levels is None else levels
        for k, level in enumerate(self.levels[:wanted]):  # type: ignore[arg-type]
            voxels = coordinates(grid)
            shares = share_at(bone, voxels, SPACINGS[k])
            base = with_bone(field_at(field, voxels, SPACINGS[k]), shares[:, 0])
            columns = [base[:, None] / 4, shares]
            residual = torch.zeros_like(base)
            if above is not None and inherited is not None:
                rows, slots = parents(grid, above[1])
                residual = inherited[rows, slots.long()]
                columns.append(residual[:, None] / 4)
            hidden, own, child = level(torch.cat(columns, 1), grid, above)
            residual = residual + own
            logits = base + residual
            if k + 1 == len(self.levels):
                outputs.append(LevelOutput(grid, logits, None, SPACINGS[k]))
                break
            inherited = to_children(residual, grid) + child  # [N, 8] residuals the children start from
            finer = children_of(voxels)
            known = share_at(bone[:1], finer, SPACINGS[k + 1])[:, 0]
            children = with_bone(field_at(field, finer, SPACINGS[k + 1]), known).reshape(-1, 8) + inherited
            outputs.append(LevelOutput(grid, logits, children, SPACINGS[k]))
            if k + 1 == wanted:
                break
            source = grid
            if finest_box is not None and k + 2 == len(self.levels):
                source, hidden, inherited, kept = _restrict(grid, hidden, inherited, finest_box)
                children = children[kept]
            grown = upsample(source, children.detach(), self.config.keep)
            above, grid = (hidden, source), grown
        return tuple(outputs)


def seed_grid(field: Tensor, skull: Tensor, seed_logit: float) -> BrickGrid:
    """The coarsest grid: voxels that the proposal [X/2, Y/2, Z/2] does not rule out, and the ``skull``'s bone around them."""
    coarse = avg_pool3d(field[None], 2)[0]
    proposed = from_dense(coarse > 0)
    possible = union(from_dense(coarse > seed_logit), dilate(proposed, DOUBT))
    bone = intersection(dilate(proposed, RIM), coarsen(coarsen(from_dense(skull > 0))))
    return crop(union(possible, bone), (0, 0, 0), coarse.shape)


def with_bone(logits: Tensor, share: Tensor) -> Tensor:
    """The complete skull's logits [N] from the proposal's and the ``share`` [N] that is bone already, which stays bone."""
    return torch.maximum(logits, (2 * share - 1) * FIELD_LIMIT)


def share_at(volumes: Tensor, voxels: Tensor, spacing: float) -> Tensor:
    """The share [N, C] of ``volumes`` (uint8 [C, X, Y, Z] at 0.45 mm) that is set in each voxel [N, 4] of ``spacing`` mm.

    Zero outside. Only the voxels asked for are read: a box holds a hundred times as many.
    """
    factor = round(spacing / SPACINGS[-1])
    _, ny, nz = volumes.shape[1:]
    x, y, z = torch.cartesian_prod(*[torch.arange(factor, device=voxels.device)] * 3).reshape(-1, 3).unbind(1)
    within = (x * ny + y) * nz + z  # [factor³]
    corner = voxels[:, 1:].long() * factor
    # a voxel lies in the box as a whole or not at all
    inside = ((corner >= 0) & (corner < torch.tensor(volumes.shape[1:], device=voxels.device))).all(1)
    start = ((corner[:, 0] * ny + corner[:, 1]) * nz + corner[:, 2]).where(inside, 0)
    places = (start[:, None] + within).flatten()
    found = [
        volume.flatten().index_select(0, places).view(len(voxels), factor**3).sum(1, dtype=torch.float32)
        for volume in volumes
    ]
    return torch.stack(found, 1) * (inside / factor**3)[:, None]


def field_at(field: Tensor, voxels: Tensor, spacing: float) -> Tensor:
    """The proposal's logits [N] (``field`` is [X/2, Y/2, Z/2] at 0.9 mm) at the centres of voxels [N, 4] of ``spacing`` mm.

    Trilinear; beyond the box the nearest value.
    """
    place = (voxels[:, 1:].to(field.dtype) + 0.5) * (spacing / 0.9)  # in voxels of the field, from its corner
    size = torch.tensor(field.shape, dtype=field.dtype, device=field.device)
    points = (2 * place / size - 1).flip(1)  # grid_sample wants the last axis first
    sampled = grid_sample(field[None, None], points[None, None, None], padding_mode="border", align_corners=False)
    return sampled.reshape(-1)


def children_of(voxels: Tensor) -> Tensor:
    """Voxels [8·N, 4] of the next finer level, child 4·dx + 2·dy + dz of each of ``voxels`` [N, 4] in order."""
    step = torch.cartesian_prod(*[torch.arange(2, device=voxels.device)] * 3)  # [8, 3]
    finer = voxels[:, None, 1:] * 2 + step.to(voxels.dtype)
    return pad(finer.reshape(-1, 3), (1, 0))


def _restrict(
    grid: BrickGrid, hidden: Tensor, inherited: Tensor, box: tuple[Tensor, Tensor]
) -> tuple[BrickGrid, Tensor, Tensor, Tensor]:
    part = crop(grid, box[0].tolist(), box[1].tolist())
    kept = lookup(grid, coordinates(part))
    return part, hidden[kept], inherited[kept], kept

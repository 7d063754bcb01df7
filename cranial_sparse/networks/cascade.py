"""Our network: a proposal's field refined from 1.8 mm to 0.45 mm, growing bone by learned occupancy.

At every level each voxel's logit is the proposal's, plus a residual; eight child logits decide which voxels exist on
the next level, where the parent's features and residual continue. An untrained cascade therefore returns the
proposal, and training can only be asked to improve on it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, interpolate

from cranial_sparse.bricks import BrickGrid, coordinates, crop, dilate, from_dense, intersection, lookup, parents, union, upsample
from cranial_sparse.networks.blocks import SparseUNet
from cranial_sparse.sparse_conv.layers import UpConv3d

SPACINGS = (1.8, 0.9, 0.45)  # mm
FIELD_LIMIT = 8.0  # logits beyond this carry no more information
RIM = 6.0  # voxels of 1.8 mm: how far around the proposal bone is looked at


@dataclass(frozen=True)
class CascadeConfig:
    """``widths`` of the U-Net of each level, coarse to fine; children with a logit over ``keep`` are grown."""

    widths: tuple[tuple[int, ...], ...] = ((32, 64, 96), (16, 32, 64), (8, 16))
    keep: float = -3.0
    seed_logit: float = -6.0  # the coarsest voxels are those where the proposal's logit is over this, and the rim


@dataclass(frozen=True, eq=False)
class CascadeInputs:
    """One case on a box of the canonical lattice; X, Y, Z multiples of 32.

    ``skull`` and ``mirrored`` (reflected in the mid-sagittal plane) are uint8 [X, Y, Z] at 0.45 mm, ``field`` is the
    proposal's logits float32 [X/2, Y/2, Z/2] at 0.9 mm, ``complete`` the truth, uint8 [X, Y, Z], where known.
    """

    skull: Tensor
    mirrored: Tensor
    field: Tensor
    complete: Tensor | None = None


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
            hidden = hidden + self.inherit(above[0], above[1], grid)
        hidden = self.unet(hidden, grid)
        out = self.head(torch.relu(self.norm(hidden)))  # [N, 1 or 9]
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

    def forward(self, inputs: CascadeInputs, finest_box: tuple[Tensor, Tensor] | None = None) -> tuple[LevelOutput, ...]:
        """``finest_box`` (low, high; voxels of 0.9 mm) restricts the last level while training, which is most of the cost."""
        pyramid = input_pyramid(inputs)
        field, bone = pyramid[0]
        grid = seed_grid(field, bone[0], self.config.seed_logit)
        outputs: list[LevelOutput] = []
        above: tuple[Tensor, BrickGrid] | None = None
        inherited: Tensor | None = None
        for k, level in enumerate(self.levels):
            field, bone = pyramid[k]
            voxels = coordinates(grid)
            base = gather(field[None], voxels)[:, 0]
            columns = [base[:, None] / 4, gather(bone, voxels)]
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
            inherited = residual[:, None] + child  # [N, 8] residuals the children start from
            children = child_field(pyramid[k + 1][0], voxels) + inherited
            outputs.append(LevelOutput(grid, logits, children, SPACINGS[k]))
            source = grid
            if finest_box is not None and k + 2 == len(self.levels):
                source, hidden, inherited, kept = _restrict(grid, hidden, inherited, finest_box)
                children = children[kept]
            grown = upsample(source, children.detach(), self.config.keep)
            above, grid = (hidden, source), grown
        return tuple(outputs)


def input_pyramid(inputs: CascadeInputs) -> list[tuple[Tensor, Tensor]]:
    """Clipped field logits [x, y, z] and skull and mirrored occupancy [2, x, y, z] per level, coarse to fine."""
    field = inputs.field[None, None].clamp(-FIELD_LIMIT, FIELD_LIMIT)
    fields = [avg_pool3d(field, 2), field, interpolate(field, scale_factor=2, mode="trilinear", align_corners=False)]
    finest = torch.stack([inputs.skull, inputs.mirrored])  # uint8: the only full-resolution copy
    middle = torch.stack([avg_pool3d(one[None].float(), 2)[0] for one in finest])
    bones = [avg_pool3d(middle, 2), middle, finest]
    return [(field[0, 0], bone) for field, bone in zip(fields, bones, strict=True)]


def seed_grid(field: Tensor, skull: Tensor, seed_logit: float) -> BrickGrid:
    """The coarsest grid: voxels the proposal [x, y, z] does not rule out, and the ``skull``'s bone around them."""
    near = dilate(from_dense(field > 0), RIM)
    return union(from_dense(field > seed_logit), intersection(near, from_dense(skull > 0)))


def gather(volume: Tensor, voxels: Tensor) -> Tensor:
    """Rows [N, C] of ``volume`` [C, X, Y, Z] at ``voxels`` [N, 4] (batch ignored); zeros outside."""
    x, y, z = voxels[:, 1:].long().unbind(1)
    shape = volume.shape[1:]
    inside = (x >= 0) & (y >= 0) & (z >= 0) & (x < shape[0]) & (y < shape[1]) & (z < shape[2])
    flat = ((x * shape[1] + y) * shape[2] + z).where(inside, 0)
    return (volume.flatten(1)[:, flat] * inside).T.to(torch.float32).contiguous()


def child_field(finer: Tensor, voxels: Tensor) -> Tensor:
    """The proposal's logits [N, 8], from the next level's ``finer`` [x, y, z], at the children of ``voxels`` [N, 4], child 4·dx + 2·dy + dz."""
    columns = []
    for child in range(8):
        step = torch.tensor([0, child >> 2, child >> 1 & 1, child & 1], dtype=voxels.dtype, device=voxels.device)
        columns.append(gather(finer[None], voxels * 2 + step)[:, 0])
    return torch.stack(columns, 1)


def _restrict(
    grid: BrickGrid, hidden: Tensor, inherited: Tensor, box: tuple[Tensor, Tensor]
) -> tuple[BrickGrid, Tensor, Tensor, Tensor]:
    part = crop(grid, box[0].tolist(), box[1].tolist())
    kept = lookup(grid, coordinates(part))
    return part, hidden[kept], inherited[kept], kept

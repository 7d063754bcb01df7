"""Convolutions by spconv or a library with its interface, from weights of ours: what spconv.py and spconv_triton.py share.

``library`` is ``spconv.pytorch`` or its like. Submanifold indices are the library's own; those of strided convolutions are
made from the grids, since the library would choose the coarse voxels itself.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid, coordinates, parents
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.indexing import no_sums, once_per_grid, once_per_pair
from cranial_sparse.sparse_conv.operands import check_channels, check_children, kernel_size, output_channels

MOST_CELLS = 2**31 - 1  # of a bounding box on the CPU: beyond, spconv takes voxels whose int32 places collide for one
MASK_BITS = 32  # kernel offsets that implicit GEMM can tell apart


def submanifold_conv(library: ModuleType, features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    output_channels(features, weight)
    side = kernel_size(len(weight))
    if not len(grid):
        return no_sums(features, weight, 0)
    if side == 1:
        return features @ weight[0]  # as the library's own modules do
    filters = _filters(weight, side)
    if features.is_cuda and len(weight) <= MASK_BITS:
        _, _, *tables, masks = _indices(grid, library, side, True)
        return library.functional.implicit_gemm(features, filters, *tables, len(grid), masks, True, True)
    _, pairs, counts = _indices(grid, library, side, False)
    return library.functional.indice_subm_conv(features, filters, pairs, counts, len(grid), library.ConvAlgo.Native)


def depthwise_conv(library: ModuleType, features: Tensor, weight: Tensor, grid: BrickGrid) -> Tensor:
    """There is none in the library: a full convolution with diagonal matrices, C times the work."""
    check_channels(features, weight)
    return submanifold_conv(library, features, torch.diag_embed(weight), grid)


def down_conv(library: ModuleType, features: Tensor, weight: Tensor, fine: BrickGrid, coarse: BrickGrid) -> Tensor:
    return _strided(library.functional.indice_conv, library, features, weight, fine, coarse, len(coarse))


def up_conv(library: ModuleType, features: Tensor, weight: Tensor, coarse: BrickGrid, fine: BrickGrid) -> Tensor:
    return _strided(library.functional.indice_inverse_conv, library, features, weight, fine, coarse, len(fine))


def _strided(convolve: Any, library: ModuleType, features: Tensor, weight: Tensor, fine, coarse, rows: int) -> Tensor:
    output_channels(features, weight)
    check_children(weight)
    pairs, counts = _children(fine, coarse)
    if not pairs.numel():
        return no_sums(features, weight, rows)
    return convolve(features, _filters(weight, 2), pairs, counts, rows, library.ConvAlgo.Native)


def _filters(weight: Tensor, side: int) -> Tensor:
    """[k³, Cin, Cout] as the library's [Cout, k, k, k, Cin]."""
    return weight.permute(2, 0, 1).unflatten(1, (side,) * 3).contiguous()


@once_per_grid
def _indices(grid: BrickGrid, library: ModuleType, side: int, implicit: bool) -> tuple[Any, ...]:
    """What the library makes of the grid's voxels, moved into the corner of their box: it knows no negative ones."""
    voxels = coordinates(grid)
    items, item = voxels[:, 0].unique(return_inverse=True)
    low = voxels[:, 1:].amin(0)
    shape = (voxels[:, 1:].amax(0) - low + 1).tolist()
    cells = len(items) * shape[0] * shape[1] * shape[2]
    if cells > MOST_CELLS and grid.device.type == "cpu":
        raise InputError(
            f"backend {library.__name__.split('.')[0]}: expected voxels in a box of at most {MOST_CELLS:,} cells, got "
            f"{cells:,} in {len(items)} × {' × '.join(map(str, shape))} (items, x, y, z); choose another backend"
        )
    voxels = torch.cat([item.int()[:, None], voxels[:, 1:] - low], 1)
    make = library.ops.get_indice_pairs_implicit_gemm if implicit else library.ops.get_indice_pairs
    algorithm = library.ConvAlgo.MaskImplicitGemm if implicit else library.ConvAlgo.Native
    return make(voxels, len(items), shape, algorithm, [side] * 3, [1] * 3, [0] * 3, [1] * 3, [0] * 3, subm=True)


@once_per_pair
def _children(fine: BrickGrid, coarse: BrickGrid) -> tuple[Tensor, Tensor]:
    """Rows int32 [2, 8, most] of fine voxels and their parents for each child, -1 where there are fewer; counts [8]."""
    parent, slot = parents(fine, coarse)
    rows = [((slot == child) & (parent >= 0)).nonzero().squeeze(1) for child in range(8)]
    counts = torch.tensor([len(some) for some in rows], dtype=torch.int32, device=fine.device)
    pairs = torch.full((2, 8, int(counts.max())), -1, dtype=torch.int32, device=fine.device)
    for child, some in enumerate(rows):
        pairs[0, child, : len(some)] = some.int()
        pairs[1, child, : len(some)] = parent[some].int()
    return pairs, counts

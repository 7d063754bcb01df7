"""Grid operations as custom ops on arrays: schema, CPU kernel, reference elsewhere, and fake kernel of each.

Everything here takes and returns the arrays (coords, masks, offsets) of grids; the functions that users call are in
the other files of this package. See kernels/README.md for the table of ops. Types, shapes and numbers of rows are
checked here, what the arrays of a grid hold is trusted (see BrickGrid).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cranial_sparse.bricks import cuda, reference
from cranial_sparse.bricks.checks import check_box, check_rows, check_voxels
from cranial_sparse.bricks.cuda.launch import usable
from cranial_sparse.bricks.grid import BrickGrid
from cranial_sparse.bricks.kernels import address, in_huge_pages, native, view
from cranial_sparse.bricks.library import register_autograd, register_op

Arrays = tuple[Tensor, Tensor, Tensor]


def _op(fake: Callable, plain: Callable) -> Callable[[Callable], Callable]:
    """Makes a function the CPU kernel of cranial_sparse::<its name>; on a GPU runs that of the same name in bricks.cuda
    where the card can be compiled for, else ``plain``."""

    def register(function: Callable) -> Callable:
        compiled = getattr(cuda, function.__name__, None)

        def on_gpu(first, *rest):
            return (compiled if compiled and usable(first.device.index) else plain)(first, *rest)

        return register_op(function, fake, on_gpu)

    return register


def _tensors(arrays: Sequence) -> Arrays:
    coords, masks, offsets = (torch.from_numpy(array) for array in arrays)
    return coords, masks, offsets


def _threads() -> int:
    return torch.get_num_threads()


def _fake_grid(like: Tensor, *_: object) -> Arrays:
    bricks = torch.library.get_ctx().new_dynamic_size()
    return (
        like.new_empty((bricks, 4), dtype=torch.int32),
        like.new_empty((bricks, 8), dtype=torch.int64),
        like.new_empty((bricks + 1,), dtype=torch.int64),
    )


@_op(_fake_grid, lambda volume, origin: reference.from_dense(volume, tuple(origin)).arrays)
def from_dense(volume: Tensor, origin: Sequence[int]) -> Arrays:
    volume = volume.contiguous()
    dense = address("volume", volume, torch.bool, "batch", "X", "Y", "Z")
    check_box("volume", volume.shape, origin)
    return _tensors(native.from_dense(dense, volume.shape, tuple(origin), _threads()))


@_op(
    lambda coords, masks, offsets, shape, origin: coords.new_empty(tuple(shape), dtype=torch.bool),
    lambda coords, masks, offsets, shape, origin: reference.to_dense(
        BrickGrid(coords, masks, offsets), tuple(shape), tuple(origin)
    ),
)
def to_dense(coords: Tensor, masks: Tensor, offsets: Tensor, shape: Sequence[int], origin: Sequence[int]) -> Tensor:
    volume = in_huge_pages(torch.empty(tuple(shape), dtype=torch.bool)).zero_()
    native.to_dense(view(coords, masks, offsets), volume.data_ptr(), tuple(shape), tuple(origin), _threads())
    return volume


@_op(_fake_grid, lambda voxels: reference.from_coordinates(voxels).arrays)
def from_coordinates(voxels: Tensor) -> Arrays:
    voxels = voxels.contiguous()
    listed = address("voxels", voxels, torch.int32, "N", 4)
    check_voxels("voxels", voxels)
    return _tensors(native.from_coordinates(listed, voxels.shape[0], _threads()))


@_op(
    lambda coords, masks, offsets, rows: coords.new_empty((rows, 4)),
    lambda coords, masks, offsets, rows: reference.coordinates(BrickGrid(coords, masks, offsets)),
)
def coordinates(coords: Tensor, masks: Tensor, offsets: Tensor, rows: int) -> Tensor:
    grid = view(coords, masks, offsets)
    check_rows("rows", rows, int(offsets[-1]))
    voxels = in_huge_pages(torch.empty((rows, 4), dtype=torch.int32))
    native.coordinates(grid, voxels.data_ptr(), _threads())
    return voxels


@_op(
    lambda coords, masks, offsets, voxels: offsets.new_empty((voxels.shape[0],)),
    lambda coords, masks, offsets, voxels: reference.lookup(BrickGrid(coords, masks, offsets), voxels),
)
def lookup(coords: Tensor, masks: Tensor, offsets: Tensor, voxels: Tensor) -> Tensor:
    voxels = voxels.contiguous()
    grid, wanted = view(coords, masks, offsets), address("voxels", voxels, torch.int32, "M", 4)
    rows = in_huge_pages(torch.empty(voxels.shape[0], dtype=torch.int64))
    native.lookup(grid, wanted, voxels.shape[0], rows.data_ptr(), _threads())
    return rows


@_op(lambda coords: coords.new_empty((coords.shape[0], 27)), lambda coords: reference.neighbour_bricks(coords))
def neighbour_bricks(coords: Tensor) -> Tensor:
    coords = coords.contiguous()
    bricks = address("coords", coords, torch.int32, "B", 4)
    neighbours = torch.empty((coords.shape[0], 27), dtype=torch.int32)
    native.neighbour_bricks((bricks, 0, 0, coords.shape[0]), neighbours.data_ptr())
    return neighbours


@_op(
    lambda coarse, fine: coarse.new_empty((coarse.shape[0], 8)),
    lambda coarse, fine: reference.child_bricks(coarse, fine),
)
def child_bricks(coarse: Tensor, fine: Tensor) -> Tensor:
    coarse, fine = coarse.contiguous(), fine.contiguous()
    above, below = address("coarse", coarse, torch.int32, "B", 4), address("fine", fine, torch.int32, "B", 4)
    children = torch.empty((coarse.shape[0], 8), dtype=torch.int32)
    native.child_bricks((above, 0, 0, coarse.shape[0]), (below, 0, 0, fine.shape[0]), children.data_ptr())
    return children


@_op(_fake_grid, lambda *grid: reference.coarsen(BrickGrid(*grid)).arrays)
def coarsen(coords: Tensor, masks: Tensor, offsets: Tensor) -> Arrays:
    return _tensors(native.coarsen(view(coords, masks, offsets)))


@_op(_fake_grid, lambda *grid: reference.refine(BrickGrid(*grid[:3]), grid[3]).arrays)
def refine(coords: Tensor, masks: Tensor, offsets: Tensor, children: Tensor) -> Arrays:
    grid, children = view(coords, masks, offsets), children.contiguous()
    kept = address("children", children, torch.uint8, int(offsets[-1]))
    return _tensors(native.refine(grid, kept, _threads()))


@_op(_fake_grid, lambda *grid: reference.upsample(BrickGrid(*grid[:3]), *grid[3:]).arrays)
def upsample(coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float) -> Arrays:
    runs = {torch.float32: native.upsample_f32, torch.float64: native.upsample_f64}
    if (run := runs.get(logits.dtype)) is None:
        raise ValueError(f"logits: expected float32 or float64 [N, 8], got {logits.dtype} {list(logits.shape)}")
    grid, logits = view(coords, masks, offsets), logits.contiguous()
    values = address("logits", logits, logits.dtype, int(offsets[-1]), 8)
    return _tensors(run(grid, values, threshold, _threads()))


def _fake_listed(coords, masks, offsets, logits, threshold) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays = _fake_grid(coords)
    return *arrays, coords.new_empty((torch.library.get_ctx().new_dynamic_size(), 4))


def _listed(grid: BrickGrid) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return *grid.arrays, reference.coordinates(grid)


@_op(_fake_listed, lambda *grid: _listed(reference.upsample(BrickGrid(*grid[:3]), *grid[3:])))
def upsample_listed(
    coords: Tensor, masks: Tensor, offsets: Tensor, logits: Tensor, threshold: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays = upsample(coords, masks, offsets, logits, threshold)
    return *arrays, coordinates(*arrays, int(arrays[2][-1]))


def _fake_parents(fc, fm, fo, cc, cm, co, rows) -> tuple[Tensor, Tensor]:
    return fo.new_empty((rows,)), fo.new_empty((rows,), dtype=torch.uint8)


@_op(_fake_parents, lambda *grids: reference.parents(BrickGrid(*grids[:3]), BrickGrid(*grids[3:6])))
def parents(
    fine_coords: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_coords: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
) -> tuple[Tensor, Tensor]:
    fine = view(fine_coords, fine_masks, fine_offsets, "fine_")
    coarse = view(coarse_coords, coarse_masks, coarse_offsets, "coarse_")
    check_rows("rows", rows, int(fine_offsets[-1]))
    parent = in_huge_pages(torch.empty(rows, dtype=torch.int64))
    slot = torch.empty(rows, dtype=torch.uint8)
    native.parents(fine, coarse, parent.data_ptr(), slot.data_ptr(), _threads())
    return parent, slot


@_op(
    lambda features, fc, fm, fo, cc, cm, co, rows: features.new_empty((rows, features.shape[1])),
    lambda features, *grids: reference.inherit(features, BrickGrid(*grids[:3]), BrickGrid(*grids[3:6])),
)
def inherit(
    features: Tensor,
    fine_coords: Tensor,
    fine_masks: Tensor,
    fine_offsets: Tensor,
    coarse_coords: Tensor,
    coarse_masks: Tensor,
    coarse_offsets: Tensor,
    rows: int,
) -> Tensor:
    fine = view(fine_coords, fine_masks, fine_offsets, "fine_")
    coarse = view(coarse_coords, coarse_masks, coarse_offsets, "coarse_")
    check_rows("rows", rows, int(fine_offsets[-1]))
    features = features.contiguous()
    values = address("features", features, features.dtype, int(coarse_offsets[-1]), "C")
    out = in_huge_pages(features.new_empty((rows, features.shape[1])))
    native.inherit(fine, coarse, values, features.shape[1] * features.element_size(), out.data_ptr(), _threads())
    return out


def _save_inherit(ctx, inputs, output):
    features, *grids, rows = inputs
    ctx.save_for_backward(*grids)
    ctx.rows, ctx.shape = rows, features.shape


def _inherit_backward(ctx, gradient):
    """The sum over each voxel's children, child by child: a voxel has one of each, so the order is fixed."""
    rows, slots = parents(*ctx.saved_tensors, ctx.rows)
    out = gradient.new_zeros(ctx.shape)
    for slot in range(8):
        met = ((slots == slot) & (rows >= 0)).nonzero().squeeze(1)
        out[rows[met]] += gradient[met]
    return out, *([None] * 7)


register_autograd(inherit, _inherit_backward, _save_inherit)


_COMBINE = {"union": reference.union, "intersection": reference.intersection, "difference": reference.difference}


@_op(_fake_grid, lambda *grids: _COMBINE[grids[6]](BrickGrid(*grids[:3]), BrickGrid(*grids[3:6])).arrays)
def combine(
    a_coords: Tensor,
    a_masks: Tensor,
    a_offsets: Tensor,
    b_coords: Tensor,
    b_masks: Tensor,
    b_offsets: Tensor,
    operation: str,
) -> Arrays:
    run = {"union": native.union, "intersection": native.intersection, "difference": native.difference}[operation]
    return _tensors(run(view(a_coords, a_masks, a_offsets, "a_"), view(b_coords, b_masks, b_offsets, "b_")))


@_op(_fake_grid, lambda *grid: reference.prune(BrickGrid(*grid[:3]), grid[3]).arrays)
def prune(coords: Tensor, masks: Tensor, offsets: Tensor, keep: Tensor) -> Arrays:
    grid, keep = view(coords, masks, offsets), keep.contiguous()
    return _tensors(native.prune(grid, address("keep", keep, torch.bool, int(offsets[-1]))))


@_op(_fake_grid, lambda *grid: reference.crop(BrickGrid(*grid[:3]), tuple(grid[3]), tuple(grid[4])).arrays)
def crop(coords: Tensor, masks: Tensor, offsets: Tensor, low: Sequence[int], high: Sequence[int]) -> Arrays:
    return _tensors(native.crop(view(coords, masks, offsets), tuple(low), tuple(high)))


@_op(_fake_grid, lambda *grid: reference.dilate(BrickGrid(*grid[:3]), grid[3]).arrays)
def dilate(coords: Tensor, masks: Tensor, offsets: Tensor, radius: float) -> Arrays:
    return _tensors(native.dilate(view(coords, masks, offsets), radius, _threads()))


@_op(_fake_grid, lambda *grid: reference.erode(BrickGrid(*grid[:3]), grid[3]).arrays)
def erode(coords: Tensor, masks: Tensor, offsets: Tensor, radius: float) -> Arrays:
    return _tensors(native.erode(view(coords, masks, offsets), radius, _threads()))


@_op(
    lambda coords, masks, offsets, neighbours, rows, connectivity: offsets.new_empty((rows,)),
    lambda coords, masks, offsets, neighbours, rows, connectivity: reference.component_roots(
        BrickGrid(coords, masks, offsets), connectivity
    ),
)
def component_roots(
    coords: Tensor, masks: Tensor, offsets: Tensor, neighbours: Tensor, rows: int, connectivity: int
) -> Tensor:
    grid, neighbours = view(coords, masks, offsets), neighbours.contiguous()
    links = address("neighbours", neighbours, torch.int32, len(masks), 27)
    check_rows("rows", rows, int(offsets[-1]))
    roots = in_huge_pages(torch.empty(rows, dtype=torch.int64))
    native.components(grid, links, connectivity, roots.data_ptr())
    return roots

"""Checks that a backend computes what ours does: convolutions against the reference, the shipped cascade against native.

An error is the largest of a tensor over its largest value. ``python -m benchmarks.backends`` prints them, and
tests/sparse_conv/test_backends.py holds them below LIMIT.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from cranial_sparse.bricks import BrickGrid, coarsen, empty, from_coordinates, from_dense
from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.completion.inputs import cascade_inputs
from cranial_sparse.completion.refine import shipped_network
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.networks import cascade
from cranial_sparse.networks.cascade import Cascade, CascadeInputs, LevelOutput
from cranial_sparse.sparse_conv import Backend, reference
from cranial_sparse.sparse_conv.backends import load_backend, set_backend

LIMIT = 1e-4
Shape = tuple[int, ...]
Convolve = Callable[[Backend, Tensor, Tensor], Tensor]
Convolution = tuple[Convolve, Shape, Shape]  # and the shapes of features and weight


def grids() -> dict[str, BrickGrid]:
    """Two items below zero and above, a full box, one voxel far away, and none."""
    return {
        "two items": scattered((2, 13, 17, 11), 0.25, (-5, 3, -20)),
        "full box": from_dense(torch.ones(9, 10, 8, dtype=torch.bool), (-1, 0, 3)),
        "one voxel": from_coordinates(torch.tensor([[3, -1, 8, 1000]], dtype=torch.int32)),
        "no voxels": empty(),
    }


def scattered(shape: tuple[int, int, int, int], share: float, low: tuple[int, int, int]) -> BrickGrid:
    return from_dense(torch.rand(shape, generator=torch.Generator().manual_seed(0)) < share, low)


def convolutions(grid: BrickGrid, cin: int = 5, cout: int = 7) -> dict[str, Convolution]:
    """Every convolution on ``grid``, the strided ones to and from its own coarser grid, another one and an empty one."""
    n = len(grid)
    cases: dict[str, Convolution] = {
        f"submanifold {side}³": (lambda b, x, w: b.submanifold_conv(x, w, grid), (n, cin), (side**3, cin, cout))
        for side in (1, 3, 5)
    }
    cases["depthwise 3³"] = (lambda b, x, w: b.depthwise_conv(x, w, grid), (n, cin), (27, cin))
    others = {"": coarsen(grid), ", another grid": scattered((2, 9, 9, 9), 0.3, (-4, 0, -11)), ", empty grid": empty()}
    for name, elsewhere in others.items():
        other = elsewhere.to(grid.device)
        cases[f"down{name}"] = (down(grid, other), (n, cin), (8, cin, cout))
        cases[f"up{name}"] = (up(other, grid), (len(other), cin), (8, cin, cout))
    return cases


def down(fine: BrickGrid, coarse: BrickGrid) -> Convolve:
    return lambda backend, features, weight: backend.down_conv(features, weight, fine, coarse)


def up(coarse: BrickGrid, fine: BrickGrid) -> Convolve:
    return lambda backend, features, weight: backend.up_conv(features, weight, coarse, fine)


def convolution_errors(backend: Backend, convolution: Convolution, device: str = "cpu") -> tuple[float, ...]:
    """Of the output and the gradients of features and weight, against the reference's; float32."""
    convolve, *shapes = convolution
    generator = torch.Generator().manual_seed(1)
    operands = [torch.randn(shape, generator=generator).to(device).requires_grad_() for shape in shapes]
    results = []
    for each in (backend, reference):
        out = convolve(each, *operands)
        gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(device)
        results.append((out, *torch.autograd.grad(out, operands, gradient)))
    return tuple(relative_error(got, expected) for got, expected in zip(*results, strict=True))


def relative_error(got: Tensor, expected: Tensor) -> float:
    """The largest error over the largest value; infinite where shapes differ."""
    if got.shape != expected.shape:
        return float("inf")
    if not expected.numel():
        return 0.0
    error, scale = (got - expected).detach().abs().max().item(), expected.detach().abs().max().item()
    return error / scale if scale else error


def cascade_errors(name: str, inputs: CascadeInputs, dtype: torch.dtype, backward: bool = True) -> tuple[float, ...]:
    """Of all logits and, where asked, of all parameters' gradients of the shipped cascade, against native's.

    The grids are native's: a child whose logit is as close to the threshold as the logits agree may fall on either side.
    So may an activation near zero, whose ReLU passes all of a gradient or none: what single precision then adds to the
    gradients of a large case, native's own included, is up to 5e-4, and double precision tells rounding from mistakes.
    """
    expected, gradients = run_cascade("native", inputs, dtype, backward)
    with mock.patch.object(cascade, "upsample", side_effect=[output.grid for output in expected[1:]]):
        outputs, found = run_cascade(name, inputs, dtype, backward)
    pairs = [(all_logits(outputs), all_logits(expected)), (found, gradients)][: 1 + backward]
    return tuple(max(map(relative_error, got, want)) for got, want in pairs)


def run_cascade(
    name: str, inputs: CascadeInputs, dtype: torch.dtype, backward: bool
) -> tuple[tuple[LevelOutput, ...], Sequence[Tensor]]:
    """Outputs, and the gradients of the mean squares of all logits where asked."""
    shipped = shipped_network()
    network = Cascade(shipped.config)
    network.load_state_dict(shipped.state_dict())
    set_backend(network, load_backend(name))
    with torch.set_grad_enabled(backward):
        outputs = network.to(dtype)(replace(inputs, field=inputs.field.to(dtype)))
    if not backward:
        return outputs, ()
    loss = torch.stack([logits.square().mean() for logits in all_logits(outputs)]).sum()
    return outputs, torch.autograd.grad(loss, list(network.parameters()))


def all_logits(outputs: tuple[LevelOutput, ...]) -> list[Tensor]:
    return [logits for output in outputs for logits in (output.logits, output.children) if logits is not None]


def ball_case(size: int = 64) -> CascadeInputs:
    """A hollow ball with a hole, in a box of 0.45 mm voxels; the proposal knows the ball exactly."""

    def shell(side: int, spacing: float) -> tuple[Tensor, Tensor]:
        axis = (torch.arange(side) + 0.5) * spacing - size * 0.225
        x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
        return 2.5 - ((x * x + y * y + z * z).sqrt() - 10).abs(), z  # mm inside the shell

    depth, height = shell(size, 0.45)
    complete = (depth > 0).to(torch.uint8)
    skull = complete * (height < 5)
    return CascadeInputs(skull, skull.flip(0), shell(size // 2, 0.9)[0] * 2, complete)


def skull_case(folder: Path) -> CascadeInputs:
    """The first validation skull with its official defect."""
    complete, implant = read_packed(packed_paths(folder, "val")[0])
    defective = Volume(complete.array & ~implant.array, complete.geometry)
    proposal = radial_completer(defective)
    if proposal is None:
        raise InputError(f"{folder}: no defect found in the first validation skull; check the data")
    return cascade_inputs(defective, proposal)

"""Submanifold 3³ convolution on a shell like a skull's: index, forward, backward, ours against spconv's CPU path.

python -m benchmarks.submanifold --size 512 --channels 16 --out benchmarks/results/submanifold.json
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common import Timing, measure, report
from cranial_sparse.bricks import BrickGrid, coordinates, from_coordinates, lookup
from cranial_sparse.errors import InputError, in_one_line
from cranial_sparse.sparse_conv import Backend, reference, submanifold_conv
from cranial_sparse.sparse_conv.backends import load_backend


def ellipsoid_shell(size: int, thickness: float) -> Tensor:
    """Voxels (0, x, y, z), int32 ``[N, 4]``, between two ellipsoids of a head's proportions."""
    axis = torch.arange(size) - (size - 1) / 2
    half = torch.tensor([0.345, 0.39, 0.365]) * size

    def level(inset: float) -> Tensor:
        x, y, z = ((axis / (h - inset)).square() for h in half)
        return x[:, None, None] + y[None, :, None] + z[None, None, :]

    shell = ((level(0) <= 1) & (level(thickness) > 1)).nonzero().int()
    return torch.cat([shell.new_zeros(len(shell), 1), shell], dim=1)


def check(features: Tensor, weight: Tensor, grid: BrickGrid) -> None:
    """Forward at a sample of voxels in float64 before anything is timed."""
    sample = torch.randint(len(grid), (2000,), generator=torch.manual_seed(1))
    voxels = coordinates(grid)[sample]
    expected = torch.zeros(len(sample), weight.shape[2], dtype=torch.float64)
    for step, matrix in zip(reference.kernel_offsets(3), weight.double(), strict=True):
        rows = lookup(grid, voxels + voxels.new_tensor((0, *step)))
        expected += torch.where(rows[:, None] >= 0, features[rows].double(), 0) @ matrix
    torch.testing.assert_close(
        submanifold_conv(features, weight, grid)[sample].double(), expected, rtol=1e-4, atol=1e-4
    )


def ours(voxels: Tensor, features: Tensor, weight: Tensor, gradient: Tensor, repeats: int) -> list[Timing]:
    grid = from_coordinates(voxels)

    def index() -> BrickGrid:
        fresh = from_coordinates(voxels)
        _ = fresh.neighbours
        return fresh

    def layer(on: BrickGrid) -> None:
        x, w = features.detach().requires_grad_(), weight.detach().requires_grad_()
        submanifold_conv(x, w, on).backward(gradient)

    return [
        measure("ours: index", index, repeats),
        measure("ours: forward", lambda: submanifold_conv(features, weight, grid), repeats),
        measure("ours: forward + backward", lambda: layer(grid), repeats),
        measure("ours: index + forward + backward", lambda: layer(index()), repeats),
    ]


def spconv(grid: BrickGrid, features: Tensor, weight: Tensor, gradient: Tensor, repeats: int) -> list[Timing]:
    """Raises InputError without spconv. Checked against ours, output and both gradients, before it is timed."""
    peer = load_backend("spconv")

    def layer(on: BrickGrid, backend: Backend | None = peer) -> tuple[Tensor, ...]:
        x, w = features.detach().requires_grad_(), weight.detach().requires_grad_()
        out = submanifold_conv(x, w, on, backend=backend)
        return out, *torch.autograd.grad(out, (x, w), gradient)

    for got, expected in zip(layer(grid), layer(grid, None), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    return [
        measure("spconv: forward", lambda: submanifold_conv(features, weight, grid, backend=peer), repeats),
        measure("spconv: forward + backward", lambda: layer(grid), repeats),
        # the same voxels in a grid that it has not seen
        measure("spconv: index + forward + backward", lambda: layer(BrickGrid(*grid.arrays)), repeats),
    ]


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="voxels along each side of the box")
    parser.add_argument("--thickness", type=float, default=9.0, help="of the shell, in voxels at 512")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    voxels = ellipsoid_shell(options.size, options.thickness * options.size / 512)
    grid = from_coordinates(voxels)
    voxels = coordinates(grid)  # the same row order for everyone
    generator = torch.manual_seed(0)
    features, gradient = (torch.randn(len(grid), options.channels, generator=generator) for _ in range(2))
    weight = torch.randn(27, options.channels, options.channels, generator=generator) * 0.05
    check(features, weight, grid)

    timings, notes = ours(voxels, features, weight, gradient, options.repeats), []
    try:
        timings += spconv(grid, features, weight, gradient, options.repeats)
        ratio = timings[-1].median / timings[3].median
        notes.append(f"index + forward + backward: {ratio:.2f} × as fast as spconv")
    except InputError as error:
        notes.append(f"skipped: {error}")
    title = f"submanifold 3³, {options.channels} channels, {len(grid):,} voxels at {options.size}³"
    report(title, timings, notes, options.out, voxels=len(grid))


if __name__ == "__main__":
    sys.exit(main())

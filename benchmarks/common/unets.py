"""One U-Net on one grid, sparse on any library or dense, ready to run forward and to train; and its check."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.common.answers import compare, compare_norms
from benchmarks.common.dense_unet import dense_unet, masks_of, read, spread
from benchmarks.common.scenes import Shape
from cranial_sparse.bricks import BrickGrid, coordinates, crop, lookup
from cranial_sparse.networks.blocks import SparseUNet
from cranial_sparse.sparse_conv.backends import load_backend, set_backend

PLAIN, MASKED = "dense", "dense, masked"
DENSE = (PLAIN, MASKED)
CROP, MARGIN = 64, 24  # voxels: the box that is checked, and how far its border can be felt within
TOLERANCE = {"cpu": 1e-3, "cuda": 5e-3}  # of the largest value; a card adds up in another order
OF_NORM = 1e-2  # of gradients: one ReLU on the other side of zero is 3e-3, an offset of the kernel left out 0.2


@dataclass(frozen=True, eq=False)
class Problem:
    """Features on a grid, what they should become, and the box that a dense network would run on."""

    grid: BrickGrid
    origin: Shape
    shape: Shape
    features: Tensor
    target: Tensor


def problem(grid: BrickGrid, origin: Shape, shape: Shape, channels: int) -> Problem:
    """Random features and targets, the same every time."""
    generator = torch.Generator().manual_seed(0)
    features, target = (torch.randn(len(grid), channels, generator=generator).to(grid.device) for _ in range(2))
    return Problem(grid, origin, shape, features, target)


def unet(widths: tuple[int, ...], device: str) -> SparseUNet:
    """With random weights, the same every time; those that begin as zeros too, which would hide errors."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SparseUNet(widths)
        for name, weight in network.named_parameters():
            if "convolutions.1.weight" in name:
                nn.init.normal_(weight, std=0.05)
    return network.to(device)


def forward(network: SparseUNet, variant: str, given: Problem) -> Callable[[], Tensor]:
    """The network on the problem, ready to be called: sparse, ``variant`` names the backend, or one of DENSE. Returns
    rows [N, C] or the volume [1, C, X, Y, Z]."""
    if variant not in DENSE:
        set_backend(network, load_backend(variant))
        return lambda: network(given.features, BrickGrid(*given.grid.arrays))  # a new grid: nothing is known of it
    volume = spread(given.features, given.grid, given.shape, given.origin)
    masks = masks_of(given.grid, given.shape, given.origin, len(network.down_blocks)) if variant == MASKED else None
    return lambda: dense_unet(network, volume, masks)


def training_step(network: SparseUNet, variant: str, given: Problem) -> Callable[[], None]:
    """Forward, squared error, backward, a step of SGD. The plain dense network learns from its whole volume."""
    run, optimizer = forward(network, variant, given), torch.optim.SGD(network.parameters(), lr=1e-6)
    target = spread(given.target, given.grid, given.shape, given.origin) if variant in DENSE else given.target

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(run(), target).backward()
        optimizer.step()

    return step


def ready(network: SparseUNet, variant: str, given: Problem, training: bool) -> Callable[[], object]:
    """A training step, or a forward pass without gradients."""
    if training:
        return training_step(network, variant, given)
    return torch.no_grad()(forward(network, variant, given))


def check(widths: tuple[int, ...], variant: str, given: Problem, whole: bool = True) -> None:
    """Against the masked dense network on a box of at most CROP³ voxels around one in the middle: features and the
    gradients of all weights; and what the network makes of the ``whole`` grid, away from the border of that box.

    Raises WrongAnswer where they differ.
    """
    device = str(given.grid.device.type)
    part, kept = _middle(given)
    variant = MASKED if variant == PLAIN else variant  # the plain one is the same without masks
    limit = TOLERANCE[device]
    with _exact_products():
        expected, expected_gradients = _answer(unet(widths, device), part, MASKED)
        found, gradients = _answer(unet(widths, device), part, variant)
        compare("features", found, expected, limit)
        for name, gradient in gradients.items():
            compare_norms(f"gradient of {name}", gradient, expected_gradients[name], OF_NORM)
        if whole and variant not in DENSE:
            with torch.no_grad():
                of_all = forward(unet(widths, device), variant, given)()
            inner = _inner(part, given)
            compare("features of the whole grid", of_all[kept][inner], expected[inner], limit)


@contextmanager
def _exact_products() -> Iterator[None]:
    """Factors of all their 24 bits: with ten, gradients of norms, sums in which much cancels, are off by a fiftieth."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _answer(network: SparseUNet, given: Problem, variant: str) -> tuple[Tensor, dict[str, Tensor]]:
    out = forward(network, variant, given)()
    rows = read(out, given.grid, given.origin) if variant in DENSE else out
    (rows * given.target).sum().backward()
    return rows.detach(), {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def _middle(given: Problem) -> tuple[Problem, Tensor]:
    """The problem in a box around its middle voxel, and the rows it has there."""
    voxels = coordinates(given.grid)
    centre = voxels[len(voxels) // 2, 1:].tolist()
    low, high = [], []
    for at, start, size in zip(centre, given.origin, given.shape, strict=True):
        length = min(CROP, size)
        first = min(max(at - length // 2, start), start + size - length) // 4 * 4
        low.append(first)
        high.append(first + length)
    part = crop(given.grid, low, high)
    rows = lookup(given.grid, coordinates(part))
    x, y, z = low
    nx, ny, nz = (b - a for a, b in zip(low, high, strict=True))
    return Problem(part, (x, y, z), (nx, ny, nz), given.features[rows], given.target[rows]), rows


def _inner(part: Problem, given: Problem) -> Tensor:
    """Rows of the part that the cut cannot reach: those MARGIN away from where the box was cut."""
    at = coordinates(part.grid)[:, 1:]
    keep = torch.ones(len(at), dtype=torch.bool, device=at.device)
    for axis in range(3):
        low, high = part.origin[axis], part.origin[axis] + part.shape[axis]
        if low > given.origin[axis]:
            keep &= at[:, axis] >= low + MARGIN
        if high < given.origin[axis] + given.shape[axis]:
            keep &= at[:, axis] < high - MARGIN
    return keep

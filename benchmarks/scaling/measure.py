"""One network at one size: checked, then timed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.common import unets
from benchmarks.common.answers import expect
from benchmarks.common.arithmetic import unet_bytes
from benchmarks.common.memory import Peak, check_fit, peak_of
from benchmarks.common.timing import Timing, measure
from cranial_sparse.bricks import BrickGrid, batch, coarsen, difference, load, to_dense
from cranial_sparse.networks.cascade import FIELD_LIMIT, Cascade, CascadeInputs, LevelOutput
from cranial_sparse.sparse_conv.backends import load_backend, set_backend

CASCADE, FORWARD, TRAINING = "cascade, forward", "U-Net, forward", "U-Net, training step"
NETWORKS = (CASCADE, FORWARD, TRAINING)
SKULL, SURFACE = "skull", "its surface"
# Share of the bone: a voxel of 512³ with none around it is eight at 1024³, which the coarsest level does not see.
LONELY = 1e-6


@dataclass(frozen=True)
class Case:
    """One of NETWORKS on the grid in the file ``grid``, ``items`` times in a batch; ``implant`` is the cascade's."""

    network: str
    scene: str
    size: int
    items: int
    grid: str
    implant: str
    widths: tuple[int, ...]  # of the U-Net
    backend: str
    device: str
    repeats: int

    def __str__(self) -> str:
        return f"{self.network}, {self.scene} {self.size}³ × {self.items}"


@dataclass(frozen=True)
class Row:
    """``voxels`` are those of the input, or of the cascade's finest level."""

    voxels: int
    seconds: Timing
    peak: Peak


def measure_case(case: Case) -> Row:
    """Raises InputError where it does not fit, WrongAnswer where the answer is wrong."""
    run, voxels = cascade(case) if case.network == CASCADE else unet(case)
    peak = peak_of(run, case.device)
    return Row(voxels, measure(run, case.repeats, case.device), peak)


def unet(case: Case) -> tuple[Callable[[], object], int]:
    """Its result for every item of a batch is that of the item alone."""
    single = load(case.grid).to(case.device)
    grid = batch([single] * case.items)
    cells, above = [], grid
    for _ in case.widths:
        cells.append(len(above))
        above = coarsen(above)
    check_fit(unet_bytes(cells, case.widths, case.network == TRAINING), case.device)
    shape = (case.size,) * 3
    alone = unets.problem(single, (0, 0, 0), shape, case.widths[0])
    unets.check(case.widths, case.backend, alone, whole=False)
    features, target = (tensor.repeat(case.items, 1) for tensor in (alone.features, alone.target))
    given = unets.Problem(grid, (0, 0, 0), shape, features, target)
    run = unets.ready(unets.unet(case.widths, case.device), case.backend, given, training=case.network == TRAINING)
    if case.items > 1 and case.network == FORWARD:
        parts = unets.forward(unets.unet(case.widths, case.device), case.backend, given)().detach().split(len(single))
        expect(all(torch.allclose(part, parts[0], rtol=1e-3, atol=1e-3) for part in parts), "items of a batch differ")
    return run, len(grid)


def cascade(case: Case) -> tuple[Callable[[], object], int]:
    """Untrained it returns what it was given: the skull's own bone is bone at the finest level."""
    complete, implant = (load(path).to(case.device) for path in (case.grid, case.implant))
    inputs = cascade_inputs(complete, implant, case.size)
    torch.manual_seed(0)
    network = Cascade().to(case.device).eval()
    set_backend(network, load_backend(case.backend))

    def run() -> tuple[LevelOutput, ...]:
        with torch.inference_mode():
            return network(inputs)

    finest = run()[-1]
    known = difference(complete, implant)
    missing = len(difference(known, finest.grid))
    expect(missing <= LONELY * len(known), f"{missing} voxels of the skull's bone are not on the finest level")
    expect(int((finest.logits > 0).sum()) >= len(known), "bone of the skull is not bone")
    return run, len(finest.grid)


def cascade_inputs(complete: BrickGrid, implant: BrickGrid, size: int) -> CascadeInputs:
    """A proposal that is right: the complete skull, at half the resolution."""
    skull = dense(difference(complete, implant), size)
    field = dense(coarsen(complete), size // 2).float().mul_(2 * FIELD_LIMIT).sub_(FIELD_LIMIT)
    return CascadeInputs(skull, skull.flip(0), field)


def dense(grid: BrickGrid, size: int) -> Tensor:
    """uint8 [size, size, size]."""
    return to_dense(grid, (size, size, size)).view(torch.uint8)

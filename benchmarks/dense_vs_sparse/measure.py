"""One network on one grid: checked, then timed."""

from dataclasses import dataclass

from benchmarks.common import backends, unets
from benchmarks.common.arithmetic import dense_cells, unet_bytes
from benchmarks.common.memory import Peak, check_fit, peak_of
from benchmarks.common.scenes import Shape
from benchmarks.common.timing import Timing, measure
from benchmarks.common.unets import DENSE
from cranial_sparse.bricks import load
from cranial_sparse.errors import InputError

MODES = ("forward", "training")
SKULL, BAND, SHELL = "skull", "implant band", "shell"


@dataclass(frozen=True)
class Case:
    """One network on the grid in the file ``grid``, in a box; ``variant`` is a backend or one of DENSE."""

    scene: str
    size: int
    fill: float  # of the box
    variant: str
    mode: str
    grid: str
    origin: Shape
    shape: Shape
    widths: tuple[int, ...]
    device: str
    repeats: int

    def __str__(self) -> str:
        return f"{self.scene} {self.size}³ ({self.fill:.1%}), {self.variant}, {self.mode}"


@dataclass(frozen=True)
class Row:
    """Time and memory of one case."""

    voxels: int
    seconds: Timing
    peak: Peak


def measure_case(case: Case) -> Row:
    """Raises InputError where it does not fit or the library refuses, WrongAnswer where the answer is wrong."""
    grid = load(case.grid).to(case.device)
    if case.variant == "reference" and len(grid) > backends.ORACLE_LIMIT:
        raise InputError(backends.ORACLE)
    if case.variant in DENSE:
        cells = dense_cells(case.shape, len(case.widths))
        check_fit(unet_bytes(cells, case.widths, case.mode == "training"), case.device)
    given = unets.problem(grid, case.origin, case.shape, case.widths[0])
    unets.check(case.widths, case.variant, given)
    run = unets.ready(unets.unet(case.widths, case.device), case.variant, given, training=case.mode == "training")
    peak = peak_of(run, case.device)
    return Row(len(grid), measure(run, case.repeats, case.device), peak)

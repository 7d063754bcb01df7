"""One layer on one library: checked, then timed."""

from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.common import backends
from benchmarks.common.arithmetic import feature_bytes
from benchmarks.common.memory import Peak, peak_of
from benchmarks.common.timing import Timing, measure
from benchmarks.convolution.check import check
from benchmarks.convolution.layers import Layer, grids_of
from cranial_sparse.bricks import BrickGrid, load
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.backends import load_backend


@dataclass(frozen=True)
class Case:
    """One layer on one library, on the grid in the file ``grid``."""

    layer: str
    channels: int
    backend: str
    grid: str
    device: str
    repeats: int
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.layer} {self.channels}, {self.backend}"


@dataclass(frozen=True)
class Row:
    """What was measured; ``pairs``, ``flops`` and ``bytes`` are of one pass."""

    voxels: int
    pairs: int
    flops: int
    bytes: int
    index: float  # seconds
    forward: Timing
    input_gradient: Timing
    weight_gradient: Timing
    training_layer: Timing
    peak: Peak  # of the training layer


def measure_case(case: Case) -> Row:
    """Raises InputError where the library refuses, WrongAnswer where it answers wrongly."""
    fine = load(case.grid).to(case.device)
    layer, backend = _layer(case, fine), load_backend(case.backend)
    if case.backend == "reference" and len(fine) > backends.ORACLE_LIMIT:
        raise InputError(backends.ORACLE)
    check(layer, backend)
    features, weight, gradient = layer.operands()
    run, fresh = partial(layer.convolve, backend), layer.fresh()
    timed = partial(measure, repeats=case.repeats, device=case.device)

    def training_layer() -> None:
        x, w = features.detach().requires_grad_(), weight.detach().requires_grad_()
        run(x, w, fresh()).backward(gradient)

    def gradient_of(wanted: int) -> Timing:
        x, w = features.detach(), weight.detach()
        operand = (x, w)[wanted].requires_grad_()
        out = run(x, w)
        return timed(lambda: torch.autograd.grad(out, operand, gradient, retain_graph=True))

    peak = peak_of(training_layer, case.device)
    with torch.no_grad():
        anew, forward = timed(lambda: run(features, weight, fresh())), timed(lambda: run(features, weight))
    return Row(
        voxels=len(fine),
        pairs=layer.num_pairs,
        flops=layer.flops,
        bytes=feature_bytes(layer.shapes[0], layer.shapes[2], itemsize=layer.dtype.itemsize),
        index=max(anew.median - forward.median, 0.0),
        forward=forward,
        input_gradient=gradient_of(0),
        weight_gradient=gradient_of(1),
        training_layer=timed(training_layer),
        peak=peak,
    )


def _layer(case: Case, fine: BrickGrid) -> Layer:
    return Layer(case.layer, grids_of(case.layer, fine), case.channels, getattr(torch, case.dtype))

"""Output and gradients of a layer against sums over pairs of rows, in float64."""

import torch
from torch import Tensor

from benchmarks.common.answers import compare
from benchmarks.convolution.layers import Layer
from cranial_sparse.sparse_conv import Backend

SAMPLE = 2000  # rows that the oracle computes
OFFSETS = 3  # of a kernel, whose weight gradients it computes
TOLERANCE = {"cpu": 1e-4, "cuda": 4e-3}  # of the largest value; tensor cores may round operands to ten bits
HALF = 2e-2  # where sums, too, may be kept in half precision


def check(layer: Layer, backend: Backend) -> None:
    """Output and input gradient at a sample of rows, and the weight gradient of some offsets, against sums in float64.

    Raises WrongAnswer where they differ.
    """
    features, weight, gradient = layer.operands()
    x, w = features.clone().requires_grad_(), weight.clone().requires_grad_()
    out = layer.convolve(backend, x, w)
    input_gradient, weight_gradient = torch.autograd.grad(out, (x, w), gradient)
    limit = HALF if x.dtype.itemsize == 2 else TOLERANCE[x.device.type]
    generator = torch.Generator().manual_seed(1)
    of_out, of_in = (torch.randint(len(t), (SAMPLE,), generator=generator).to(t.device) for t in (out, x))
    offsets = torch.randperm(len(weight), generator=generator)[:OFFSETS].tolist()
    expected_out, expected_in = torch.zeros_like(out, dtype=torch.double), torch.zeros_like(x, dtype=torch.double)
    wanted_out, wanted_in = (_marked(len(t), rows) for t, rows in ((out, of_out), (x, of_in)))
    for offset, (inputs, outputs) in enumerate(layer.pairs()):
        matrix = weight[offset].double()
        matrix = matrix.diag() if matrix.dim() == 1 else matrix
        met = wanted_out[outputs]
        expected_out.index_add_(0, outputs[met], features[inputs[met]].double() @ matrix)
        met = wanted_in[inputs]
        expected_in.index_add_(0, inputs[met], gradient[outputs[met]].double() @ matrix.T)
        if offset in offsets:
            found = features[inputs].double().T @ gradient[outputs].double()
            found = found.diagonal() if w.dim() == 2 else found
            compare(f"weight gradient at offset {offset}", weight_gradient[offset], found, limit)
    compare("output", out[of_out], expected_out[of_out], limit)
    compare("input gradient", input_gradient[of_in], expected_in[of_in], limit)


def _marked(length: int, rows: Tensor) -> Tensor:
    return torch.zeros(length, dtype=torch.bool, device=rows.device).index_fill_(0, rows, True)

"""spconv 2.3.8 made to compute the right thing on a CPU, for comparison.

Its `scatter_add_cpu` races with two or more threads, so that one call runs on one; its backward asks for a CUDA stream
that the CPU path never uses, so it gets none. Everything else is as shipped.

Part of ``python -m benchmarks.submanifold``, which measures it; this file has nothing to run.
"""

from typing import Any

import torch
from torch import Tensor, nn


def _repair() -> None:
    from spconv.pytorch import ops

    if ops.SpconvOps.__name__ == "RepairedOps":
        return
    scatter = ops.SpconvOps.scatter_add_cpu

    def scatter_alone(*operands: Any) -> None:
        threads = torch.get_num_threads()  # spconv's OpenMP calls end up in torch's runtime
        torch.set_num_threads(1)
        scatter(*operands)
        torch.set_num_threads(threads)

    repaired = type("RepairedOps", (ops.SpconvOps,), {"scatter_add_cpu": staticmethod(scatter_alone)})
    setattr(ops, "SpconvOps", repaired)  # noqa: B010, the module's own name for it
    ops.get_current_stream = lambda: 0


class SpconvCpu:
    """One submanifold 3³ convolution by spconv; weight ``[27, Cin, Cout]`` as ours."""

    def __init__(self, weight: Tensor, shape: tuple[int, int, int]) -> None:
        """Raises ImportError where spconv is not installed."""
        import spconv.pytorch as sp

        _repair()
        cin, cout = weight.shape[1:]
        self.shape = shape
        self.tensor = sp.SparseConvTensor
        self.layer: Any = sp.SubMConv3d(cin, cout, 3, bias=False, indice_key="grid", algo=sp.ConvAlgo.Native)
        self.layer.weight = nn.Parameter(weight.reshape(3, 3, 3, cin, cout).permute(4, 0, 1, 2, 3).contiguous())

    def __call__(self, features: Tensor, voxels: Tensor, pairs: dict | None = None) -> tuple[Tensor, dict]:
        """Output features and the kernel map, which a later call on the same voxels can take."""
        tensor = self.tensor(features, voxels, list(self.shape), int(voxels[-1, 0]) + 1, indice_dict=pairs)
        out = self.layer(tensor)
        return out.features, out.indice_dict

    def weight_gradient(self) -> Tensor:
        gradient = self.layer.weight.grad
        assert gradient is not None
        return gradient.permute(1, 2, 3, 4, 0).flatten(0, 2)


if __name__ == "__main__":
    print(__doc__)

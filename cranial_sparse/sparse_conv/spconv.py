"""Backend on spconv 2.3.8, on the CPU with two repairs, on CUDA as shipped.

Its ``scatter_add_cpu`` races with two or more threads, so that it runs on one; its backward asks for a CUDA stream where
there is no CUDA, so it gets none. See tests/sparse_conv/test_spconv.py.
"""

from functools import partial
from typing import Any

import spconv.pytorch as library
import torch
from spconv.pytorch import functional, ops  # noqa: F401 - attributes of the library

from cranial_sparse.sparse_conv import spconv_pairs


def _repair() -> None:
    if ops.SpconvOps.__name__ == "RepairedOps":
        return
    scatter = ops.SpconvOps.scatter_add_cpu

    def scatter_alone(*operands: Any) -> None:
        threads = torch.get_num_threads()  # spconv's OpenMP calls end up in torch's runtime
        torch.set_num_threads(1)
        try:
            scatter(*operands)
        finally:
            torch.set_num_threads(threads)

    ops.SpconvOps = type("RepairedOps", (ops.SpconvOps,), {"scatter_add_cpu": staticmethod(scatter_alone)})
    if not torch.cuda.is_available():
        ops.get_current_stream = lambda: 0


_repair()
submanifold_conv = partial(spconv_pairs.submanifold_conv, library)
depthwise_conv = partial(spconv_pairs.depthwise_conv, library)
down_conv = partial(spconv_pairs.down_conv, library)
up_conv = partial(spconv_pairs.up_conv, library)

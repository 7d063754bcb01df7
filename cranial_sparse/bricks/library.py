"""How functions become ops of PyTorch: ``cranial_sparse::<name>``, with a schema, a kernel per device and a fake one.

``torch.library.custom_op`` would do the same, but its first call imports the compiler of PyTorch, which takes one or two
seconds of every run that compiles nothing.
"""

from collections.abc import Callable

import torch

_LIBRARY = torch.library.Library("cranial_sparse", "FRAGMENT")


def register_op(function: Callable, fake: Callable, on_gpu: Callable) -> torch._ops.OpOverload:
    """The op called as ``function``, which is its CPU kernel and whose annotations are its schema. No argument is
    written to, and no result shares memory with one."""
    name = function.__name__
    _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=()))
    _LIBRARY.impl(name, function, "CPU")
    _LIBRARY.impl(name, on_gpu, "CUDA")
    torch.library.register_fake(f"cranial_sparse::{name}", fake)
    return getattr(torch.ops.cranial_sparse, name).default


def register_autograd(op: torch._ops.OpOverload, backward: Callable, save: Callable) -> None:
    """``save(ctx, inputs, output)`` keeps what ``backward(ctx, gradient)`` needs."""
    torch.library.register_autograd(op._name.removesuffix(".default"), backward, setup_context=save)

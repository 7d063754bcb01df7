"""How functions become ops of PyTorch: ``cranial_sparse::<name>``, with a schema, a kernel per device and a fake one.

``torch.library.custom_op`` would do the same, but its first call imports the compiler of PyTorch, which takes one or two
seconds of every run that compiles nothing.
"""

import sys
from collections.abc import Callable
from functools import wraps

import torch

_LIBRARY = torch.library.Library("cranial_sparse", "FRAGMENT")


def register_op(function: Callable, fake: Callable, on_gpu: Callable) -> Callable:
    """The op called as ``function``, which is its CPU kernel and whose annotations are its schema. No argument is
    written to, and no result shares memory with one."""
    name = function.__name__
    _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=()))
    _LIBRARY.impl(name, _untraced(function), "CPU")
    _LIBRARY.impl(name, _untraced(on_gpu), "CUDA")
    torch.library.register_fake(f"cranial_sparse::{name}", fake)
    return getattr(torch.ops.cranial_sparse, name).default


def register_autograd(op: Callable, backward: Callable, save: Callable) -> None:
    """``save(ctx, inputs, output)`` keeps what ``backward(ctx, gradient)`` needs."""
    torch.library.register_autograd(op, backward, setup_context=save)  # type: ignore[arg-type] # an OpOverload


def _untraced(kernel: Callable) -> Callable:
    """A kernel that the compiler, where it is in use, does not look into: what it calls are addresses."""
    opaque = torch._disable_dynamo(kernel)  # the first call of this one imports the compiler

    @wraps(kernel)
    def run(*arguments):
        return (opaque if "torch._dynamo" in sys.modules else kernel)(*arguments)

    # The compiler keeps what it knows by code: of one for all ops it would know too much, and give up with a warning.
    setattr(run, "__code__", run.__code__.replace(co_name=kernel.__name__))  # type: ignore[attr-defined]  # noqa: B010
    return run

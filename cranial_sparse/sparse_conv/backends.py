"""The libraries that convolutions can run on: one module of this package each, imported when it is asked for."""

from importlib import import_module

from torch import nn

from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.functional import Backend
from cranial_sparse.sparse_conv.layers import CONVOLUTIONS

BACKENDS = {  # and what installs each
    "native": "",
    "reference": "",
    "dense": "",
    "spconv": "pip install 'cranial-sparse[spconv]'",
    "spconv_triton": "pip install 'cranial-sparse[spconv-triton]' beside a torch for GPUs",
    "minkowski": "make minkowski",
}


def load_backend(name: str) -> Backend:
    """The backend of this name. Raises InputError where there is none, or where its library cannot be imported."""
    if name not in BACKENDS:
        raise InputError(f"backend: expected one of {', '.join(BACKENDS)}, got '{name}'")
    try:
        return import_module(f"cranial_sparse.sparse_conv.{name}")  # type: ignore[return-value] # functions, as Backend's
    except ImportError as error:
        if not BACKENDS[name]:
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"backend {name}: its library cannot be imported ({reason}); install it: {BACKENDS[name]}"
        ) from error


def set_backend(network: nn.Module, backend: Backend | None) -> None:
    """Run all convolutions in ``network`` on ``backend``, or on the usual one of their device where it is None.

    The weights stay as they are. A network that runs on a module cannot be copied by ``copy.deepcopy``: set it afterwards.
    """
    for module in network.modules():
        if isinstance(module, CONVOLUTIONS):
            module.backend = backend

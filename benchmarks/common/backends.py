"""Which convolution libraries are here."""

from collections.abc import Sequence

from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv.backends import BACKENDS, load_backend

ORACLE_LIMIT = 1 << 20
ORACLE = f"an oracle, not a competitor: left out above {ORACLE_LIMIT:,} voxels, for it asks for every neighbour anew"


def found(names: Sequence[str] = tuple(BACKENDS)) -> tuple[list[str], dict[str, str]]:
    """The names of those that can be imported, and for each other one why not and what installs it.

    Raises InputError for a name that is none.
    """
    here, absent = [], {}
    for name in names:
        if name not in BACKENDS:
            raise InputError(f"--backends: expected some of {', '.join(BACKENDS)}, got '{name}'")
        try:
            load_backend(name)
            here.append(name)
        except InputError as error:
            absent[name] = str(error)
    return here, absent

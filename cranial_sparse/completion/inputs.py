"""What the cascade sees: the skull, its mirror image and the proposal on one box of the canonical lattice."""

import torch

from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import halved
from cranial_sparse.completion.resampling import to_lattice
from cranial_sparse.geometry import Volume
from cranial_sparse.networks.cascade import CascadeInputs


def cascade_inputs(skull: Volume, field: Field, complete: Volume | None = None) -> CascadeInputs:
    """Resample ``skull`` (bool, patient grid) to 0.45 mm on the box of ``field`` (0.9 mm, canonical), and reflected.

    ``complete`` is the truth, on any grid, for training.
    """
    lattice, pose = halved(field.geometry), field.pose
    return CascadeInputs(
        skull=torch.from_numpy(to_lattice(skull, pose, lattice)),
        mirrored=torch.from_numpy(to_lattice(skull, pose, lattice, mirrored=True)),
        field=field.logits,
        complete=None if complete is None else torch.from_numpy(to_lattice(complete, pose, lattice)),
    )

"""Training samples: a complete skull, moved a little, cut, proposed for by a model that has not seen it.

A sample takes the very path of inference (pose, rays, hole, conditional maps, lattice), so the network meets the
proposal's real errors, in a proposal by a shape model fitted without the sample's skull.
"""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cranial_sparse.completion.completer import Completer
from cranial_sparse.completion.inputs import cascade_inputs
from cranial_sparse.data.augment import AugmentConfig, draw, scanned, shaped
from cranial_sparse.data.defects import cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.networks.cascade import CascadeInputs

MIXTURE = {
    "official": 0.3, "bilateral": 0.1, "frontoorbital": 0.1, "parietotemporal": 0.1, "random_1": 0.1, "random_2": 0.1,
    "craniotomy": 0.1, "ellipsoid": 0.05, "skullfix": 0.05,
}  # fmt: skip
ATTEMPTS = 5
VERSION = 5  # of what a drawn sample is: count it up with any change to cut, pose, proposal or resampling


class NoUsableDefect(RuntimeError):
    """A skull into which nothing could be cut that the proposal finds."""


def draw_sample(
    complete: Volume,
    implant: Volume | None,
    completer: Completer,
    rng: np.random.Generator,
    augment: AugmentConfig | None = None,
) -> tuple[CascadeInputs, str]:
    """One sample, proposed for by ``completer``, and the kind of its defect.

    ``implant`` is the defect that came with the skull (kind "official"). Raises NoUsableDefect where five cuts in a row left
    nothing that the proposal could find.
    """
    kinds = {kind: share for kind, share in MIXTURE.items() if kind != "official" or implant is not None}
    shares = np.array(list(kinds.values()))
    nothing = Volume(np.zeros_like(complete.array), complete.geometry)
    for _ in range(ATTEMPTS):
        draws = draw(augment or AugmentConfig(), rng)
        kind = str(rng.choice(list(kinds), p=shares / shares.sum()))
        head, missing = shaped(complete, implant or nothing, draws)
        try:
            if kind != "official":
                missing = cut_volume(head, kind, int(rng.integers(2**31))).implant
            truth, defective = scanned(head, missing, draws)
            field = completer(defective)
        except (
            InputError
        ):  # no room for the kind, such as in a scan cut off above the orbits; or too little vault is left
            continue
        if field is not None:
            return cascade_inputs(defective, field, truth), kind
    raise NoUsableDefect(f"no usable defect in {ATTEMPTS} attempts; the skull's vault is too incomplete")


def flipped(inputs: CascadeInputs) -> CascadeInputs:
    """The mirror image of a sample: every array is a function of place, so all of them flip."""
    assert inputs.complete is not None
    return CascadeInputs(
        *(one.flip(0).contiguous() for one in (inputs.skull, inputs.mirrored, inputs.field, inputs.complete))
    )


def save_sample(inputs: CascadeInputs, path: Path) -> None:
    """Bits for masks, half precision for the field; appears whole or not at all."""
    assert inputs.complete is not None
    packed = {name: np.packbits(getattr(inputs, name).numpy()) for name in ("skull", "mirrored", "complete")}
    data = io.BytesIO()
    np.savez_compressed(data, shape=inputs.skull.shape, field=inputs.field.numpy().astype(np.float16), **packed)  # type: ignore
    write_whole(path, data.getvalue())


def load_sample(path: Path) -> CascadeInputs:
    """What save_sample wrote."""
    with np.load(path) as stored:
        shape = tuple(stored["shape"])
        mask = lambda name: torch.from_numpy(_unpacked(stored[name], shape))  # noqa: E731
        field = torch.from_numpy(stored["field"].astype(np.float32))
        return CascadeInputs(mask("skull"), mask("mirrored"), field, mask("complete"))


def _unpacked(bits: NDArray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape)

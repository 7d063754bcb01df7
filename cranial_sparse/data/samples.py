"""Training samples: a complete skull, moved a little, cut, proposed for by a model that has not seen it.

A sample takes the very path of inference (pose, rays, hole, conditional maps, lattice), so the network meets the
proposal's real errors, in a proposal by a shape model fitted without the sample's skull.
"""

import io
import lzma
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cranial_sparse.bricks import dilate, to_dense
from cranial_sparse.completion.completer import Completer
from cranial_sparse.completion.inputs import cascade_inputs
from cranial_sparse.data.augment import AugmentConfig, draw, scanned, shaped
from cranial_sparse.data.defects import cut_volume
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.networks.cascade import FIELD_LIMIT, CascadeInputs, seed_grid

MIXTURE = {
    "official": 0.3, "bilateral": 0.1, "frontoorbital": 0.1, "parietotemporal": 0.1, "random_1": 0.1, "random_2": 0.1,
    "craniotomy": 0.1, "ellipsoid": 0.05, "skullfix": 0.05,
}  # fmt: skip
ATTEMPTS = 5
VERSION = 8  # of what a drawn sample is: count it up with any change to cut, pose, proposal, resampling or file
STEPS = 8  # of the stored field per unit: 0.04 mm


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


def save_sample(inputs: CascadeInputs, path: Path, whole: bool = False) -> None:
    """What a cascade can read of a sample, a twentieth of the rest: masks as bits, the field in eighths. Appears whole or not
    at all.

    Bone and field beyond the reach of the proposal are left out, missing bone never; with ``whole``, nothing is.
    """
    assert inputs.complete is not None
    reach = np.ones([size // 4 for size in inputs.skull.shape], bool) if whole else within_reach(inputs).numpy()
    near = reach.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    skull, mirrored, complete = (one.numpy() > 0 for one in (inputs.skull, inputs.mirrored, inputs.complete))
    masks = {"skull": skull & near, "mirrored": mirrored & near, "missing": complete & ~skull}
    eighths = (
        (inputs.field.clamp(-FIELD_LIMIT, FIELD_LIMIT) * STEPS).round().to(torch.int8).numpy()[near[::2, ::2, ::2]]
    )
    steps = np.diff(eighths, prepend=np.int8(0))  # wraps around, as summing them up does
    data = io.BytesIO()
    packed = {name: np.packbits(mask) for name, mask in masks.items()}
    np.savez(data, shape=skull.shape, reach=np.packbits(reach), field=steps, **packed)  # type: ignore[arg-type]
    write_whole(path, lzma.compress(data.getvalue()))


def load_sample(path: Path) -> CascadeInputs:
    """What save_sample wrote; beyond reach there is no bone, and the field has its lowest value."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as stored:
        shape = tuple(stored["shape"])
        reach = _unpacked(stored["reach"], tuple(size // 4 for size in shape)) > 0
        field = np.full([size // 2 for size in shape], -FIELD_LIMIT, np.float32)
        field[reach.repeat(2, 0).repeat(2, 1).repeat(2, 2)] = np.cumsum(stored["field"], dtype=np.int8) / np.float32(
            STEPS
        )
        skull, mirrored, missing = (_unpacked(stored[name], shape) for name in ("skull", "mirrored", "missing"))
    return CascadeInputs(*map(torch.from_numpy, (skull, mirrored, field, skull | missing)))


def within_reach(inputs: CascadeInputs) -> Tensor:
    """Voxels of 1.8 mm, bool [X/4, Y/4, Z/4], that a cascade may start from, whatever its seed_logit, and those beside them."""
    grid = seed_grid(inputs.field.clamp(-FIELD_LIMIT, FIELD_LIMIT), inputs.skull, 1 / STEPS - FIELD_LIMIT)
    return to_dense(dilate(grid, 1), [size // 4 for size in inputs.skull.shape])


def _unpacked(bits: NDArray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape)

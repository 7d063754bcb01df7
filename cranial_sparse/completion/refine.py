"""The refiner: any completer's field in, the cascade's field at 0.45 mm out."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.functional import interpolate

from cranial_sparse.bricks import coordinates
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import halved
from cranial_sparse.completion.inputs import cascade_inputs
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.networks.cascade import FIELD_LIMIT, Cascade, CascadeConfig, CascadeInputs, LevelOutput
from cranial_sparse.sparse_conv.backends import load_backend, set_backend

WEIGHTS = "cascade.safetensors"


def refine_field(skull: Volume, field: Field, network: Cascade, levels: int = 3) -> Field:
    """Logits after ``levels`` levels of ``network``, on the lattice of the last one (1.8, 0.9 or 0.45 mm).

    Runs on the network's device; the field is on the CPU.
    """
    inputs = cascade_inputs(skull, field).to(next(network.parameters()).device)
    with torch.inference_mode():
        outputs = network(inputs)[:levels]
        logits = dense_logits(inputs, outputs, network.config.keep).cpu()
    return Field(logits, level_lattice(field.geometry, levels), field.pose)


def dense_logits(inputs: CascadeInputs, outputs: tuple[LevelOutput, ...], keep: float) -> Tensor:
    """The last level's logits as a dense box [X, Y, Z]; where no voxel was grown, the proposal's, at most ``keep``."""
    field = inputs.field[None, None].clamp(-FIELD_LIMIT, FIELD_LIMIT)
    scale = 0.9 / outputs[-1].spacing
    if scale != 1:
        field = interpolate(field, scale_factor=scale, mode="trilinear", align_corners=False)
    dense = field[0, 0].clamp(max=keep)
    _, x, y, z = coordinates(outputs[-1].grid).long().unbind(1)
    dense[x, y, z] = outputs[-1].logits
    return dense


def level_lattice(middle: Geometry, levels: int) -> Geometry:
    """The lattice of the first, second or third level, given that of the second (0.9 mm)."""
    if levels == 3:
        return halved(middle)
    if levels == 2:
        return middle
    nx, ny, nz = middle.shape
    sx, sy, sz = middle.spacing
    x, y, z = map(float, middle.to_physical(torch.full((3,), 0.5).numpy()))
    return Geometry((nx // 2, ny // 2, nz // 2), (2 * sx, 2 * sy, 2 * sz), (x, y, z), middle.direction)


def load_network(path: str | Path, backend: str = "native") -> Cascade:
    """A cascade from safetensors with its configuration in the metadata, on one of sparse_conv.backends.BACKENDS.

    Raises InputError where the file is not that, or the backend is not there.
    """
    try:
        with safe_open(str(path), "pt") as stored:
            config = json.loads((stored.metadata() or {})["config"])["network"]
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
        config["widths"] = tuple(tuple(widths) for widths in config["widths"])
        network = Cascade(CascadeConfig(**config))
        network.load_state_dict(weights)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: expected weights made by experiments.export, but {' '.join(str(error).split())}; export them again"
        ) from error
    set_backend(network, load_backend(backend))
    return network.eval()


@cache
def shipped_network(backend: str = "native", device: str = "cpu") -> Cascade:
    """The weights that ship with the package; CC BY-NC-SA 4.0, see the model card. Raises as load_network does."""
    return load_network(str(files("cranial_sparse.assets").joinpath(WEIGHTS)), backend).to(device)


def choose_device(device: str, backend: str) -> str:
    """Where to run: "cpu" or "cuda" as asked for, or with "auto" on a GPU where there is one.

    Raises InputError where a GPU is asked for and there is none.
    """
    present = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if present and backend != "minkowski" else "cpu"
    if device == "cuda" and not present:
        raise InputError(
            "--device cuda: expected a GPU that this build of torch can use, found none; leave --device out"
        )
    return device

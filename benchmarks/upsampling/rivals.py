"""Generate all children, then prune, as others do it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import children_of
from cranial_sparse.sparse_conv.backends import load_backend

Children = tuple[Tensor, Tensor | None]  # coordinates [K, 4] in any order, and features [K, C] of the parents
Generate = Callable[[bool], Children]  # with features or without


def generate(way: str, voxels: Tensor, logits: Tensor, features: Tensor) -> Generate:
    """Parents' ``voxels`` [N, 4], ``logits`` [N, 8] and ``features`` [N, C] → the children whose logit is over zero.

    Raises InputError where the library is not here, or cannot.
    """
    if way in ("spconv", "spconv_triton", "minkowski"):
        load_backend(way)  # with its repairs, and what its import needs
        if way == "minkowski":
            return _minkowski(voxels, logits, features)
        return _spconv(import_module(f"{way}.pytorch"), voxels, logits, features)
    return lambda featured: _plain(voxels, logits, features, featured)


def _plain(voxels: Tensor, logits: Tensor, features: Tensor, featured: bool) -> Children:
    keep = (logits > 0).flatten()
    rows = keep.nonzero().squeeze(1)
    return children_of(voxels)[rows], features[rows >> 3] if featured else None


def _columns(logits: Tensor, features: Tensor, featured: bool) -> tuple[Tensor, Tensor]:
    """Columns of each parent, and the kernel [8, Cin, Cout] that makes each child's own logit of them, and the parent's
    features where they are wanted."""
    columns = torch.cat([logits, features], 1) if featured else logits
    kernel = columns.new_zeros(8, columns.shape[1], columns.shape[1] - 7)
    kernel[torch.arange(8), torch.arange(8), 0] = 1
    kernel[:, 8:, 1:] = torch.eye(columns.shape[1] - 8)
    return columns, kernel


def _spconv(library: Any, voxels: Tensor, logits: Tensor, features: Tensor) -> Generate:
    shape = (voxels[:, 1:].amax(0) + 1).tolist()
    if min(voxels[:, 1:].amin().item(), 0) < 0 or 8 * shape[0] * shape[1] * shape[2] >= 1 << 31:
        raise InputError(f"{library.__name__}: expected children in a box of fewer than 2³¹ cells, got {shape} parents")
    algorithm = {} if voxels.is_cuda else {"algo": library.ConvAlgo.Native}  # on a CPU there is no other

    def prepared(featured: bool) -> tuple[Any, Tensor]:
        columns, kernel = _columns(logits, features, featured)
        layer = library.SparseConvTranspose3d(*kernel.shape[1:], 2, stride=2, bias=False, **algorithm)
        layer.weight.data = kernel.permute(2, 0, 1).unflatten(1, (2, 2, 2)).contiguous()
        return layer, columns

    layers = {featured: prepared(featured) for featured in (False, True)}

    def run(featured: bool) -> Children:
        layer, columns = layers[featured]
        out = layer(library.SparseConvTensor(columns, voxels, shape, 1))
        keep = out.features[:, 0] > 0
        return out.indices[keep], out.features[keep, 1:] if featured else None

    return run


def _minkowski(voxels: Tensor, logits: Tensor, features: Tensor) -> Generate:
    import MinkowskiEngine as engine

    if voxels.is_cuda and not engine.is_cuda_available():
        raise InputError("minkowski: expected features on the CPU, which it was built for, got a card")

    def prepared(featured: bool) -> tuple[Any, Tensor]:
        columns, kernel = _columns(logits, features, featured)
        shape = {"kernel_size": 2, "stride": 2, "dimension": 3}
        layer = engine.MinkowskiGenerativeConvolutionTranspose(*kernel.shape[1:], **shape)
        layer.kernel.data = kernel.unflatten(0, (2, 2, 2)).transpose(0, 2).flatten(0, 2).contiguous()  # x fastest
        return layer, columns

    layers = {featured: prepared(featured) for featured in (False, True)}
    places, prune = voxels * voxels.new_tensor([1, 2, 2, 2]), engine.MinkowskiPruning()

    def run(featured: bool) -> Children:
        layer, columns = layers[featured]
        out = layer(engine.SparseTensor(columns, places, tensor_stride=2, device=voxels.device))
        pruned = prune(out, out.F[:, 0] > 0)
        return pruned.C, pruned.F[:, 1:] if featured else None

    return run

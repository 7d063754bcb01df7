"""Every backend computes what the reference does, alone and in the shipped network, and says what it cannot do."""

import gc
import os
import sys
import weakref
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.parity import LIMIT, ball_case, cascade_errors, convolution_errors, convolutions, grids, skull_case
from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.completion.refine import shipped_network
from cranial_sparse.errors import InputError
from cranial_sparse.networks.cascade import CascadeInputs
from cranial_sparse.sparse_conv import DepthwiseConv3d, DownConv3d, SubmanifoldConv3d, UpConv3d, dense, native
from cranial_sparse.sparse_conv.backends import BACKENDS, load_backend, set_backend

GRIDS = grids()


@pytest.fixture(params=[name for name in BACKENDS if name not in ("reference", "spconv_triton")])
def name(request: pytest.FixtureRequest) -> str:
    try:
        load_backend(request.param)
    except InputError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture
def peer(name: str) -> str:
    if name == "native":
        pytest.skip("native is what it is compared with")
    return name


@pytest.fixture(scope="module")
def skull() -> CascadeInputs:
    if "CRANIAL_SPARSE_DATA" not in os.environ:
        pytest.skip("CRANIAL_SPARSE_DATA is not set: no real skulls here")
    return skull_case(Path(os.environ["CRANIAL_SPARSE_DATA"]))


@pytest.mark.parametrize("convolution", convolutions(GRIDS["one voxel"]))
@pytest.mark.parametrize("grid", GRIDS)
def test_convolutions_and_their_gradients(name: str, grid: str, convolution: str) -> None:
    assert max(convolution_errors(load_backend(name), convolutions(GRIDS[grid])[convolution])) <= LIMIT


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("library", ["spconv", "spconv_triton"])
@pytest.mark.parametrize("grid", GRIDS)
def test_convolutions_and_their_gradients_on_a_gpu(grid: str, library: str) -> None:
    pytest.importorskip(library)
    if library == "spconv" and import_module("spconv.cppconstants").CPU_ONLY_BUILD:
        pytest.skip("spconv's build for the CPU alone is installed")
    for convolution in convolutions(GRIDS[grid].to("cuda")).values():
        assert max(convolution_errors(load_backend(library), convolution, "cuda")) <= LIMIT


def test_the_shipped_cascade_and_its_gradients(peer: str) -> None:
    """On the grids of native: see cascade_errors for what single precision leaves open."""
    assert max(cascade_errors(peer, ball_case(), torch.float32)) <= LIMIT


@pytest.mark.data
def test_the_shipped_cascade_on_a_real_skull(peer: str, skull: CascadeInputs) -> None:
    """Logits alone: gradients take longer, see ``python -m benchmarks.backends``."""
    assert cascade_errors(peer, skull, torch.float32, backward=False) <= (LIMIT,)


def test_nothing_is_kept_of_a_grid_that_is_gone(name: str) -> None:
    backend, fine = load_backend(name), from_dense(torch.rand(6, 6, 6) < 0.5)
    coarse, features = coarsen(fine), torch.ones(len(fine), 2, requires_grad=True)
    hidden = backend.submanifold_conv(features, torch.ones(27, 2, 2), fine)
    hidden = backend.down_conv(hidden, torch.ones(8, 2, 2), fine, coarse)
    backend.up_conv(hidden, torch.ones(8, 2, 2), coarse, fine).sum().backward()
    gone = weakref.ref(fine), weakref.ref(coarse)
    del fine, coarse
    gc.collect()
    assert [grid() for grid in gone] == [None, None]


def test_an_evaluation_does_not_spoil_a_training_on_the_same_grid(name: str) -> None:
    backend, fine = load_backend(name), from_dense(torch.ones(4, 4, 4, dtype=torch.bool))
    coarse, features = coarsen(fine), torch.ones(64, 2)

    def run(weight: torch.Tensor) -> torch.Tensor:
        return backend.down_conv(backend.submanifold_conv(features, weight, fine), weight[:8], fine, coarse)

    with torch.inference_mode():
        run(torch.ones(27, 2, 2))
    weight = torch.ones(27, 2, 2, requires_grad=True)
    run(weight).sum().backward()
    assert weight.grad is not None


def test_operands_that_do_not_go_together_are_refused(name: str) -> None:
    backend, grid = load_backend(name), from_dense(torch.ones(2, 2, 2, dtype=torch.bool))
    features = torch.ones(8, 2)
    for weight, says in ((torch.ones(27, 3, 4), r"\[N, 3\]"), (torch.ones(8, 2, 4), "odd k")):
        with pytest.raises(ValueError, match=says):
            backend.submanifold_conv(features, weight, grid)
    for weight, says in ((torch.ones(8, 3, 4), r"\[N, 3\]"), (torch.ones(27, 2, 4), "8 offsets")):
        with pytest.raises(ValueError, match=says):
            backend.down_conv(features, weight, grid, coarsen(grid))
        with pytest.raises(ValueError, match=says):
            backend.up_conv(features, weight, grid, grid)
    with pytest.raises(ValueError, match=r"weight \[k\^3, C\]"):
        backend.depthwise_conv(features, torch.ones(27, 3), grid)


def test_all_convolutions_of_a_network_run_on_the_backend_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = SubmanifoldConv3d(2, 2), DepthwiseConv3d(2), DownConv3d(2, 2), UpConv3d(2, 2)
    network, fine = nn.ModuleDict({"a": nn.ModuleList(layers[:2]), "b": nn.ModuleList(layers[2:])}), GRIDS["full box"]
    coarse, called = coarsen(fine), []
    for function in ("submanifold_conv", "depthwise_conv", "down_conv", "up_conv"):
        kept = getattr(dense, function)
        monkeypatch.setattr(
            dense, function, lambda *o, kept=kept, function=function: called.append(function) or kept(*o)
        )
    for backend in (load_backend("dense"), None):
        set_backend(network, backend)
        features = layers[1](layers[0](torch.ones(len(fine), 2), fine), fine)
        layers[3](layers[2](features, fine, coarse), coarse, fine)
        assert called == ["submanifold_conv", "depthwise_conv", "down_conv", "up_conv"]  # and none by None
    assert not any("backend" in key for key in network.state_dict())


def test_networks_on_other_backends_do_not_disturb_the_shipped_one() -> None:
    other, usual = shipped_network("dense"), shipped_network()
    backends = [
        {module.backend for module in network.modules() if isinstance(module, SubmanifoldConv3d)}
        for network in (other, usual)
    ]
    assert backends == [{dense}, {native}]


def test_an_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"backend: expected one of native, reference, .*, got 'cudnn'"):
        load_backend("cudnn")


@pytest.mark.parametrize(
    ("backend", "library", "command"),
    [
        ("spconv", "spconv.pytorch", r"pip install 'cranial-sparse\[spconv\]'"),
        ("spconv_triton", "spconv_triton.pytorch", r"pip install 'cranial-sparse\[spconv-triton\]'"),
        ("minkowski", "MinkowskiEngine", "make minkowski"),
    ],
)
def test_a_missing_library_names_what_installs_it(
    backend: str, library: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"cranial_sparse.sparse_conv.{backend}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        InputError, match=rf"backend {backend}: its library cannot be imported \(.*\); install it: {command}"
    ):
        load_backend(backend)


def test_minkowski_runs_on_the_cpu_alone() -> None:
    pytest.importorskip("MinkowskiEngineBackend", reason="MinkowskiEngine is not installed: make minkowski")
    elsewhere = torch.ones(1, 2, device="meta")
    with pytest.raises(InputError, match=r"backend minkowski: expected features on the CPU, .* got meta"):
        load_backend("minkowski").submanifold_conv(elsewhere, torch.ones(27, 2, 2), GRIDS["one voxel"])

"""The kernels of kernels/cuda, run on the CPU by emulator.h."""

import ctypes
import shutil
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from cranial_sparse.bricks import cuda
from cranial_sparse.bricks.cuda import compiler, launch

Emulated = ctypes.CDLL


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Emulated:
    """The kernels as a library of C functions."""
    if not (gxx := shutil.which("g++")):
        pytest.skip("g++ is not installed: kernels cannot be emulated")
    folder = tmp_path_factory.mktemp("emulated")
    text = ['#include "emulator.h"', *(f'#include "{path.name}"' for path in (*compiler.sources(), Path("probe.cu")))]
    (folder / "kernels.cpp").write_text("\n".join(text) + "\n")
    includes = [f"-I{path}" for path in (Path(__file__).parent, compiler.folder() / "cuda")]
    options = ["-std=gnu++20", "-O1", "-g", "-shared", "-fPIC", "-Wno-attributes", *includes]
    library = folder / "kernels.so"
    done = subprocess.run([gxx, *options, folder / "kernels.cpp", "-o", library], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def run_emulated(library: Emulated, kernel: str, count: int, threads: int, *arguments: Tensor | int | float) -> None:
    """As launch.run, on tensors of the CPU."""
    if count == 0:
        return
    plain = [argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments]
    integers = [value for value in plain if not isinstance(value, float)]
    reals = [value for value in plain if isinstance(value, float)]
    assert len(integers) <= 20
    assert len(reals) <= 2
    library.emulate(
        ctypes.cast(getattr(library, kernel), ctypes.c_void_p),
        ctypes.c_uint(-(-count // threads)),
        ctypes.c_uint(threads),
        (ctypes.c_longlong * 20)(*integers),
        (ctypes.c_double * 2)(*reals),
    )


@pytest.fixture
def on_cpu(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of bricks.cuda take tensors of the CPU."""
    monkeypatch.setattr(launch, "run", partial(run_emulated, emulated))


@pytest.fixture(params=["emulated", "card"])
def gpu(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The functions of bricks.cuda, emulated, and on a card where there is one, with tensors of the CPU in and out."""
    if request.param == "emulated":
        request.getfixturevalue("on_cpu")
    elif not torch.cuda.is_available():
        pytest.skip("no CUDA device: kernels run emulated only")

    def on_card(function, *arguments):
        there = [argument.cuda() if isinstance(argument, Tensor) else argument for argument in arguments]
        return _home(function(*there))

    wrap = partial(partial, on_card) if request.param == "card" else (lambda function: function)
    return SimpleNamespace(**{name: wrap(getattr(cuda, name)) for name in cuda.__all__})


def _home(result: Any) -> Any:
    return result.cpu() if isinstance(result, Tensor) else tuple(part.cpu() for part in result)

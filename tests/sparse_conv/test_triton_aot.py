"""Every kernel, as its launches specialise it, compiles to machine code of an A100 and of an H100 or H200, on a machine
without a card: the launches are recorded instead of run.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch

from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.bricks.ops import child_bricks

if importlib.util.find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("needs Triton's compiler, not its interpreter", allow_module_level=True)

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from cranial_sparse.sparse_conv import fallback, ops
from cranial_sparse.sparse_conv import triton as fast

TYPES = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32", torch.int32: "i32", torch.int64: "i64"}
TENSOR_CORES = {80: r"mma\.sync", 90: r"wgmma\.mma_async|mma\.sync"}  # in PTX; Hopper's own need 64 rows
PRODUCTS = {"gather_product", "scatter_product", "weight_sums"}
DEPTHWISE = {"depthwise_sums", "depthwise_weight_sums"}
REGISTERS = 255  # a thread has no more; beyond it spills


@pytest.fixture
def launches(monkeypatch, tmp_path):
    """Kernel, arguments and options of the launches made in a test; none of them runs."""
    recorded = []
    monkeypatch.setattr(
        JITFunction, "run", lambda self, *args, grid, warmup, **options: recorded.append((self, args, options))
    )
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    return recorded


def launch_all(dtype: torch.dtype, cin: int, cout: int) -> None:
    fine = from_dense(torch.rand(1, 9, 9, 9, generator=torch.manual_seed(0)) < 0.3)
    coarse = coarsen(fine)
    near = fine.masks, fine.offsets, fine.neighbours
    pair = (child_bricks(coarse.coords, fine.coords), fine.masks, fine.offsets, coarse.masks, coarse.offsets)
    x, y, c = (torch.zeros(n, channels, dtype=dtype) for n, channels in
               ((len(fine), cin), (len(fine), cout), (len(coarse), cout)))  # fmt: skip
    weight, strided, each = (torch.zeros(shape, dtype=dtype) for shape in ((27, cin, cout), (8, cin, cout), (27, cin)))
    fast.submanifold_conv(x, weight, *near, False)
    fast.submanifold_conv_weight(x, y, *near, 27)
    fast.depthwise_conv(x, each, *near, False)
    fast.depthwise_conv_weight(x, x, *near, 27)
    fast.down_conv(x, strided, *pair, len(coarse), False)
    fast.up_conv(c, strided, *pair, len(fine), True)
    fast.strided_conv_weight(x, c, *pair, False)


def compiled(kernel, arguments, options, capability: int):
    """What a launch with these arguments would compile: pointers aligned, integers as they come."""
    constants = {name: value for name, value in options.items() if name in kernel.arg_names}
    signature = dict.fromkeys(kernel.arg_names, "constexpr")
    for name, value in zip(kernel.arg_names, arguments, strict=False):
        signature[name] = f"*{TYPES[value.dtype]}" if torch.is_tensor(value) else "i32"
    aligned = {(i,): [["tt.divisibility", 16]] for i, value in enumerate(arguments) if torch.is_tensor(value)}
    if capability < 90 and "ORDERED" in constants:
        constants["ORDERED"] = False  # as launch.in_order has it on such a card
    build = {name: options[name] for name in ("num_warps", "num_stages")}
    source = ASTSource(kernel, signature, constants, aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=build)


def registers(cubin: bytes, folder: Path) -> tuple[int, int] | None:
    """Registers and bytes of local memory of a thread, as the machine code states them; None without cuobjdump."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    if not tool.exists():
        return None
    (file := folder / "kernel.cubin").write_bytes(cubin)
    usage = subprocess.run([tool, "--dump-resource-usage", file], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found is not None, usage
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(
    ("dtype", "channels", "precision"),
    [
        (torch.float16, (32, 32), "highest"),
        (torch.bfloat16, (64, 128), "highest"),
        (torch.float32, (16, 24), "highest"),
        (torch.float32, (32, 32), "high"),
        (torch.float16, (1, 5), "highest"),
    ],
)
def test_compiles(launches, dtype, channels, precision, capability, tmp_path, monkeypatch, record_property):
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: precision)
    launch_all(dtype, *channels)
    whole = (dtype, channels) == (torch.float16, (32, 32))
    done = set()
    for kernel, arguments, options in launches:
        key = kernel.__name__, options.get("STEPS")
        if key in done or not (
            whole or (kernel.__name__ in PRODUCTS | DEPTHWISE and key[1] == 27) or "scatter" in key[0]
        ):
            continue  # tables are the same for all types, children's products as those of neighbours
        done.add(key)
        code = compiled(kernel, arguments, options, capability)
        assert len(code.asm["cubin"]) > 1000
        assert code.metadata.shared <= 48 << 10  # leaves the most of an SM's 228 KiB (A100: 164) to L1
        if (used := registers(code.asm["cubin"], tmp_path)) is not None:
            record_property(f"{kernel.__name__} {key[1]}: registers, stack, shared", (*used, code.metadata.shared))
            print(f"sm_{capability} {dtype} {channels} {kernel.__name__} {key[1]}: {used[0]} registers, "
                  f"{used[1]} bytes of stack, {code.metadata.shared} bytes shared")  # fmt: skip
            assert used[0] <= REGISTERS
            assert used[1] <= 16
        matrices = kernel.__name__ in PRODUCTS and (dtype != torch.float32 or precision == "high")
        assert bool(re.search(TENSOR_CORES[capability], code.asm["ptx"])) == matrices, kernel.__name__
        if matrices and channels == (32, 32) and dtype == torch.float16 and capability == 90:
            assert "wgmma.mma_async" in code.asm["ptx"]
        if kernel.__name__ in ("locate", "meet"):
            assert "popc.b64" in code.asm["ptx"]
    assert {name for name, _ in done} >= PRODUCTS | DEPTHWISE


def test_rows_of_32_halves_are_loaded_16_bytes_at_a_time(launches):
    launch_all(torch.float16, 32, 32)
    kernel, arguments, options = next(launch for launch in launches if launch[0].__name__ == "gather_product")
    code = compiled(kernel, arguments, options, 90)
    ptx = code.asm["ptx"]
    assert ptx.count("v4.b32") >= 8
    assert "cp.async" not in ptx  # which would pass by the L1 cache
    assert ptx.count("ldmatrix") <= 4  # of the output: features go from loads to tensor cores as they are (order.py)
    assert code.metadata.shared <= 4096


def test_gpus_take_triton_where_it_serves_the_type(monkeypatch):
    """What is registered for GPUs, called as it is: no card is needed to see what it chooses."""
    chosen = ops._on_gpu(fallback.submanifold_conv)
    monkeypatch.setattr(fast, "submanifold_conv", lambda *arguments: "triton")
    grid = from_dense(torch.ones(1, 1, 1, dtype=torch.bool))
    rest = grid.masks, grid.offsets, grid.neighbours, False
    for dtype in fast.DTYPES:
        assert chosen(torch.ones(1, 1, dtype=dtype), torch.ones(1, 1, 1, dtype=dtype), *rest) == "triton"
    double = torch.ones(1, 1, dtype=torch.float64)
    assert chosen(double, double[None], *rest).item() == 1
    monkeypatch.setattr(ops, "_triton", lambda: None)
    assert chosen(double.float(), double[None].float(), *rest).item() == 1

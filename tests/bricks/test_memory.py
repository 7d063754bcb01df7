"""Memory follows the voxels, not the box around them; where there is none left, an exception says so."""

import mmap
import subprocess
import sys

import pytest
import torch

from cranial_sparse.bricks import (
    coarsen,
    components,
    dilate,
    equal,
    erode,
    from_coordinates,
    from_dense,
    lookup,
    parents,
    refine,
    subdivide,
    union,
)


def test_scattered_bricks_need_no_table(peak_growth):
    # Eight corners of a box of 2^57 voxels: a dense table would hold 2^48 bricks.
    ends = -(1 << 18), (1 << 18) - 1
    voxels = torch.tensor([(0, x, y, z) for x in ends for y in ends for z in ends], dtype=torch.int32)

    def every_search():
        grid = from_coordinates(voxels)
        assert lookup(grid, voxels).tolist() == list(range(8))
        assert (lookup(grid, voxels // 2) == -1).all()
        assert (grid.neighbours[:, 13] == torch.arange(8)).all()
        assert (grid.neighbours >= 0).sum() == 8
        assert dilate(grid, 1).num_voxels == 8 * 4  # half of the neighbours would lie beyond the last coordinates
        assert erode(grid, 1).num_voxels == 0
        coarse = coarsen(grid)
        assert parents(grid, coarse)[0].tolist() == list(range(8))
        assert equal(refine(coarse, torch.full((8,), 255, dtype=torch.uint8)), subdivide(coarse))
        assert len(union(grid, coarse)) == 16
        assert len(components(grid)[1]) == 8

    every_search()  # what is loaded at the first call counts for nothing
    assert peak_growth(every_search) < 4


def test_a_long_column_of_bricks_takes_no_buffer(peak_growth):
    volume = torch.zeros(1, 1, 1, 1 << 18, dtype=torch.bool)
    from_dense(volume)
    assert peak_growth(lambda: from_dense(volume)) < 1


def test_running_out_of_memory_raises_and_does_not_end_the_process():
    script = """
import resource, torch
from cranial_sparse.bricks import from_dense
torch.set_num_threads(2)
from_dense(torch.ones(1, 1, 16, dtype=torch.bool))
volume = torch.ones(64, 1, 1, 1 << 18, dtype=torch.bool)  # 128 MiB of masks
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (48 << 20),) * 2)
try:
    from_dense(volume)
except MemoryError:
    print("raised")
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("no limit on memory to run into")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.stdout == "raised\n", run.stderr


def test_memory_of_a_dilation_follows_its_result(peak_growth):
    volume = torch.zeros(160, 160, 160, dtype=torch.bool)
    volume[4::8, 4::8, 4::8] = True  # 8000 bricks, each of which reaches 27, most of them the same
    grid = from_dense(volume)
    dilate(grid, 5)
    assert peak_growth(lambda: dilate(grid, 5)) < 3


def test_large_lists_lie_in_huge_pages_where_the_system_has_them():
    """Seen in the kernel's own account of a process that has freed nothing: what was huge before it was freed still is."""
    script = """
import mmap, torch
from cranial_sparse.bricks import coordinates, from_dense, subdivide
def huge():
    lines = open("/proc/self/smaps").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))
def growth(allocate):
    before = huge()
    kept = allocate()
    return huge() - before
def asked_for():
    pages = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_HUGEPAGE)
    pages.write(bytes(32 << 20))
    return pages
grid = subdivide(from_dense(torch.ones(1, 64, 64, 64, dtype=torch.bool)))
print(growth(lambda: torch.zeros(8 << 20, dtype=torch.int32) + 1), growth(asked_for), growth(lambda: coordinates(grid)))
"""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        pytest.skip("no huge pages to ask for")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    unasked, asked, listed = (int(word) for word in run.stdout.split())  # kB of 32 MiB each
    if asked < 20 << 10 or unasked > 4 << 10:
        pytest.skip(f"the system gives huge pages to nobody, or to everybody: {asked} kB asked for, {unasked} kB not")
    assert listed > 20 << 10

"""Training and completing start where only torch and Lightning are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("SimpleITK", "open3d", "wandb"):
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Blocker())
"""
MODULES = {
    "training": ("cranial_sparse.training.run", "cranial_sparse.training.logs", "experiments.train"),
    "networks": ("cranial_sparse.networks.cascade", "cranial_sparse.sparse_conv", "cranial_sparse.bricks"),
    "data": ("cranial_sparse.data.module",),
    "completion": ("cranial_sparse.completion.pipeline",),
}


@pytest.mark.parametrize("part", MODULES)
def test_without_simpleitk_open3d_and_wandb(part: str) -> None:
    script = BLOCKED + "".join(f"import {module}\n" for module in MODULES[part])
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).resolve().parents[2])

"""Training starts where only torch and Lightning are installed."""

import subprocess
import sys

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("SimpleITK", "open3d", "wandb"):
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Blocker())
import cranial_sparse.training.run
import cranial_sparse.training.logs
"""


def test_without_simpleitk_open3d_and_wandb() -> None:
    subprocess.run([sys.executable, "-c", BLOCKED], check=True)

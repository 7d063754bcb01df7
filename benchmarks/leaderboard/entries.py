"""What stands on the leaderboard: our systems, each alone and refined, and what others have published."""

import lzma
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from safetensors.numpy import load

from cranial_sparse.cli.provenance import weight_hashes
from cranial_sparse.completion import refine
from cranial_sparse.completion.systems import SYSTEMS

REFINED = " + refiner"
REVISION = "revision"


def entries(systems: tuple[str, ...]) -> tuple[str, ...]:
    """The rows of these systems: each alone, and refined."""
    return tuple(name + suffix for name in systems for suffix in ("", REFINED))


def made_by(entry: str) -> dict[str, str]:
    """What decides an entry's figures: its files with their hashes, and its code's revision where that is not the first."""
    system = SYSTEMS[entry.removesuffix(REFINED)]
    made = weight_hashes((*system.weights, *((refine.WEIGHTS,) if entry.endswith(REFINED) else ())))
    return made if system.revision == 1 else made | {REVISION: str(system.revision)}


def parameters(entry: str) -> int:
    """How many numbers the entry's files hold."""
    return sum(_count(name) for name in made_by(entry) if name != REVISION)


def _count(name: str) -> int:
    data = files("cranial_sparse.assets").joinpath(name).read_bytes()
    return sum(
        int(np.prod(array.shape)) for array in load(lzma.decompress(data) if name.endswith(".xz") else data).values()
    )


@dataclass(frozen=True)
class Published:
    """Figures of others on data of their own: not comparable to the digit. HD95 in mm; None: not reported."""

    system: str
    data: str
    dsc: float | None
    bdsc: float | None = None
    hd95: float | None = None
    note: str = ""


PUBLISHED = (
    Published("Wodzinski et al. 2024, heavy augmentation", "SkullFix, official test", 0.96, note="> 0.96"),
    Published("Wodzinski et al. 2024, heavy augmentation", "SkullBreak, official test", 0.94, note="> 0.94"),
    Published("Wodzinski et al. 2024, symmetry", "SkullBreak", 0.94, 0.94, 1.31),
    Published("3D U-Net, re-run", "SkullFix, 25 skulls", 0.91, 0.95, 1.79),
    Published("3D U-Net, re-run", "SkullBreak, same skulls", 0.87, 0.91, 2.32),
    Published("point-cloud diffusion, n = 5", "SkullFix, same", 0.90, 0.93, 1.69, "1210 s a case on an A100"),
    Published("point-cloud diffusion, n = 5", "SkullBreak, same", 0.87, 0.89, 2.45),
    Published("slice ensemble (Yang, Fang, Li 2021), re-run", "SkullFix, same", 0.89, 0.92, 1.98),
    Published("slice ensemble, re-run", "SkullBreak, same", 0.87, 0.89, 2.13),
    Published("sparse U-Net (Kroviakov, Li, Egger), re-run", "SkullFix, same", 0.81, 0.87, 3.04),
    Published("sparse U-Net, re-run", "SkullBreak, same", 0.71, 0.80, 4.60),
    Published("ConvNeXt (Kesornsri et al. 2024)", "a clinical set", 0.797),
    Published("cascade (Kodym, Španěl, Herout 2021)", "SkullBreak and clinical", 0.88, note="ASD 0.67 mm"),
)

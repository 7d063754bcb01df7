"""What the radial completer leaves to cross-validation."""

from dataclasses import dataclass

from cranial_sparse.classical.gaussian import Kernel
from cranial_sparse.classical.orbital import SHIPPED_ORBIT, OrbitSettings

OUTER_KERNEL = Kernel(length=40.0, noise=0.2, mirror=0.7, outlier=2.0)
THICKNESS_KERNEL = Kernel(length=40.0, noise=0.5, mirror=0.7, short=12.0, outlier=2.0)
BENDING_KERNEL = Kernel(length=40.0, noise=1.0, mirror=0.0)


@dataclass(frozen=True)
class RadialSettings:
    """What is chosen by cross-validation; experiments.cross_validate compares other values."""

    outer: Kernel = OUTER_KERNEL
    thickness: Kernel = THICKNESS_KERNEL
    bending: Kernel = BENDING_KERNEL
    orbit: OrbitSettings = SHIPPED_ORBIT
    smallest_hole: float = 500.0  # mm² of outer table; smaller gaps are sutures, vessels and thin bone
    smallest_orbital: float = 1200.0  # mm², where it lies among the orbits alone: those of a low head reach up so far
    missed: float = 4.0  # mm below the expected table: no table was met
    wall: float = 1.25  # mm below it, within a hole's rim: the wall of the cut was met
    logit_per_mm: float = 2.0  # logits are signed distance over half a millimetre, about the error of the maps
    rim: float = 4.0  # mm: the field claims bone this far over the rim, where a cut is oblique, and fades out beyond
    completed: float = 12.0  # mm: the maps are completed this far over the rim, for the field to fade on
    upright: float = (
        0.85  # cosine: near the hole, where bone lies less straight outward, the ray met the wall of the cut
    )
    stands_out: float = 2.5  # mm above its neighbours: a fixture, or debris
    swollen: float = 0.2  # mm: with a median of more above what bone farther away tells, the rim is not believed
    apart: float = 14.0  # mm from the hole: beyond, a cut takes nothing of the inner table, however oblique
    reading: float = 2.5  # mm: near the hole, a thickness this far above what bone farther away tells is not believed
    thinner: float = 1.2  # mm: nor one this far below, for a cut can only take away
    aligned: float = 0.5  # what maps of heads laid onto one another, ridge on ridge, count of the result
    guessed: float = 0.3  # how much ridges of the first guess in the hole count, when the head is laid on


SHIPPED_SETTINGS = RadialSettings()

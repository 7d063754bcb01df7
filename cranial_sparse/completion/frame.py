"""The canonical frame: where a head is, whatever the scanner thought.

Origin 75 mm below the vertex of the mean skull, x to the left, y to the posterior, z to the superior, mid-sagittal
plane x = 0; millimetres throughout. The lattice of 512³ voxels at 0.45 mm lives in this frame.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.geometry import IDENTITY, Geometry, Volume

SPACING = 0.45  # mm, of the finest lattice
SIZE = 512
LOWEST = -145.0  # mm: the lattice reaches from the skull base to 85 mm above the origin, 10 mm above the mean vertex
VAULT_FLOOR = -60.0  # mm: the vault's rays go 118° down from the vertex, to -56 mm on the largest heads
GROWTH = 64  # voxels by which the lattice grows, so that every level still fills whole bricks


@dataclass(frozen=True, eq=False)
class Pose:
    """Rigid map from canonical to patient space: ``lps = centre + rotation @ canonical`` (mm)."""

    rotation: NDArray[np.float64]  # [3, 3]
    centre: NDArray[np.float64]  # [3]

    def to_patient(self, points: NDArray) -> NDArray[np.float64]:
        """Canonical mm [..., 3] to LPS mm [..., 3]."""
        return points @ self.rotation.T + self.centre

    def to_canonical(self, points: NDArray) -> NDArray[np.float64]:
        """LPS mm [..., 3] to canonical mm [..., 3]."""
        return (points - self.centre) @ self.rotation

    def index_map(self, source: Geometry, target: Geometry) -> tuple[NDArray, NDArray]:
        """Matrix [3, 3] and offset [3] taking canonical lattice indices of ``source`` to patient indices of ``target``.

        Affine all the way, so resampling costs one matrix product per voxel.
        """
        offset = target.to_index(self.to_patient(source.to_physical(np.zeros(3))))
        steps = [target.to_index(self.to_patient(source.to_physical(axis))) - offset for axis in np.eye(3)]
        return np.stack(steps, axis=1), offset


def canonical_lattice(level: int = 0, extent: int = SIZE) -> Geometry:
    """The canonical lattice at 0.45 · 2^level mm; level 0 has ``extent``³ voxels (512³ unless the head needs more).

    Voxel 0 of every level starts at the same corner, so eight children exactly fill their parent.
    """
    step = SPACING * 2**level
    half = extent * SPACING / 2
    corner = np.array([-half, -half, LOWEST - (extent - SIZE) * SPACING / 2])
    origin = corner + step / 2
    return Geometry(
        (extent >> level,) * 3, (step,) * 3, (float(origin[0]), float(origin[1]), float(origin[2])), IDENTITY
    )


def halved(lattice: Geometry) -> Geometry:
    """The lattice whose 2³ blocks are the voxels of ``lattice``."""
    nx, ny, nz = lattice.shape
    sx, sy, sz = (length / 2 for length in lattice.spacing)
    corner = lattice.to_physical(np.full(3, -0.25))
    return Geometry((2 * nx, 2 * ny, 2 * nz), (sx, sy, sz), (*map(float, corner),), lattice.direction)  # type: ignore[arg-type]


def lattice_for(skull: Volume, pose: Pose) -> tuple[Geometry, float]:
    """The lattice for a skull (bool [X, Y, Z]), and how many ml of its bone lie outside.

    512³ voxels, or where the vault needs it the next larger multiple of 64, at the same spacing and about the same
    middle. All bone above the plane z = VAULT_FLOOR is inside, headbands and tubes in the mask included, so that what
    is left out (face, neck) lies below it.
    """
    lattice = canonical_lattice()
    matrix, offset = pose.index_map(lattice, skull.geometry)
    index = (np.argwhere(skull.array) - offset) @ np.linalg.inv(matrix).T  # [N, 3]
    reach = np.abs(index - (SIZE - 1) / 2)
    vault = index[:, 2] >= lattice.to_index(np.array([0.0, 0.0, VAULT_FLOOR]))[2]
    margin = 1 + float(np.linalg.norm(skull.geometry.spacing)) / 2 / SPACING  # a voxel is more than its centre
    needed = 2 * (reach[vault].max(initial=0.0) + margin)
    extent = max(SIZE, GROWTH * int(np.ceil(needed / GROWTH)))
    outside = np.count_nonzero((reach > extent / 2).any(axis=1))
    return canonical_lattice(0, extent), outside * skull.geometry.voxel_volume / 1000


def bone_outside_ml(skull: Volume, pose: Pose) -> float:
    """About how many ml of a skull's bone (bool [X, Y, Z]) lie outside its lattice, by every second voxel along each axis."""
    geometry = skull.geometry
    thin = skull.array[::2, ::2, ::2]
    nx, ny, nz = thin.shape
    sx, sy, sz = geometry.spacing
    return lattice_for(Volume(thin, replace(geometry, shape=(nx, ny, nz), spacing=(2 * sx, 2 * sy, 2 * sz))), pose)[1]

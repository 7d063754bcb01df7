"""Skulls in the canonical frame, one packed file each: what ``cranial-sparse prepare`` writes.

A file is a zip archive (stored, not compressed again) of ``case.json`` and of packed brick grids on the case's
lattice: ``complete.brick`` and ``implant.brick`` where they are known, or ``defective.brick`` alone. The JSON holds
the pose, the scanner's geometry and the lattice, so that canonical and patient space follow from each other.
"""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cranial_sparse.bricks import BrickGrid, difference, pack, to_dense, unpack
from cranial_sparse.completion.frame import Pose
from cranial_sparse.completion.resampling import resample
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.io.files import write_whole

FORMAT = 1
SUFFIX = ".skull.zip"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Source:
    """Where a case is from. ``made_by`` is what else decided the result: format and frame, as text.

    ``made_of`` names the skulls of a case that was made of others: none of them may be in another split or fold.
    """

    id: str
    skull_id: str
    kind: str | None
    split: str | None
    sha256: str
    made_by: str
    made_of: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case on ``lattice`` (canonical, 0.45 mm); voxel coordinates of the grids are its indices.

    ``patient`` is the geometry that the skull came on, ``size`` its size relative to the mean skull, ``outside_ml`` the
    bone below the vault that the lattice leaves out. What is not known is None.
    """

    source: Source
    pose: Pose
    size: float
    patient: Geometry
    lattice: Geometry
    outside_ml: float
    complete: BrickGrid | None = None
    implant: BrickGrid | None = None
    damaged: BrickGrid | None = None  # a defective skull whose complete one is not known

    @property
    def defective(self) -> BrickGrid | None:
        """The skull with its hole."""
        if self.complete is None or self.implant is None:
            return self.damaged
        return difference(self.complete, self.implant)

    def to_patient(self, grid: BrickGrid) -> Volume:
        """A grid on the lattice at the patient's own voxels (bool [X, Y, Z]): trilinear, thresholded at one half."""
        matrix, offset = self.pose.index_map(self.lattice, self.patient)
        inverse = np.linalg.inv(matrix)
        dense = to_dense(grid, self.lattice.shape).numpy()
        return Volume(resample(dense, inverse, -inverse @ offset, self.patient.shape), self.patient)

    def volumes_ml(self) -> dict[str, float]:
        """ml of each part that is known, on the lattice."""
        return {name: round(len(grid) * self.lattice.voxel_volume / 1000, 3) for name, grid in self._grids().items()}

    def _grids(self) -> dict[str, BrickGrid]:
        parts = {"complete": self.complete, "implant": self.implant, "defective": self.damaged}
        return {name: grid for name, grid in parts.items() if grid is not None}


def save_prepared(prepared: Prepared, path: Path) -> None:
    """Write ``path`` whole or not at all; the same case gives the same bytes."""
    facts = {
        "source": asdict(prepared.source),
        "pose": {"rotation": prepared.pose.rotation.tolist(), "centre": prepared.pose.centre.tolist()},
        "size": prepared.size,
        "patient": asdict(prepared.patient),
        "lattice": asdict(prepared.lattice),
        "outside_ml": prepared.outside_ml,
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("case.json"), json.dumps(facts, indent=1))
        for name, grid in prepared._grids().items():
            archive.writestr(zipfile.ZipInfo(f"{name}.brick"), pack(grid))
    write_whole(path, data.getvalue())


def load_prepared(path: str | Path) -> Prepared:
    """Read what save_prepared wrote. Raises InputError where the file is missing, damaged or something else."""
    try:
        with zipfile.ZipFile(path) as archive:
            facts = json.loads(archive.read("case.json"))
            grids = {name[:-6]: unpack(archive.read(name), f"{path}: {name}") for name in archive.namelist()[1:]}
        return Prepared(
            _source(facts["source"]),
            Pose(*(np.array(facts["pose"][name]) for name in ("rotation", "centre"))),
            facts["size"],
            _geometry(facts["patient"]),
            _geometry(facts["lattice"]),
            facts["outside_ml"],
            grids.get("complete"),
            grids.get("implant"),
            grids.get("defective"),
        )
    except InputError:
        raise
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a prepared skull, but {error}; prepare it again") from error


def read_manifest(folder: str | Path) -> list[dict]:
    """What the manifest of a prepared ``folder`` says of each case. Raises InputError where it has none."""
    path = Path(folder) / MANIFEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))["cases"]
    except OSError as error:
        raise InputError(
            f"{path}: expected the manifest of a prepared folder, but it cannot be read ({error.strerror}); run prepare"
        ) from error
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: expected the manifest of a prepared folder, but it is damaged ({error}); run prepare"
        ) from error


def find_prepared(folder: str | Path) -> dict[str, Path]:
    """The prepared cases of ``folder`` by id, as its manifest lists them. Raises InputError where it has none."""
    return {case["id"]: Path(folder) / case["file"] for case in read_manifest(folder)}


def _source(facts: dict) -> Source:
    return Source(**facts | {"made_of": tuple(facts.get("made_of", ()))})


def _geometry(facts: dict) -> Geometry:
    return Geometry(*(tuple(facts[name]) for name in ("shape", "spacing", "origin", "direction")))

"""The way back to the patient's voxels: everywhere that a field can be positive, and nowhere else."""

import numpy as np
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose
from cranial_sparse.completion.patient import ABSENT, missing_bone, patient_logits
from cranial_sparse.geometry import Geometry, Volume

LATTICE = Geometry((12, 14, 10), (0.9, 0.9, 0.9), (-5.0, -6.0, -4.0))
PATIENT = Geometry((26, 25, 24), (0.7, 0.6, 0.8), (-9.0, -8.0, -9.0))


def field_of(logits: np.ndarray, turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Field:
    pose = Pose(Rotation.from_rotvec(turn).as_matrix(), np.array([0.3, -0.2, 0.5]))
    return Field(torch.from_numpy(logits.astype(np.float32)), LATTICE, pose)


@settings(max_examples=40, deadline=None)
@example(160, (0.0, 0.0, 0.0), -2.0)
@given(st.integers(0, 10_000), st.tuples(*[st.floats(-1.5, 1.5)] * 3), st.floats(-3, 1))
def test_every_voxel_that_interpolation_finds_positive_is_in_the_box(
    seed: int, turn: tuple[float, float, float], level: float
) -> None:
    """Against scipy's map_coordinates at every voxel of the patient, whatever lies at the borders of the lattice.

    Without a turn some voxels lie on the lattice's border to the last bit, so what is beyond it has to join on.
    """
    field = field_of(np.random.default_rng(seed).normal(level, 1, LATTICE.shape), turn)
    logits, box = patient_logits(field, PATIENT)
    points = PATIENT.to_physical(np.argwhere(np.ones(PATIENT.shape, bool)))
    index = LATTICE.to_index(field.pose.to_canonical(points))
    whole = map_coordinates(field.logits.numpy(), index.T, order=1, mode="grid-constant", cval=ABSENT, prefilter=False)
    whole = whole.reshape(PATIENT.shape)
    rest = np.ones(PATIENT.shape, bool)
    rest[box] = False
    assert not (whole[rest] > 0).any()
    np.testing.assert_allclose(logits, whole[box], atol=1e-3)


def test_one_positive_voxel_needs_a_small_box() -> None:
    logits = np.full(LATTICE.shape, -1.0)
    logits[6, 7, 5] = 5.0
    found, box = patient_logits(field_of(logits), PATIENT)
    assert (found > 0).any()
    assert found.size < 100
    assert all(side.stop - side.start <= 5 for side in box)


def test_a_field_without_bone_gives_no_implant() -> None:
    logits, box = patient_logits(field_of(np.full(LATTICE.shape, -1.0)), PATIENT)
    assert logits.size == 0
    skull = Volume(np.zeros(PATIENT.shape, bool), PATIENT)
    assert not missing_bone(logits, box, skull).array.any()

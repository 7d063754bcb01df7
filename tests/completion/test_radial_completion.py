"""The radial completer from skull to implant, on the model's own mean head, where the truth is known."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from cranial_sparse.classical.maps import PIXELS
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import Vault, hole_box, radial_completer
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.completion.completer import Field, spread_at
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.pipeline import CUT_ABOVE_ORBITS, DOUBTFUL, complete, doubts
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import dsc


def test_a_hole_in_the_mean_head_is_filled(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="radial")
    assert dsc(completion.implant.array, truth) > 0.95
    assert not (completion.implant.array & defective.array).any()
    assert completion.implant.geometry == defective.geometry
    assert completion.weights == ("radial.safetensors", "radial_aligned.safetensors")
    assert set(completion.seconds) == {"propose", "to patient", "count outside"}


def test_a_tilted_and_shifted_head_is_filled_as_well(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    turn = Rotation.from_euler("xyz", [12, -4, 5], degrees=True).as_matrix()
    geometry = defective.geometry
    origin = turn @ np.asarray(geometry.origin) + [30.0, -400.0, 150.0]
    tilted = Geometry(geometry.shape, geometry.spacing, tuple(map(float, origin)), tuple(map(float, turn.ravel())))
    completion = complete(Volume(defective.array, tilted), system="radial")
    assert dsc(completion.implant.array, truth) > 0.93


@pytest.mark.parametrize("axis", [0, 2])
def test_thick_slices_keep_their_implant(axis: int, defect: tuple[Volume, np.ndarray]) -> None:
    """Regression: bone two slices thick was taken for a shell, and of 5 mm slices a quarter of the implant was left."""
    defective, truth = defect
    every = tuple(slice(1, None, 3) if k == axis else slice(None) for k in range(3))
    array = defective.array[every]
    spacing = tuple(3 * s if k == axis else s for k, s in enumerate(defective.geometry.spacing))
    origin = defective.geometry.to_physical(np.eye(3)[axis])
    thick = Geometry(array.shape, spacing, tuple(map(float, origin)))  # type: ignore[arg-type]
    completion = complete(Volume(array, thick), system="radial")
    assert dsc(completion.implant.array, truth[every]) > 0.9


def test_the_pose_of_a_turned_head_is_found(head: Volume) -> None:
    turn = Rotation.from_euler("xyz", [15, 3, -6], degrees=True).as_matrix()
    geometry = head.geometry
    moved = Geometry(
        geometry.shape,
        geometry.spacing,
        tuple(map(float, turn @ np.asarray(geometry.origin) + [5.0, 6.0, 7.0])),
        tuple(map(float, turn.ravel())),
    )
    pose, fitted = estimate_pose(Volume(head.array, moved), shipped_model().outer)
    angle = np.rad2deg(np.linalg.norm(Rotation.from_matrix(pose.rotation @ turn.T).as_rotvec()))
    assert angle < 1.0
    np.testing.assert_allclose(pose.centre, [5.0, 6.0, 7.0], atol=1.5)
    assert np.mean(fitted / shipped_model().outer.mean) == pytest.approx(1.0, abs=0.02)


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    completion = complete(head, system="radial")
    assert not completion.implant.array.any()
    assert completion.warnings == ()  # the command line says it, once


def test_a_scan_that_ends_above_the_orbits_is_completed_and_told(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    low = round((5.0 - defective.geometry.origin[2]) / defective.geometry.spacing[2])
    array = defective.array[:, :, low:]
    completion = complete(Volume(array, defective.geometry.crop((0, 0, low), array.shape)), system="radial")
    assert dsc(completion.implant.array, truth[:, :, low:]) > 0.9
    assert completion.warnings == (CUT_ABOVE_ORBITS,)
    assert complete(defective, system="radial").warnings == ()


def test_two_holes_are_both_filled(head: Volume) -> None:
    points = head.geometry.to_physical(np.stack(np.indices(head.array.shape), -1))
    holes = [np.linalg.norm(points - np.array(c), axis=-1) < 28 for c in ((55.0, 20.0, 45.0), (-55.0, 20.0, 45.0))]
    missing = head.array & (holes[0] | holes[1])
    completion = complete(Volume(head.array & ~missing, head.geometry), system="radial")
    for hole in holes:
        assert dsc(completion.implant.array & hole, head.array & hole) > 0.9


def with_neck(skull: Volume) -> Volume:
    """The skull with 120 mm below it, and 600 voxels of bone at their lower end."""
    deeper = np.pad(skull.array, ((0, 0), (0, 0), (80, 0)))
    deeper[50:60, 60:70, :6] = True
    x, y, z = skull.geometry.origin
    return Volume(deeper, Geometry(deeper.shape, skull.geometry.spacing, (x, y, z - 120.0)))


def test_bone_below_the_lattice_of_a_whole_head_is_counted(head: Volume) -> None:
    """Regression: it was 0 where nothing was missing."""
    completion = complete(with_neck(head), system="radial")
    assert not completion.implant.array.any()
    assert completion.outside_ml == pytest.approx(600 * 1.5**3 / 1000)


def test_bone_below_the_lattice_is_counted_and_left_alone(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(with_neck(defective), system="radial")
    assert completion.outside_ml == pytest.approx(600 * 1.5**3 / 1000)
    assert dsc(completion.implant.array[:, :, 80:], truth) > 0.94
    assert complete(defective, system="radial").outside_ml == 0


def noise(head: Volume) -> Volume:
    return Volume(np.random.default_rng(0).random(head.array.shape) < 0.1, head.geometry)


def box(head: Volume) -> Volume:
    """Hollow, with sides of 150 mm."""
    sides = np.full((100, 100, 100), True)
    sides[4:-4, 4:-4, 4:-4] = False
    return Volume(np.pad(sides, 5), Geometry((110, 110, 110), (1.5, 1.5, 1.5)))


def spaced(head: Volume, factor: float) -> Volume:
    return Volume(head.array, replace(head.geometry, spacing=(1.5 * factor,) * 3))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (noise, "does not look like a skull"),
        (box, "of its surface lies within 4 mm of a vault's shape"),
        (partial(spaced, factor=1.5), "times the mean one, expected 0.7 to 1.25; check spacing"),
        (partial(spaced, factor=0.65), "times the mean one, expected 0.7 to 1.25; check spacing"),
    ],
    ids=["noise", "box", "spacing x 1.5", "spacing x 0.7"],
)
def test_what_is_no_skull_is_refused(make: Callable[[Volume], Volume], told: str, head: Volume) -> None:
    """Regression: noise and boxes were whole vaults, and a wrong spacing gave a wrong implant."""
    with pytest.raises(InputError, match=told):
        estimate_pose(make(head), shipped_model().outer)


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_small_and_large_heads_are_accepted(factor: float, head: Volume) -> None:
    estimate_pose(spaced(head, factor), shipped_model().outer)


def test_no_bone_and_no_vault_are_errors(head: Volume) -> None:
    with pytest.raises(InputError, match="no bone"):
        complete(Volume(np.zeros_like(head.array), head.geometry))
    sliver = np.zeros_like(head.array)
    sliver[:, :, :12] = head.array[:, :, :12]
    with pytest.raises(InputError, match="of the vault is in view"):
        complete(Volume(sliver, head.geometry))


def test_an_unknown_system_is_an_error_that_names_the_known_ones(head: Volume) -> None:
    with pytest.raises(InputError, match="cascade, radial"):
        complete(head, system="crystal ball")


def test_the_field_is_positive_in_the_missing_bone_and_negative_beside_it(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    field = radial_completer(defective)
    assert field is not None
    logits, box = patient_logits(field, defective.geometry)
    assert (logits[truth[box]] > 0).mean() > 0.93
    assert (logits[~(truth | defective.array)[box]] > 0).mean() < 0.01


def test_the_middle_of_the_hole_is_less_sure_than_its_rim(defect: tuple[Volume, np.ndarray]) -> None:
    skull, implant = defect
    field = radial_completer(skull)
    assert field is not None
    places = skull.geometry.to_physical(np.argwhere(implant))
    from_middle = np.linalg.norm(places - places.mean(0), axis=1)
    spread = spread_at(field, places)
    assert spread[from_middle < 10].mean() > 1.3 * spread[from_middle > 30].mean() > 0
    assert 0.5 < field.facts["expected_dsc"] < 1


def test_a_proposal_that_expects_to_be_poor_is_told() -> None:
    field = Field(torch.zeros(1, 1, 1), Geometry((1, 1, 1), (1.0,) * 3, (0.0,) * 3), Pose(np.eye(3), np.zeros(3)))
    assert doubts(field) == ()
    assert doubts(replace(field, facts={"expected_dsc": DOUBTFUL})) == ()
    (said,) = doubts(replace(field, facts={"expected_dsc": DOUBTFUL - 0.1}))
    assert f"{DOUBTFUL - 0.1:.2f}" in said
    with pytest.raises(ValueError, match="spread"):
        spread_at(field, np.zeros((1, 3)))


def test_a_head_on_its_side_is_completed_and_told_of(defect: tuple[Volume, np.ndarray]) -> None:
    """Regression: a head that lies far from its header's axes got an implant beside the hole as well."""
    defective, truth = defect
    upright = complete(defective, system="radial")
    turn = Rotation.from_euler("y", 80, degrees=True).as_matrix()
    geometry = defective.geometry
    lying = replace(geometry, origin=tuple(turn @ geometry.origin), direction=tuple(turn.ravel()))
    completion = complete(Volume(defective.array, lying), system="radial")
    assert dsc(completion.implant.array, truth) > 0.95
    (said,) = completion.warnings
    assert "turned by 80 degrees" in said
    assert upright.warnings == ()


def test_nothing_is_missing_where_field_and_scan_do_not_meet(head: Volume) -> None:
    nowhere = missing_bone(np.zeros((0, 4, 4), np.float32), (slice(0, 0), slice(0, 4), slice(0, 4)), head)
    assert not nowhere.array.any()


def test_crumbs_and_shells_are_cleaned_away(head: Volume) -> None:
    logits = np.full((40, 40, 40), -5.0, np.float32)
    logits[5:20, 5:20, 5:12] = 5  # a part
    logits[30:32, 30:32, 30:32] = 5  # a crumb
    logits[20:36, 5:20, 8] = 5  # a shell one voxel thick that hangs on the part
    empty = Volume(np.zeros((40, 40, 40), bool), Geometry((40, 40, 40), (1.0, 1.0, 1.0)))
    found = missing_bone(logits, (slice(0, 40), slice(0, 40), slice(0, 40)), empty).array
    assert found[5:20, 5:20, 5:12].mean() > 0.98
    assert not found[29:].any()
    assert not found[23:29].any()


def test_the_model_survives_its_file() -> None:
    """Regression: transposed modes were once written in the wrong order."""
    model = shipped_model()
    again = RadialModel.from_bytes(model.to_bytes(), model.aligned.to_bytes())
    np.testing.assert_array_equal(again.outer.modes, model.outer.modes)
    np.testing.assert_array_equal(again.aligned.outer.modes, model.aligned.outer.modes)
    power = (model.outer.modes**2).mean((1, 2))
    assert (np.diff(power) < 0).mean() > 0.8  # principal modes come strongest first


def test_the_box_of_an_oversize_head_is_not_clipped() -> None:
    """A vertex 110 mm above the origin lies over the 512³ lattice, which ends at 85 mm."""
    hole = np.zeros((PIXELS, PIXELS), bool)
    hole[70:90, 70:90] = True
    large = Vault(np.full(hole.shape, 110.0), np.full(hole.shape, 6.0), hole)
    lattice = canonical_lattice(1)
    box = hole_box(large, lattice)
    top = box.to_physical(np.asarray(box.shape) - 0.5)[2]
    assert top > 110.0 + 9
    assert all(n % 8 == 0 for n in box.shape)
    np.testing.assert_allclose(lattice.to_index(np.asarray(box.origin)) % 8, 0, atol=1e-6)

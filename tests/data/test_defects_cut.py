import numpy as np
import pytest
from scipy.ndimage import label

from cranial_sparse.data.defects import KINDS, crosses_midline, cut_volume, evaluate, fit_vault, sample_defect
from cranial_sparse.data.defects.sampling import MAX_SHARE
from cranial_sparse.data.defects.vault import RIM_HEIGHT
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume

POINT_ML = 0.008  # a voxel of 2 mm


@pytest.fixture(scope="module")
def cuts(skull):
    return {kind: cut_volume(skull, kind, seed=4) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_defective_and_implant_make_up_the_complete_skull(skull, cuts, kind):
    cut = cuts[kind]
    assert not (cut.defective.array & cut.implant.array).any()
    assert np.array_equal(cut.defective.array | cut.implant.array, skull.array)
    assert cut.implant.geometry == cut.defective.geometry == skull.geometry
    parts = np.bincount(label(cut.implant.array)[0].ravel())[1:]
    assert parts.max() > 0.97 * parts.sum()
    rest = np.bincount(label(cut.defective.array)[0].ravel())[1:]
    assert rest.max() > 0.99 * rest.sum()  # nothing left loose


@pytest.mark.parametrize("kind", KINDS)
def test_the_volume_is_in_the_range_of_its_kind(skull, points, cuts, kind):
    least, greatest = KINDS[kind].volume
    volume, vault = cuts[kind].volume_ml, cuts[kind].defect.vault
    assert volume == pytest.approx(cuts[kind].implant.array.sum() * POINT_ML)
    assert 0.99 * least <= volume <= greatest
    bone = (vault.outside_shell(vault.to_local(points), floor_drop=10) < 0).sum() * POINT_ML
    assert volume <= MAX_SHARE * bone


@pytest.mark.parametrize("kind", KINDS)
def test_the_defect_goes_through_and_stays_on_the_vault(points, cuts, kind):
    defect = cuts[kind].defect
    local = defect.vault.to_local(points)
    middle = local[defect.contains(points)].mean(axis=0)
    taken = local[defect.contains(points)]
    assert taken[:, 2].min() >= RIM_HEIGHT - 7
    core = taken[np.argmin(np.linalg.norm(taken - middle, axis=1))]
    core = core / np.linalg.norm(core)
    along = points[np.linalg.norm(np.cross(local, core), axis=1) < 3]
    near = along[defect.vault.to_local(along) @ core > 0]  # outer to inner table
    assert defect.contains(near).all()
    assert not defect.contains(along[defect.vault.to_local(along) @ core < 0]).any()  # the far side


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides(skull, cuts, kind):
    again, other = cut_volume(skull, kind, seed=4), cut_volume(skull, kind, seed=5)
    assert np.array_equal(again.implant.array, cuts[kind].implant.array)
    assert not np.array_equal(other.implant.array, cuts[kind].implant.array)


def test_kinds_differ_under_one_seed(cuts):
    assert not np.array_equal(cuts["random_1"].implant.array, cuts["random_2"].implant.array)


@pytest.mark.parametrize("kind", KINDS)
def test_points_and_volume_and_distance_agree(skull, points, cuts, kind):
    defect = cuts[kind].defect
    inside = defect.contains(points)
    assert np.array_equal(inside, evaluate(defect, skull)[skull.array])
    assert np.array_equal(inside, defect.distance(points) < 0)
    assert np.array_equal(inside[::7], defect.contains(points[::7]))


def test_memory_order_does_not_matter(skull, cuts):
    turned = Volume(np.asfortranarray(skull.array), skull.geometry)
    assert np.array_equal(cut_volume(turned, "sphere", 4).implant.array, cuts["sphere"].implant.array)


def test_an_oblique_lattice_gives_the_same_hole(skull, cuts):
    """The same bone on a lattice with flipped, swapped axes: the defect is a set in space, not of voxels."""
    g = skull.geometry
    flipped = np.ascontiguousarray(skull.array[::-1].transpose(1, 0, 2))
    origin = g.to_physical(np.array([g.shape[0] - 1, 0, 0]))
    direction = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    other = Volume(
        flipped, Geometry((g.shape[1], g.shape[0], g.shape[2]), g.spacing, tuple(map(float, origin)), direction)
    )
    expected = evaluate(cuts["bilateral"].defect, skull)
    assert np.array_equal(evaluate(cuts["bilateral"].defect, other), expected[::-1].transpose(1, 0, 2))


@pytest.mark.parametrize("kind", ["bilateral", "frontoorbital", "parietotemporal", "skullfix"])
def test_kinds_lie_where_their_names_say(points, kind):
    vault = fit_vault(points)
    for seed in range(5):
        defect = sample_defect(points, POINT_ML, kind, np.random.default_rng(seed), vault)
        local = vault.to_local(points[defect.contains(points)])
        x, y, z = local.mean(axis=0)
        match kind:
            case "bilateral":
                assert crosses_midline(defect, points)
                assert local[:, 0].min() < -25
                assert local[:, 0].max() > 25
            case "frontoorbital":
                assert y < -40
                assert local[:, 2].min() < RIM_HEIGHT + 6
            case "parietotemporal":
                assert abs(x) > 35
                assert not crosses_midline(defect, points)
            case "skullfix":
                assert y > 20
                assert z > 20
                assert abs(x) < 15


def test_an_even_sample_of_the_points_is_enough(skull, points):
    rng = np.random.default_rng(0)
    some = points[rng.choice(len(points), len(points) // 2, replace=False)]
    defect = sample_defect(some, 2 * POINT_ML, "craniotomy", rng)
    volume = defect.contains(points).sum() * POINT_ML
    assert volume == pytest.approx(defect.contains(some).sum() * 2 * POINT_ML, rel=0.1)


def test_what_cannot_be_cut_is_refused(skull, points):
    with pytest.raises(InputError, match="expected one of skullfix, sphere"):
        cut_volume(skull, "square", 0)
    with pytest.raises(InputError, match="empty volume"):
        cut_volume(Volume(np.zeros_like(skull.array), skull.geometry), "sphere", 0)
    with pytest.raises(InputError, match="too much for a vault"):
        sample_defect(points, POINT_ML * 0.02, "bilateral", np.random.default_rng(0))

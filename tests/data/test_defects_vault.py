import numpy as np
import pytest

from cranial_sparse.data.defects import fit_vault
from cranial_sparse.data.defects.vault import ORDER, RIM_HEIGHT, SHELL, _harmonics
from cranial_sparse.errors import InputError


def test_the_basis_spans_every_harmonic_up_to_its_order():
    directions = np.random.default_rng(0).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    basis = _harmonics(directions)
    assert basis.shape[1] == (ORDER + 1) ** 2
    for powers in ((0, 0, 0), (1, 0, 0), (2, 1, 1), (0, 0, ORDER)):
        target = np.prod(directions**powers, axis=1)
        fitted = basis @ np.linalg.lstsq(basis, target, rcond=None)[0]
        assert np.abs(fitted - target).max() < 1e-8


def test_the_surface_of_an_ellipsoid_is_found_to_a_voxel(points):
    vault = fit_vault(points)
    for azimuth, elevation in ((0, 60), (90, 30), (180, 10), (-90, 45), (0, 90)):
        point = vault.to_points(vault.surface_point(azimuth, elevation)) - (10, -20, 300)
        assert abs(np.linalg.norm(point / (70, 92, 75)) - 1) * 75 < 2.5


def test_local_coordinates_come_back(points):
    vault = fit_vault(points)
    points = np.random.default_rng(1).uniform(-100, 400, (50, 3))
    assert np.allclose(vault.to_points(vault.to_local(points)), points, atol=1e-3)


@pytest.mark.parametrize("pitch", [-0.25, 0.0, 0.25])
def test_the_orbits_give_the_pitch(points, make_head, pitch):
    pitched = make_head(pitch=pitch)
    level = fit_vault(points)
    vault = fit_vault(pitched.geometry.to_physical(np.argwhere(pitched.array)))
    turned = np.arcsin(vault.rotation[1, 2]) - np.arcsin(level.rotation[1, 2])
    assert abs(turned - pitch) < 0.07  # 4 degrees
    assert np.allclose(vault.rotation @ vault.rotation.T, np.eye(3))


def test_a_headband_does_not_move_the_surface(points):
    angle = np.linspace(-0.9, 0.9, 4000)
    band = np.stack([95 * np.sin(angle) + 10, -120 * np.cos(angle) - 20, np.full(4000, 320.0)], axis=1)
    vault = fit_vault(np.concatenate([points, band]))
    vaulted = points[:, 2] > 300
    assert (vault.outside_shell(vault.to_local(points[vaulted])) < 0).mean() > 0.99
    assert (vault.outside_shell(vault.to_local(band)) > 0).all()


def test_the_shell_holds_the_vault_and_nothing_below_the_rims(points):
    vault = fit_vault(points)
    local = vault.to_local(points)
    above = local[:, 2] > RIM_HEIGHT
    outside = vault.outside_shell(local)
    assert (outside[above] < 0).mean() > 0.99
    assert (outside[~above] >= 0).all()
    inside = vault.surface_point(90, 30) * (1 - (SHELL[1] + 5) / np.linalg.norm(vault.surface_point(90, 30)))
    assert vault.outside_shell(inside[None])[0] == pytest.approx(5, abs=0.1)


def test_what_is_no_head_is_refused(points):
    with pytest.raises(InputError, match="at least 2000 bone points"):
        fit_vault(points[:1000])
    with pytest.raises(InputError, match="check spacing and orientation"):
        fit_vault(points / 10)

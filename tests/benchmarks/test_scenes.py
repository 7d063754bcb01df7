"""The grids that benchmarks run on."""

import numpy as np
import pytest
import torch

from benchmarks.common.scenes import at_size, band, box, ellipsoid_shell, filled_shell, on_lattice, skull
from cranial_sparse.bricks import coordinates, difference, equal, from_coordinates, from_dense, subdivide, to_dense
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume


@pytest.mark.parametrize("fill", [0.01, 0.3, 1.0])
def test_shells_fill_what_is_asked(fill: float) -> None:
    assert len(filled_shell(16, fill)) == round(fill * 16**3)


def test_shells_grow() -> None:
    assert len(difference(filled_shell(16, 0.1), filled_shell(16, 0.2))) == 0


def test_a_volume_on_its_own_lattice_stays() -> None:
    array = np.random.default_rng(0).random((16, 16, 16)) < 0.3
    spacing = 0.45 * 512 / 16
    found = to_dense(on_lattice(Volume(array, Geometry((16, 16, 16), (spacing,) * 3)), 16), (16, 16, 16))
    assert np.array_equal(found.numpy(), array)


def test_a_volume_is_centred_and_resampled() -> None:
    """Twice the spacing along x: each voxel counts twice there; shorter along y: empty on both sides."""
    array = np.zeros((8, 6, 16), bool)
    array[3, 0] = True
    spacing = 0.45 * 512 / 16
    found = coordinates(on_lattice(Volume(array, Geometry((8, 6, 16), (2 * spacing, spacing, spacing))), 16))[:, 1:]
    assert sorted(set(found[:, 0].tolist())) == [6, 7]
    assert set(found[:, 1].tolist()) == {5}
    assert set(found[:, 2].tolist()) == set(range(16))


def test_sizes_are_powers_of_two_apart() -> None:
    grid = from_coordinates(ellipsoid_shell(32, 2))
    assert equal(at_size(subdivide(grid), 32, 64), grid)
    assert equal(at_size(grid, 64, 32), subdivide(grid))
    with pytest.raises(InputError, match="size 24: expected"):
        at_size(grid, 24, 32)


def test_a_box_holds_its_grid() -> None:
    grid = from_dense(torch.ones((3, 10, 5), dtype=torch.bool), (-9, 7, 16))
    assert box(grid, 4) == ((-16, 0, 16), (16, 24, 8))
    assert len(from_dense(to_dense(grid, (16, 24, 8), (-16, 0, 16)))) == len(grid)


def test_a_band_lies_on_both_sides_of_a_surface() -> None:
    implant = from_dense(torch.ones((21, 21, 21), dtype=torch.bool))
    voxels = coordinates(band(implant))[:, 1:]
    assert (voxels.amin().item(), voxels.amax().item()) == (-3, 23)
    assert len(difference(implant, band(implant))) == 13**3


def test_without_skulls_there_is_a_shell_with_an_implant() -> None:
    found = skull(None, size=64)
    assert found.name == "ellipsoid shell"
    assert len(difference(found.implant, found.complete)) == 0
    assert 0.01 < len(found.implant) / len(found.complete) < 0.2

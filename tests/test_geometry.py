import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cranial_sparse.geometry import Geometry, Volume

lengths = st.floats(0.1, 10.0)
angles = st.floats(-np.pi, np.pi)
places = st.floats(-500.0, 500.0)


@st.composite
def geometries(draw) -> Geometry:
    """Oblique, flipped, anisotropic and mildly sheared lattices."""
    direction = Rotation.from_euler("xyz", [draw(angles) for _ in range(3)]).as_matrix()
    direction = direction * [draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)]
    direction[:, 2] += draw(st.floats(0.0, 0.4)) * direction[:, 1]
    direction /= np.linalg.norm(direction, axis=0)
    spacing = (draw(lengths), draw(lengths), draw(lengths))
    return Geometry((7, 8, 9), spacing, (draw(places), draw(places), draw(places)), tuple(direction.ravel().tolist()))


@given(geometries(), st.lists(st.tuples(places, places, places), min_size=1, max_size=4))
def test_index_and_physical_are_inverse(geometry: Geometry, indices: list) -> None:
    back = geometry.to_index(geometry.to_physical(np.array(indices)))
    np.testing.assert_allclose(back, indices, atol=1e-6)


@given(geometries(), st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)))
def test_crop_keeps_voxels_where_they_are(geometry: Geometry, start: tuple[int, int, int]) -> None:
    cropped = geometry.crop(start, (2, 3, 4))
    index = np.array([[0, 0, 0], [1, 2, 3]])
    np.testing.assert_allclose(cropped.to_physical(index), geometry.to_physical(index + start), atol=1e-9)
    assert cropped.shape == (2, 3, 4)


@given(geometries())
def test_voxel_volume_is_the_determinant(geometry: Geometry) -> None:
    a, b, c = geometry.matrix.T
    assert geometry.voxel_volume == pytest.approx(abs(np.dot(np.cross(a, b), c)))


def test_columns_are_the_axes_steps() -> None:
    geometry = Geometry((2, 2, 2), (0.5, 1.0, 2.0), (10.0, 20.0, 30.0), (0, -1, 0, 1, 0, 0, 0, 0, 1))
    np.testing.assert_array_equal(geometry.to_physical(np.array([1, 0, 0])), [10.0, 20.5, 30.0])
    np.testing.assert_array_equal(geometry.to_physical(np.array([0, 1, 0])), [9.0, 20.0, 30.0])
    np.testing.assert_array_equal(geometry.to_physical(np.array([0, 0, 1])), [10.0, 20.0, 32.0])


@pytest.mark.parametrize("spacing", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (np.inf, 1.0, 1.0)])
def test_spacing_must_be_positive_and_finite(spacing: tuple) -> None:
    with pytest.raises(ValueError, match="spacing"):
        Geometry((1, 1, 1), spacing)


def test_directions_must_span_space() -> None:
    with pytest.raises(ValueError, match="direction"):
        Geometry((1, 1, 1), (1.0, 1.0, 1.0), direction=(1, 0, 0, 0, 1, 0, 0, 1, 0))


def test_volume_checks_its_shape() -> None:
    with pytest.raises(ValueError, match="geometry says"):
        Volume(np.zeros((2, 3, 4)), Geometry((4, 3, 2), (1.0, 1.0, 1.0)))

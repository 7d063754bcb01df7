"""The PNG encoder against a decoder that is not ours."""

import io

import numpy as np
import pytest

from cranial_sparse.report.png import encode_png, encode_rgb

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [10, 200, 30], [1, 2, 3]], np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (40, 3)])
def test_decodes_to_the_same_picture(shape: tuple[int, int]):
    from skimage.io import imread

    indices = np.random.default_rng(0).integers(0, len(PALETTE), shape).astype(np.uint8)
    decoded = imread(io.BytesIO(encode_png(indices, PALETTE)))
    np.testing.assert_array_equal(decoded[..., :3].reshape(*shape, 3), PALETTE[indices])


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 9, 3), (40, 3, 3)])
def test_colours_decode_to_the_same_picture(shape: tuple[int, int, int]):
    from skimage.io import imread

    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(imread(io.BytesIO(encode_rgb(picture))).reshape(shape), picture)


def test_refuses_what_the_palette_does_not_hold():
    with pytest.raises(ValueError, match="indices below 4"):
        encode_png(np.full((2, 2), 4, np.uint8), PALETTE)
    with pytest.raises(ValueError, match="expected a picture"):
        encode_png(np.zeros((0, 2), np.uint8), PALETTE)

import cv2
import numpy as np
import pytest

from unet.data.augment import augment, random_affine, warp
from unet.image import Padding, normalise

PADDING = Padding.to_multiple(101, 101, 16)
IMAGE = np.random.default_rng(0).integers(0, 256, (101, 101), dtype=np.uint8)
MASK = cv2.circle(np.zeros((101, 101), np.uint8), (40, 60), 25, 1, -1).astype(bool)
TARGET = MASK.astype(np.uint8) * 255
SHIFT = np.array([[1.0, 0.0, -PADDING.left], [0.0, 1.0, -PADDING.top]])
FLIP = np.array([[-1.0, 0.0, 100 + PADDING.left], [0.0, 1.0, -PADDING.top]])


def test_no_change_gives_exactly_what_prediction_gives():
    """Training and prediction must pad and normalise alike."""
    x, y = warp(IMAGE, TARGET, PADDING, SHIFT)
    np.testing.assert_allclose(x, normalise(PADDING.pad(IMAGE.astype(np.float32) / 255)), atol=1e-6)
    np.testing.assert_array_equal(PADDING.crop(y), MASK)


@pytest.mark.parametrize(
    ("affine", "contrast", "brightness", "grey", "mask"),
    [
        (FLIP, 1, 0, IMAGE[:, ::-1] / 255, MASK[:, ::-1]),
        (SHIFT, 0.5, 0.1, (IMAGE / 255 - 0.5) * 0.5 + 0.6, MASK),
        (SHIFT, 1, 0.5, np.minimum(IMAGE / 255 + 0.5, 1), MASK),
    ],
)
def test_the_mask_follows_the_image_and_keeps_its_values(affine, contrast, brightness, grey, mask):
    x, y = warp(IMAGE, TARGET, PADDING, affine, contrast, brightness)
    np.testing.assert_allclose(PADDING.crop(x), normalise(grey.astype(np.float32)), atol=1e-5)
    np.testing.assert_array_equal(PADDING.crop(y), mask)


def test_the_centre_stays_within_the_shift():
    for seed in range(50):
        affine = random_affine(PADDING, np.random.default_rng(seed))
        assert np.abs(affine @ (55.0, 55.0, 1.0) - 50).max() <= 0.12 * 101
        assert 0.6 < abs(np.linalg.det(affine[:, :2])) < 1.7  # zoom by 1.25 either way


def test_one_seed_gives_one_tile_of_the_padded_size():
    first, second = (augment(IMAGE, TARGET, PADDING, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert [(part.dtype, part.shape) for part in first] == [(np.float32, (112, 112))] * 2
    assert (first[1].min(), first[1].max()) == (0, 1)


def test_a_teachers_probability_stays_what_it_is():
    _, target = warp(IMAGE, np.full((101, 101), 51, np.uint8), PADDING, SHIFT + [[0, 0, 3.5], [0, 0, 0]])
    np.testing.assert_allclose(target, 0.2, atol=1e-6)

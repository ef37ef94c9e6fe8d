import cv2
import numpy as np

from unet.data.augment import augment, random_affine, warp
from unet.image import Padding, normalise

PADDING = Padding.to_multiple(101, 101, 16)
GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.integers(0, 256, (101, 101), dtype=np.uint8)
MASK = cv2.circle(np.zeros((101, 101), np.uint8), (40, 60), 25, 1, -1).astype(bool)
TARGET = MASK.astype(np.uint8) * 255


def shift(left: float) -> np.ndarray:
    return np.array([[1.0, 0.0, -PADDING.left + left], [0.0, 1.0, -PADDING.top]])


def test_no_change_gives_exactly_what_prediction_gives():
    """Training and prediction must pad and normalise alike."""
    x, y = warp(IMAGE, TARGET, PADDING, shift(0))
    np.testing.assert_allclose(x, normalise(PADDING.pad(IMAGE.astype(np.float32) / 255)), atol=1e-6)
    np.testing.assert_array_equal(PADDING.crop(y), MASK)


def test_a_flip_is_a_flip_and_mask_follows_image():
    flip = np.array([[-1.0, 0.0, 100 + PADDING.left], [0.0, 1.0, -PADDING.top]])
    x, y = warp(IMAGE, TARGET, PADDING, flip)
    np.testing.assert_allclose(PADDING.crop(x), normalise(IMAGE[:, ::-1].astype(np.float32) / 255), atol=1e-6)
    np.testing.assert_array_equal(PADDING.crop(y), MASK[:, ::-1])


def test_contrast_and_brightness_touch_the_image_only():
    x, y = warp(IMAGE, TARGET, PADDING, shift(0), contrast=0.5, brightness=0.1)
    expected = normalise(((IMAGE / 255 - 0.5) * 0.5 + 0.6).astype(np.float32))
    np.testing.assert_allclose(PADDING.crop(x), expected, atol=1e-5)
    np.testing.assert_array_equal(PADDING.crop(y), MASK)


def test_the_centre_stays_within_the_shift():
    for seed in range(50):
        affine = random_affine(PADDING, np.random.default_rng(seed))
        centre = affine @ (55.0, 55.0, 1.0)
        assert np.abs(centre - 50).max() <= 0.12 * 101
        assert 0.6 < abs(np.linalg.det(affine[:, :2])) < 1.7  # zoom by 1.25 either way


def test_the_same_chance_gives_the_same_tile_and_keeps_types():
    first, second = (augment(IMAGE, TARGET, PADDING, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].dtype == first[1].dtype == np.float32
    assert first[0].shape == first[1].shape == (112, 112)
    assert first[1].min() == 0.0
    assert first[1].max() == 1.0


def test_a_teachers_doubt_stays_a_doubt():
    _, target = warp(IMAGE, np.full((101, 101), 51, np.uint8), PADDING, shift(3.5))
    np.testing.assert_allclose(target, 0.2, atol=1e-6)

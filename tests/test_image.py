"""Images of every form; test_properties.py tries random ones."""

from functools import partial

import numpy as np
import pytest

from unet import image as image_module
from unet.image import DARK, MARGIN, SIGNED, Padding, from_amplitude, grey, read, salt

IMAGE = np.random.default_rng(0).integers(0, 256, (50, 40), dtype=np.uint8)
LIMITS = [(-1e308, 1e308), (1, 1), (2, 1), (np.nan, 1), (0, np.inf)]  # that are none
NO_SECTIONS = np.zeros(5), np.zeros((2, 2), complex), np.array([[np.nan, 0.0]])


@pytest.mark.parametrize(
    "image",
    [
        IMAGE[..., None],
        IMAGE.astype(np.uint16) * 257,
        (IMAGE.astype(int) - 128).astype(np.int8),
        IMAGE / 255,
        (IMAGE / 255).astype(np.float32),
        np.repeat(IMAGE[..., None], 3, axis=2),
        np.dstack([IMAGE, IMAGE, IMAGE, IMAGE[::-1]]),  # alpha is ignored
        np.dstack([IMAGE / 255] * 3 + [np.full(IMAGE.shape, np.nan)]),
    ],
)
def test_the_same_grey_in_any_form(image, monkeypatch):
    values = grey(image)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, (IMAGE / 255).astype(np.float32))
    monkeypatch.setattr(image_module, "_PIECE", 100)  # a large image is converted in pieces
    np.testing.assert_array_equal(grey(image), values)


def test_colours_become_their_luminance():
    assert grey(np.full((16, 16, 3), (0, 255, 0), np.uint8))[0, 0] == np.float32(0.587)


def test_what_was_guessed_is_said():
    framed = np.pad(IMAGE, 3, constant_values=255)
    for image, notes in [(IMAGE, ()), (IMAGE.view(np.int8), (SIGNED,)), (IMAGE // 8, (DARK,)), (framed, (MARGIN,))]:
        assert read(image).notes == notes


@pytest.mark.parametrize(
    ("convert", "array", "sentence"),
    [
        (grey, np.zeros((0, 16), np.uint8), "empty array"),
        (grey, np.zeros((16, 16, 2), np.uint8), r"got \(16, 16, 2\)"),
        (grey, np.zeros((2, 16, 16, 3), np.uint8), "pass several images one by one"),
        (grey, np.zeros(16, np.uint8), r"got \(16,\)"),
        (grey, np.zeros((15, 40), np.uint8), "at least 16 x 16 pixels, got 15 x 40"),
        (grey, np.zeros((16, 16), np.int16), "got int16; give seismic amplitudes limits: --amplitude-limits LOW"),
        (grey, np.zeros((16, 16), bool), "got bool"),
        *((grey, np.full((16, 16), value), "NaN or infinity .*from_amplitude") for value in (np.nan, np.inf)),
        *((grey, np.full((16, 16), v), rf"in \[0, 1\], got {v} to {v}; .*from_amplitude") for v in (1.5, -0.1)),
        (grey, np.ma.masked_equal(np.eye(16), 1), "masked ones; replace them first"),
        (salt, np.array(1), r"got \(\)"),
        (salt, np.ones(16, bool), r"of shape \(H, W\).*got \(16,\)"),
        (salt, np.ones((16, 16, 2), bool), r"got \(16, 16, 2\)"),
        (salt, np.ones((16, 16), complex), "real numbers, got complex128"),
        (salt, np.ones((16, 16), "u1,u1"), "real numbers, got a table"),
        (salt, np.full((16, 16), "salt"), "real numbers, got <U4"),
        (salt, np.full((16, 16), np.nan), "finite values"),
        *((partial(from_amplitude, low=low, high=high), IMAGE, "low < high") for low, high in LIMITS),
        *((partial(from_amplitude, low=0, high=1), bad, "(real|finite) amplitudes") for bad in NO_SECTIONS),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(convert, array, sentence):
    with pytest.raises(ValueError, match=sentence):
        convert(array)


def test_padding_mirrors_without_repeating_the_edge():
    image = np.arange(16, dtype=np.float32).reshape(1, 16).repeat(16, axis=0)
    row = Padding(0, 3, 16, 16, 16, 22).pad(image)[0]
    assert row.tolist() == [3, 2, 1, *range(16), 14, 13, 12]


def test_crop_at_a_stride_keeps_every_pixel_that_touches_the_image():
    padding = Padding.to_multiple(101, 101, 16)  # 5 before, 6 after
    assert padding.crop(np.zeros((1, 7, 7), np.float32), 16).shape == (1, 7, 7)  # 5 to 105 touch all of 0..111 / 16
    assert padding.crop(np.zeros((1, 28, 28), np.float32), 4).shape == (1, 26, 26)  # pixels 4 to 107

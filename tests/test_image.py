import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet import image as image_module
from unet.image import Padding, from_amplitude, grey, normalise, salt

sides = st.integers(16, 70)


@given(sides.flatmap(lambda n: arrays.arrays(np.uint8, (n, 20))))
def test_the_same_grey_in_any_dress(image):
    expected = (image / 255).astype(np.float32)
    for dressed in (
        image,
        image.astype(np.uint16) * 257,
        (image / 255),
        expected,
        np.repeat(image[..., None], 3, axis=2),
        np.dstack([image, image, image, np.full_like(image, 7)]),  # alpha is ignored
    ):
        result = grey(dressed)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, expected)


def test_colours_become_their_luminance():
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 1] = 255
    assert grey(image)[0, 0] == np.float32(0.587)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((0, 16), np.uint8), "empty array"),
        (np.zeros((16, 16, 2), np.uint8), r"got \(16, 16, 2\)"),
        (np.zeros((2, 16, 16, 3), np.uint8), "pass several images one by one"),
        (np.zeros(16, np.uint8), r"got \(16,\)"),
        (np.zeros((15, 40), np.uint8), "at least 16 x 16 pixels, got 15 x 40"),
        (np.zeros((16, 16), np.int16), "got int16; for seismic amplitudes call unet.image.from_amplitude"),
        (np.zeros((16, 16), bool), "got bool"),
        (np.full((16, 16), np.nan), "NaN or infinity .*from_amplitude"),
        (np.full((16, 16), np.inf, np.float32), "NaN or infinity .*from_amplitude"),
        (np.full((16, 16), 1.5), r"in \[0, 1\], got 1.5 to 1.5; .*from_amplitude"),
        (np.full((16, 16), -0.1), r"in \[0, 1\], got -0.1 .*from_amplitude"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(image, sentence):
    with pytest.raises(ValueError, match=sentence):
        grey(image)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.array(1), r"got \(\)"),
        (np.ones(16, bool), r"of shape \(H, W\).*got \(16,\)"),
        (np.ones((16, 16, 2), bool), r"got \(16, 16, 2\)"),
        (np.ones((16, 16), complex), "real numbers, got complex128"),
        (np.ones((16, 16), "u1,u1"), "real numbers, got a table"),
        (np.full((16, 16), "salt"), "real numbers, got <U4"),
        (np.full((16, 16), np.nan), "finite values"),
    ],
)
def test_what_is_no_mask_is_refused_with_a_reason(mask, sentence):
    with pytest.raises(ValueError, match=sentence):
        salt(mask)


def test_alpha_has_no_part_in_a_image_or_its_mask():
    image = np.full((16, 16, 4), 0.5)
    image[..., 3] = np.nan
    assert (grey(image) == 0.5).all()
    assert salt(image).all()


def test_a_large_image_is_converted_in_pieces_and_gives_the_same(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    whole = grey(image)
    monkeypatch.setattr(image_module, "_PIECE", 100)
    np.testing.assert_array_equal(grey(image), whole)


@pytest.mark.parametrize(("low", "high"), [(-1e308, 1e308), (1, 1), (2, 1), (np.nan, 1), (0, np.inf)])
def test_amplitude_limits_must_be_limits(low, high):
    with pytest.raises(ValueError, match="low < high"):
        from_amplitude(np.zeros((16, 16)), low, high)


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((2, 2), complex), np.array([[np.nan, 0.0]])])
def test_amplitudes_must_be_a_real_section(bad):
    with pytest.raises(ValueError, match="expected (real|finite) amplitudes"):
        from_amplitude(bad, -1, 1)


@given(st.integers(16, 300), st.integers(16, 300), st.sampled_from([1, 8, 16, 32]))
def test_padding_fits_the_stride_and_is_undone_by_the_crop(height, width, stride):
    # NumPy mirrors at most length - 1 pixels at a time and goes on mirroring beyond that.
    padding = Padding.to_multiple(height, width, stride)
    image = np.random.default_rng(height * width).random((height, width), np.float32)
    padded = padding.pad(image)
    assert padded.shape[0] % stride == 0
    assert padded.shape[1] % stride == 0
    assert padded.shape[0] - height < stride
    np.testing.assert_array_equal(padding.crop(padded), image)


def test_padding_mirrors_without_repeating_the_edge():
    image = np.arange(16, dtype=np.float32).reshape(1, 16).repeat(16, axis=0)
    row = Padding(0, 3, 16, 16, 16, 22).pad(image)[0]
    assert row.tolist() == [3, 2, 1, *range(16), 14, 13, 12]


def test_crop_at_a_stride_keeps_every_pixel_that_touches_the_image():
    padding = Padding.to_multiple(101, 101, 16)  # 5 before, 6 after
    maps = np.arange(7, dtype=np.float32)[None, :].repeat(7, axis=0)[None]
    assert padding.crop(maps, 16).shape == (1, 7, 7)  # pixels 5 to 105 touch all of 0..111 / 16
    assert padding.crop(np.zeros((1, 28, 28), np.float32), 4).shape == (1, 26, 26)  # pixels 4 to 107


def test_normalise_gives_the_stated_mean_and_spread():
    assert normalise(np.array([0.47, 0.63], np.float32)).tolist() == pytest.approx([0, 1], abs=1e-6)
    assert normalise(np.zeros(1, np.float32)).dtype == np.float32
    assert torch.from_numpy(normalise(np.zeros(1, np.float32))).dtype == torch.float32

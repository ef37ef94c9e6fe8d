import numpy as np
import pytest

from unet import render

IMAGE = np.array([[0, 100, 200], [10, 20, 30]], np.uint8)
MASK = np.array([[False, True, True], [False, False, True]])


@pytest.mark.parametrize("image", [IMAGE, np.dstack([IMAGE] * 3)])
@pytest.mark.parametrize("opacity", [0, 0.5, 1])
def test_overlay_tints_the_mask_and_nothing_else(image, opacity):
    before, mask = image.copy(), MASK.copy()
    drawn = render.overlay(image, mask, opacity)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[~MASK], np.repeat(IMAGE[~MASK][:, None], 3, axis=1))
    tinted = (1 - opacity) * IMAGE[MASK][:, None] + opacity * np.array(render.SALT)
    np.testing.assert_array_equal(drawn[MASK], np.rint(tinted))
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize(
    ("image", "mask", "opacity", "sentence"),
    [
        (IMAGE, MASK[:1], 0.5, "expected a boolean mask of the image's size"),
        (IMAGE.astype(np.float32), MASK, 0.5, "expected uint8 of shape"),
        (IMAGE, MASK.astype(np.uint8), 0.5, "expected a boolean mask"),
        (np.zeros((2, 3, 4), np.uint8), MASK, 0.5, "expected uint8 of shape"),
        (IMAGE, MASK, 45, r"opacity in \[0, 1\], got 45"),
    ],
)
def test_what_does_not_belong_together_is_refused(image, mask, opacity, sentence):
    with pytest.raises(ValueError, match=sentence):
        render.overlay(image, mask, opacity)


def test_the_sequential_palette_gets_brighter_all_the_way_and_the_diverging_one_has_white_for_zero():
    brightness = render.SEQUENTIAL @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(brightness) > -0.8).all()
    assert (np.diff(brightness[::8]) > 0).all()
    assert render.DIVERGING.shape == (255, 3)
    assert render.DIVERGING[[0, 127, 254]].tolist() == [[0, 92, 158], [247, 247, 247], [213, 94, 0]]

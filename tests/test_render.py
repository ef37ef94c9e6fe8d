import numpy as np
import pytest

from unet import render

IMAGE = np.array([[0, 100, 200], [10, 20, 30]], np.uint8)
MASK = np.array([[False, True, True], [False, False, True]])


def test_overlay_tints_the_mask_and_nothing_else():
    drawn = render.overlay(IMAGE, MASK, opacity=0.5, color=(200, 100, 0))

    expected = [
        [[0, 0, 0], [150, 100, 50], [200, 150, 100]],
        [[10, 10, 10], [20, 20, 20], [115, 65, 15]],
    ]
    assert drawn.dtype == np.uint8
    assert drawn.tolist() == expected


@pytest.mark.parametrize(("opacity", "pixel"), [(0.0, [100, 100, 100]), (1.0, list(render.SALT))])
def test_overlay_at_the_ends_of_opacity(opacity, pixel):
    assert render.overlay(IMAGE, MASK, opacity)[0, 1].tolist() == pixel


def test_overlay_keeps_a_colour_image():
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)

    assert render.overlay(rgb, np.array([[False, True]]), 1.0, (9, 9, 9)).tolist() == [[[1, 2, 3], [9, 9, 9]]]


def test_drawings_leave_their_input_alone():
    image, mask = IMAGE.copy(), MASK.copy()
    rgb = np.dstack([IMAGE] * 3)
    before = rgb.copy()

    for drawn in (image, rgb):
        render.overlay(drawn, mask)

    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_array_equal(rgb, before)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (IMAGE, MASK[:1]),
        (IMAGE.astype(np.float32), MASK),
        (IMAGE, MASK.astype(np.uint8)),
        (np.zeros((2, 3, 4), np.uint8), MASK),
    ],
)
def test_images_and_masks_that_do_not_belong_together(image, mask):
    with pytest.raises(ValueError, match="expected"):
        render.overlay(image, mask)


def test_overlay_names_a_wrong_opacity():
    with pytest.raises(ValueError, match=r"opacity in \[0, 1\], got 45"):
        render.overlay(IMAGE, MASK, opacity=45)


def test_the_sequential_palette_gets_brighter_all_the_way():
    brightness = render.SEQUENTIAL @ np.array([0.2126, 0.7152, 0.0722])

    assert (np.diff(brightness) > -0.8).all()
    assert (np.diff(brightness[::8]) > 0).all()


def test_tiles_of_their_own_scale_and_of_one_for_all():
    maps = np.array([[[0, 1]], [[0, 4]], [[0, 0]]], np.float32)
    low, quarter, high = (render.SEQUENTIAL[k].tolist() for k in (0, 64, 255))
    gap = [list(render.GAP)] * 2

    own = render.feature_tiles(maps, columns=3)
    shared = render.feature_tiles(maps, shared=True, columns=3)

    assert own[0].tolist() == [low, high, *gap, low, high, *gap, low, low]
    assert shared[0].tolist() == [low, quarter, *gap, low, high, *gap, low, low]


def test_zero_is_white_wherever_a_layer_has_negative_values():
    maps = np.array([[[-2, 0, 2]], [[0, 1, 1]]], np.float32)
    negative, zero, positive = (render.DIVERGING[k].tolist() for k in (0, 127, 254))

    drawn = render.feature_tiles(maps, columns=1)

    assert zero == [247, 247, 247]
    assert drawn[0].tolist() == [negative, zero, positive]
    assert drawn[3].tolist() == [zero, positive, positive]


def test_tiles_stand_row_by_row_and_are_zoomed_without_smoothing():
    maps = np.arange(1, 4, dtype=np.float32).reshape(3, 1, 1)
    drawn = render.feature_tiles(maps, shared=True, zoom=2, columns=2)

    colors = [render.SEQUENTIAL[k].tolist() for k in (85, 170, 255)]
    assert drawn.shape == (6, 6, 3)
    assert (drawn[:2, :2] == colors[0]).all()
    assert (drawn[:2, 4:] == colors[1]).all()
    assert (drawn[4:, :2] == colors[2]).all()
    assert (drawn[4:, 4:] == render.GAP).all()  # no fourth map
    assert (drawn[2:4] == render.GAP).all()


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (8, 4), (16, 4), (32, 8), (128, 16), (256, 16)])
def test_columns(count, columns):
    assert render.tile_columns(count) == columns


@pytest.mark.parametrize("maps", [np.zeros((2, 2)), np.zeros((0, 2, 2)), np.full((1, 2, 2), np.nan)])
def test_tiles_refuse_what_are_no_maps(maps):
    with pytest.raises(ValueError, match="expected"):
        render.feature_tiles(maps.astype(np.float32))

"""The image panel in the bare page: what it is given, and hands and eyes for it."""

import numpy as np

from tests.viewer.panels import pixels, settle, start
from unet import synthetic

WHITE, YELLOW, BLUE, ORANGE = [255, 255, 255], [240, 228, 66], [86, 180, 233], [230, 159, 0]
# A synthetic section, a probability with pixels on both sides of every threshold, and the ground truth.
IMAGE, _ = synthetic.section(3, 40, 48)
TRUTH = (np.arange(40)[:, None] - 22) ** 2 / 150 + (np.arange(48) - 20) ** 2 / 260 < 1
PROBABILITY = (0.55 * TRUTH + 0.45 * np.random.default_rng(0).uniform(0, 1, TRUTH.shape)).astype(np.float32)
SECTION = IMAGE, PROBABILITY, TRUTH
# Every pixel has a grey of its own, so that the canvas says which one is where.
COUNTED = np.arange(256, dtype=np.uint8).reshape(16, 16), np.zeros((16, 16), np.float32)
# Grey 100; found in the left half, salt in the upper half: one quarter of each kind.
DOWN, ACROSS = np.mgrid[:32, :32]
QUARTERS = np.full((32, 32), 100, np.uint8), np.float32(0.9 * (ACROSS < 16)), DOWN < 16


def show(page, *arrays, **given):
    """The image panel and the curves, of grey, probability and ground truth."""
    return start(page, ["image", "curves"], *arrays, **given)


def canvas_of(page):
    return page.get_by_test_id("salt-viewer")


def expect_colors(page, cells, shape, wanted, atol=1):
    """RGB in the middle of these (row, column) pixels of the whole image, as the canvas shows them."""
    settle(page)
    places = [((row + 0.5) / shape[0], (column + 0.5) / shape[1]) for row, column in cells]
    shown = np.array([part_of(page, *place, 0, 0)[0, 0] for place in places]).astype(int)
    np.testing.assert_allclose(shown, wanted, atol=atol)


def pick(page, name):
    """Chooses a look, or what a hand does."""
    page.get_by_role("radio", name=name).check(force=True)
    settle(page)


def part_of(page, *part):
    """A part of the canvas, in shares of it: (h, w, 3)."""
    return pixels(canvas_of(page), *map(float, part))[..., :3]


def has_color(page, color, *part):
    return (part_of(page, *part) == color).all(axis=2).any()


def at(page, across, down):
    """A place on the screen, in shares of the canvas."""
    box = canvas_of(page).bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def spot(page, row, column, shape):
    """Where the middle of a pixel is on the screen, while the whole image is shown."""
    return at(page, (column + 0.5) / shape[1], (row + 0.5) / shape[0])


def drag(page, start, end, *, release=True):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    if release:
        page.mouse.up()


def last_call(page):
    return page.evaluate("calls.at(-1)")

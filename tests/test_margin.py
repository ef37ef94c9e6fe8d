import cv2
import numpy as np
import pytest

from tests.conftest import TGS
from unet import Segmenter
from unet.data.places import labelled_place
from unet.data.tiles import find_tiles, read_tiles
from unet.image import MARGIN, read
from unet.margin import margin, section
from unet.synthetic import section as synthetic_section

IMAGE, SALT = synthetic_section(2_000_000_014, 101, 101)
VALUES = (IMAGE / 255).astype(np.float32)
INSIDE, FRAME = np.s_[20:121, 30:131], np.s_[18:123, 28:133]


@pytest.fixture(scope="module")
def page():
    """A section in a white figure with a frame, a tick's label and a colour bar."""
    page = np.ones((150, 190), np.float32)
    page[FRAME] = 0
    page[INSIDE] = VALUES
    page[60:64, 10:20] = 0.2  # a label
    page[20:121, 150:158] = np.linspace(1, 0, 101)[:, None]  # a colour bar
    return page


def test_a_figures_margin_its_labels_and_its_colour_bar(page):
    outside = margin(page)
    assert not outside[INSIDE].any()
    outside[FRAME] = True
    assert outside.all()


def test_a_jpegs_margin_is_not_quite_one_grey(page):
    _, content = cv2.imencode(".jpg", np.rint(page * 255), [cv2.IMWRITE_JPEG_QUALITY, 90])
    outside = margin((cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) / 255).astype(np.float32))
    assert outside[:10].all()
    assert outside[:, -20:].all()
    assert not outside[INSIDE].any()


@pytest.mark.parametrize("grey", [0.0, 0.47, 1.0])
@pytest.mark.parametrize("band", [((0, 0), (0, 25)), ((0, 0), (25, 0)), ((12, 0), (0, 0)), ((0, 12), (0, 0))])
def test_a_band_beside_the_section(grey, band):
    found = margin(np.pad(VALUES, band, constant_values=grey))
    inside = np.pad(np.ones_like(VALUES, bool), band)
    assert found[~inside].all()
    assert (found & inside).mean() < 0.05  # darkest pixels of the section that touch a black band


def test_a_corner_that_was_never_recorded():
    rows, columns = np.indices(VALUES.shape)
    for grey, size, found in [(0, 40, True), (1, 40, True), (0.4, 40, False), (0, 5, False)]:  # 0.4 might be salt
        corner = rows + columns < size
        image = np.where(corner, np.float32(grey), VALUES)
        np.testing.assert_array_equal(margin(image), corner & found)
        assert not Segmenter.load().probability(image)[corner & found].any()


def test_a_section_has_none_and_one_grey_is_nothing_else():
    for seed in range(20):
        assert not margin((synthetic_section(seed)[0] / 255).astype(np.float32)).any()
    assert margin(np.full((20, 30), 0.3, np.float32)).all()


def test_the_network_sees_the_section_and_finds_nothing_in_the_margin(page):
    segmenter = Segmenter.load()
    probability, framed = segmenter.probability(page), page[FRAME]
    for found in (probability, segmenter.trace(page).probability):
        assert not found[margin(page)].any()
    seen = ~margin(framed)  # by itself the frame is a margin
    np.testing.assert_allclose(probability[FRAME][seen], segmenter.trace(framed).probability[seen], atol=1e-5)
    found = probability[INSIDE] > segmenter.threshold
    assert (found & SALT).sum() / (found | SALT).sum() > 0.8  # with the margin around it: 0.004
    assert MARGIN in read(page).notes


def test_a_sliver_of_section_is_seen_with_its_margin():
    outside = np.ones((40, 40), bool)
    outside[3:10, 5:35] = False
    assert section(outside, 7) == (slice(3, 10), slice(5, 35))
    assert section(outside, 16) == (slice(None), slice(None))


@pytest.mark.data
def test_no_margin_of_the_real_tiles_is_labelled_salt():
    place = labelled_place(TGS)
    tiles = read_tiles(place, sorted(find_tiles(place).images)[::12])
    outside = [margin((image / 255).astype(np.float32)) for image in tiles.images]
    assert sum(found.any() and not found.all() for found in outside) > 8  # all of an image of one single grey
    assert not any(mask[found].any() for found, mask in zip(outside, tiles.masks, strict=True) if not found.all())

"""The limits of uploads, worked out by hand."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from demo.amplitudes import BINS, LimitsChoice, find_range, histogram
from demo.images import open_upload
from tests.demo.files import npy, png
from unet.amplitude import Limits, live
from unet.files.images import ImageError
from unet.image import DARK

# 2,001 samples from -1,000 to 1,000, so that p % lie below -1,000 + 20 p.
RAMP = np.random.default_rng(0).permutation(np.arange(-1000.0, 1001.0)).reshape(69, 29)


def test_amplitudes_open_with_half_a_per_cent_at_each_end_and_say_so():
    image = open_upload("a.npy", npy(RAMP))
    np.testing.assert_allclose(image.grey, np.clip((RAMP + 990) / 1980, 0, 1), atol=1e-6)
    words = "-990 was taken as black and 990 as white, which leaves 0.5 % of the samples beyond each"
    assert image.guessed == (f"{words}; polarity as recorded",)
    assert (image.amplitudes.needed, image.amplitudes.choice) == (True, (0.5, False))


def test_another_share_and_the_other_polarity():
    image = open_upload("a.npy", npy(RAMP.astype(np.int16)), LimitsChoice(5, reverse=True))
    np.testing.assert_allclose(image.grey, np.clip((900 - RAMP) / 1800, 0, 1), atol=1e-6)
    assert image.amplitudes.limits == Limits(900, -900)
    assert image.guessed[0].endswith("leaves 5 % of the samples beyond each; polarity reversed")


def test_an_image_far_below_its_white_is_stretched_when_that_is_chosen():
    content = png((RAMP + 1000).astype(np.uint16))
    image = open_upload("a.png", content)
    assert (image.amplitudes.needed, image.amplitudes.limits, image.guessed) == (False, None, (DARK,))
    assert image.grey.max() == pytest.approx(2000 / 65535)
    image = open_upload("a.png", content, LimitsChoice(0.5))
    np.testing.assert_allclose(image.grey, np.clip((RAMP + 990) / 1980, 0, 1), atol=1e-6)
    assert DARK not in image.guessed


@pytest.mark.parametrize(
    "array",
    [
        np.full((20, 20, 3), (9, 60, 9), np.uint8),  # of one colour
        np.arange(1200, dtype=np.uint8).reshape(20, 20, 3) // 4,  # dark colours
        np.tile(np.arange(20, dtype=np.uint8), (20, 1)),  # every trace is dead
        np.arange(400, dtype=np.uint8).reshape(20, 20),  # up to white
    ],
)
def test_other_images_have_no_limits_whatever_is_chosen(array):
    image = open_upload("a.png", png(array), LimitsChoice(5, reverse=True))
    assert image.amplitudes is None
    np.testing.assert_array_equal(image.grey, open_upload("a.png", png(array)).grey)


def test_where_nearly_all_samples_are_alike_none_is_left_out():
    spike = np.zeros((1000, 20))
    spike[[0, 999], 5] = -3, 5  # of the one live trace 998 samples are 0
    image = open_upload("a.npy", npy(spike))
    assert (image.amplitudes.choice.clip, image.amplitudes.limits) == (0, (-3, 5))


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_amplitudes_that_are_all_alike_are_refused(value):
    with pytest.raises(ImageError, match=r"^a\.npy: expected "):
        open_upload("a.npy", npy(np.full((20, 20), value) - 1))


def test_the_histogram_counts_the_live_samples_and_marks_the_limits():
    found = find_range(live(np.pad(RAMP, ((0, 0), (9, 0)))), LimitsChoice(25, reverse=True), needed=True)
    assert (found.lowest, found.highest) == pytest.approx((-998, 998))
    np.testing.assert_allclose(found.counts, 1997 / BINS, atol=1)  # 2 of 2,001 at each end lie beyond
    assert found.counts.sum() == 1997
    drawing = ElementTree.fromstring(histogram(found))
    assert len(drawing.findall(".//i")) == BINS
    marks = [re.search(r"left: ([\d.]+)%", mark.get("style"))[1] for mark in drawing.findall(".//b")]
    assert marks == ["24.9", "75.1"]  # -500 and 500 from -998 to 998
    assert [text.text for text in drawing.findall(".//span")] == ["white -500", "black 500"]
    assert drawing.get("aria-label") == "Histogram of the amplitudes; white -500, black 500"

"""What a user changed of the input: decoded, checked, and what the network says of it."""

import base64

import numpy as np
import pytest

from demo import explorer
from demo.images import SeismicImage, open_sample
from demo.view import ViewState, changes
from demo.viewer_requests import LONGEST_INPUT, RequestError
from unet.tiling import TILE

STOCK = open_sample("Salt stock")
WEIGHTS = ("chosen.safetensors", 0, "")
FLIPPED = STOCK.pixels[:, ::-1]


def encoded(levels: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(levels, np.uint8).tobytes()).decode()


WHOLE = encoded(FLIPPED)


def predicted(segmenter, text: str, image=STOCK, window=(0, 0), **request):
    content = {"id": 7, "key": "k", "kind": "predict", "window": list(window), "input": text, **request}
    return explorer.respond(content, image, segmenter, "k", WEIGHTS)


def test_every_level_of_grey_arrives():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = explorer.changed_input(encoded(levels), levels.shape)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (levels / 255).astype(np.float32))


@pytest.mark.parametrize(
    "text",
    ["AAA", "A" * 13601, "\x00" * 8, "ä" * 20, "=", " " + WHOLE, encoded(FLIPPED[1:]), WHOLE + "AAAA"],
)
def test_what_is_no_window_of_bytes_is_refused(segmenter, text):
    with pytest.raises(RequestError, match="expected a changed input of 101 x 101 bytes in Base64"):
        explorer.changed_input(text, (101, 101))
    assert "expected a changed input of 101 x 101 bytes" in predicted(segmenter, text).error


@pytest.mark.parametrize("text", [5, None, ["AAAA"], {"a": 1}, "A" * (LONGEST_INPUT + 1)])
def test_what_is_no_text_or_too_long_is_refused_before_it_is_decoded(segmenter, text):
    error = predicted(segmenter, text).error
    assert "input" in error
    assert len(error) < 200
    assert len(encoded(np.zeros((TILE, TILE), np.uint8))) <= LONGEST_INPUT


def test_the_network_sees_the_changed_input_in_everything_it_computes(segmenter):
    wanted = segmenter.probability(FLIPPED)
    np.testing.assert_array_equal(predicted(segmenter, encoded(FLIPPED)).probability, wanted)
    cuts = predicted(segmenter, encoded(FLIPPED), kind="cuts")
    whole = (cuts.high[0] * 256.0 + cuts.low[0]) / 4095
    np.testing.assert_allclose(whole, segmenter.trace(FLIPPED).probability, atol=1 / 4095 + 1e-6)
    maps = predicted(segmenter, encoded(FLIPPED), kind="maps").sites["encoder1"]
    np.testing.assert_array_equal(maps.high, segmenter.trace(FLIPPED).crop("encoder1").max(axis=(1, 2)))
    pixel = predicted(segmenter, encoded(FLIPPED), kind="pixel", box=[40, 52, 1, 1])
    assert pixel.probability == pytest.approx(segmenter.trace(FLIPPED).probability[40, 52], abs=1e-5)
    np.testing.assert_array_equal(predicted(segmenter, "").probability, segmenter.probability(STOCK.grey))


def test_what_was_not_recorded_and_looks_as_before_stays_so(segmenter):
    missing = np.zeros_like(STOCK.truth)
    missing[30:60, 20:40] = True  # a gap inside: white in the image, filled for the network
    image = SeismicImage("gap", STOCK.grey, missing=missing)
    levels = image.pixels.copy()
    assert (levels[missing] == 255).all()
    levels[80:90, 80:90] = 10
    wanted = levels / np.float32(255)
    wanted[missing] = STOCK.grey[missing]
    probability = segmenter.probability(wanted)
    probability[missing] = 0
    np.testing.assert_array_equal(predicted(segmenter, encoded(levels), image).probability, probability)


def test_an_export_says_that_the_explorer_shows_a_changed_input():
    assert changes(ViewState(edits="shift:1,0")) == "on a changed input"
    assert (
        changes(ViewState(cuts=("skip1",), edits="flip:h")) == "without skip1 (zero in their place), on a changed input"
    )

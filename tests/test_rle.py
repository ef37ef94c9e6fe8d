"""Run-length encoding against literals, random masks and the challenge's own file."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from unet.rle import decode, encode

TGS = Path(__file__).parents[1] / "data" / "tgs-salt"


def grid(*rows: str) -> NDArray[np.bool_]:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


LITERALS = [
    (grid("...", "..."), ""),
    (grid("###", "###"), "1 6"),
    (grid("#..", "..."), "1 1"),
    (grid("...", "#.."), "2 1"),
    (grid(".#.", "..."), "3 1"),
    (grid("...", "..#"), "6 1"),
    (grid(".#.", "##."), "2 3"),  # the run goes on from the foot of one column to the head of the next
    (grid("##.", "..#"), "1 1 3 1 6 1"),
]


@pytest.mark.parametrize(("mask", "text"), LITERALS)
def test_literals(mask: NDArray[np.bool_], text: str) -> None:
    assert encode(mask) == text
    np.testing.assert_array_equal(decode(text, *mask.shape), mask)


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_round_trip(height: int, width: int, data: st.DataObject) -> None:
    pixels = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(pixels).reshape(height, width)
    decoded = decode(encode(mask), height, width)
    assert decoded.dtype == np.bool_
    np.testing.assert_array_equal(decoded, mask)


def test_runs_may_touch() -> None:
    np.testing.assert_array_equal(decode("1 1 2 1", 2, 2), grid("#.", "#."))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", "odd count"),
        ("1 2 3", "odd count"),
        ("1 two", "whole numbers.*'two'"),
        ("1 2.0", "whole numbers.*'2.0'"),
        ("-1 2", "whole numbers.*'-1'"),
        ("1 ²", "whole numbers"),
        ("0 1", "starts of 1 or more"),
        ("1 0", "lengths of 1 or more"),
        ("5 1", "2 x 2 = 4 pixels"),
        ("4 2", "2 x 2 = 4 pixels"),
        ("1 " + "9" * 5000, "2 x 2 = 4 pixels"),
        ("1 2 2 1", "in order without overlap"),
        ("3 1 1 1", "in order without overlap"),
    ],
)
def test_bad_text_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(text, 2, 2)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.uint8), np.zeros(4, bool), np.zeros((1, 2, 2), bool)])
def test_only_boolean_images_are_encoded(mask: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="boolean mask"):
        encode(mask)


@pytest.mark.data
@pytest.mark.skipif(not TGS.exists(), reason="the TGS files are not in data/tgs-salt")
def test_every_labelled_tile_of_the_challenge() -> None:
    with (TGS / "train.csv").open(newline="") as file:
        texts = {row["id"]: row["rle_mask"] for row in csv.DictReader(file)}
    checked = set()
    with zipfile.ZipFile(TGS / "train.zip") as archive:
        for name in archive.namelist():
            if not (name.startswith("masks/") and name.endswith(".png")):
                continue
            values = np.asarray(Image.open(io.BytesIO(archive.read(name))))
            assert set(np.unique(values).tolist()) <= {0, 65535}
            mask, text = values > 0, texts[Path(name).stem]
            assert encode(mask) == text, name
            np.testing.assert_array_equal(decode(text, *mask.shape), mask)
            checked.add(Path(name).stem)
    assert checked == texts.keys()

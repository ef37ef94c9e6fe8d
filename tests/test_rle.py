"""Run-length encoding against literals and the challenge's own file; test_properties.py tries random masks."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TGS
from unet.rle import decode, encode


def grid(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (grid("...", "..."), ""),
        (grid("###", "###"), "1 6"),
        (grid("#..", "..."), "1 1"),
        (grid("...", "#.."), "2 1"),
        (grid(".#.", "..."), "3 1"),
        (grid("...", "..#"), "6 1"),
        (grid(".#.", "##."), "2 3"),  # the run goes on from the foot of one column to the head of the next
        (grid("##.", "..#"), "1 1 3 1 6 1"),
    ],
)
def test_literals(mask, text):
    assert encode(mask) == text
    np.testing.assert_array_equal(decode(text, *mask.shape), mask)
    np.testing.assert_array_equal(decode("1 1 2 1", 2, 2), grid("#.", "#."))  # runs may touch


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "expected pairs of a start and a length, got an odd count") for text in ("1", "1 2 3")),
        *((f"1 {word}", f"whole numbers.*'{word}'") for word in ("two", "2.0", "-1", "²")),
        ("0 1", "starts of 1 or more"),
        ("1 0", "lengths of 1 or more"),
        *((text, "inside 2 x 2 = 4 pixels") for text in ("5 1", "4 2", "1 " + "9" * 5000)),
        *((text, "in order without overlap") for text in ("1 2 2 1", "3 1 1 1")),
    ],
)
def test_bad_text_is_an_error(text, message):
    with pytest.raises(ValueError, match=message):
        decode(text, 2, 2)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.uint8), np.zeros(4, bool), np.zeros((1, 2, 2), bool)])
def test_only_boolean_images_are_encoded(mask):
    with pytest.raises(ValueError, match="boolean mask"):
        encode(mask)


@pytest.mark.data
def test_every_labelled_tile_of_the_challenge():
    with (TGS / "train.csv").open(newline="") as file:
        texts = {row["id"]: row["rle_mask"] for row in csv.DictReader(file)}
    checked = set()
    with zipfile.ZipFile(TGS / "train.zip") as archive:
        for name in archive.namelist():
            if name.startswith("masks/") and name.endswith(".png"):
                values = np.asarray(Image.open(io.BytesIO(archive.read(name))))
                assert set(np.unique(values).tolist()) <= {0, 65535}
                text = texts[Path(name).stem]
                assert encode(values > 0) == text, name
                np.testing.assert_array_equal(decode(text, *values.shape), values > 0)
                checked.add(Path(name).stem)
    assert checked == texts.keys()

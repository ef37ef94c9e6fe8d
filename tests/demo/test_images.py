from functools import partial

import numpy as np
import pytest

from demo import images
from demo.images import SAMPLES, SeismicImage, open_sample, open_upload, survey_tiles, with_truth
from tests.demo.files import npy, png, zipped
from unet.card import Card, Split
from unet.data.places import DataError
from unet.files.images import ImageError
from unet.image import RULE

IMAGE = SeismicImage("a.png", np.random.default_rng(0).random((16, 17), np.float32))
read_truth = partial(with_truth, IMAGE)
LEVELS = np.arange(16 * 17).reshape(16, 17) % 3
TILE = png(np.full((20, 20), 9, np.uint8))
CARD = Card(threshold=0.5, input=RULE)


def test_every_sample_opens_with_its_truth():
    for image in map(open_sample, SAMPLES):
        assert image.grey.shape == image.truth.shape == (101, 101)
        assert image.truth.any() == ("no salt" not in image.name)


def test_the_digest_names_the_content_and_the_shape():
    grey = np.zeros((16, 32), np.float32)
    first, same, other = (SeismicImage(n, g).digest for n, g in (("a", grey), ("b", grey.copy()), ("a", grey.T)))
    assert first == same != other


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (open_upload, b"", "empty"),
        (open_upload, b"hello, I am text", "PNG, JPEG, TIFF"),
        (open_upload, npy(np.full((20, 20), np.nan)), "dead traces only"),
        (open_upload, png(np.zeros((2001, 2001), np.uint8)), "expected at most 4,000,000 pixels, got 2,001 x 2,001"),
        (read_truth, png((1 + LEVELS % 2).astype(np.uint8)), "got 1 and 2 alone, .*save 0 where"),
        (read_truth, png(np.zeros((16, 16), np.uint8)), "expected .* size 16 x 17, got 16 x 16"),
        (read_truth, npy(np.full((16, 17), "salt")), "real numbers"),
    ],
)
def test_an_image_or_mask_that_cannot_be_used_is_named(read, content, reason):
    with pytest.raises(ImageError, match=f"^bad.png: .*{reason}"):
        read("bad.png", content)


@pytest.mark.parametrize("salt", [np.uint8(255), np.uint8(1), np.uint16(65535)])
def test_every_value_but_zero_is_salt(salt):
    mask = np.zeros((16, 17), salt.dtype)
    mask[3, 4] = salt
    image = read_truth("t.png", png(mask))

    assert image.truth.dtype == np.bool_
    assert np.argwhere(image.truth).tolist() == [[3, 4]]
    assert image.guessed == ()


@pytest.mark.parametrize(
    ("mask", "note"), [(LEVELS, "more than two values, 0, 1 and 2"), (np.full((16, 17), 255), "255 throughout")]
)
def test_a_mask_that_looks_wrong_is_said(mask, note):
    (said,) = read_truth("t.png", png(mask.astype(np.uint8))).guessed
    assert said.startswith("ground truth: ")
    assert note in said


def test_survey_tiles_are_those_the_weights_were_validated_on(tmp_path):
    names = [f"{part}/{name}.png" for name in "abcd" for part in ("images", "masks")]
    (tmp_path / "train.zip").write_bytes(zipped(dict.fromkeys(names, TILE)))
    card = Card(threshold=0.5, input=RULE, split=Split(by="tile", val=("d", "b", "gone")))
    held_out, unknown = survey_tiles(card, tmp_path), survey_tiles(CARD, tmp_path, count=2)

    assert [(tile.name, tile.held_out) for tile in held_out] == [("b", True), ("d", True)]
    assert [(tile.name, tile.held_out) for tile in unknown] == [("a", False), ("c", False)]
    assert images.open_tile(unknown[0]).truth.all()
    assert survey_tiles(CARD, tmp_path / "nowhere") == []


def test_survey_tiles_in_two_places_are_refused(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "train" / part).mkdir(parents=True)
        (tmp_path / "train" / part / "a.png").write_bytes(TILE)
    assert [tile.name for tile in survey_tiles(CARD, tmp_path)] == ["a"]
    assert images.survey_stamp(tmp_path)[0] == str(tmp_path / "train")
    (tmp_path / "train.zip").touch()
    with pytest.raises(DataError, match=r"expected one of train.zip and train/, got both"):
        survey_tiles(CARD, tmp_path)
    assert images.survey_stamp(tmp_path) is None

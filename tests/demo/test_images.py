from functools import partial

import numpy as np
import pytest

from demo import images
from demo.images import SAMPLES, SeismicImage, find_survey, open_sample, open_upload, with_truth
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


def survey(folder, **masks):
    """Tiles of 20 x 20 pixels in a train.zip; name -> how many rows of each are salt."""
    files = {}
    for name, rows in masks.items():
        files |= {f"images/{name}.png": TILE, f"masks/{name}.png": png(np.arange(20)[:, None].repeat(20, 1) < rows)}
    (folder / "train.zip").write_bytes(zipped(files))


def test_survey_tiles_are_those_the_weights_were_validated_on_and_all_others_can_be_opened(tmp_path):
    survey(tmp_path, a=20, b=20, c=20, d=20)
    card = Card(threshold=0.5, input=RULE, split=Split(by="tile", val=("d", "b", "gone"), train=("c",)))
    tiles, offered = find_survey(card, tmp_path)

    assert offered == ["b", "d"]
    assert {name: tile.part for name, tile in tiles.items()} == {"a": None, "b": "val", "c": "train", "d": "val"}
    assert [images.open_tile(tiles[name]).note.partition("the network was ")[2] for name in "abc"] == [
        "", "validated on, not trained on", "trained on",
    ]  # fmt: skip
    assert images.open_tile(tiles["a"]).truth.all()
    assert find_survey(CARD, tmp_path, count=2).offered == ["a", "c"]
    assert find_survey(CARD, tmp_path / "nowhere") == ({}, [])


def test_the_first_survey_tile_has_a_fair_share_of_salt(tmp_path):
    survey(tmp_path, a=0, b=3, c=13, d=12, e=4)
    assert find_survey(CARD, tmp_path, count=3).offered == ["d", "a", "b"]


def test_survey_tiles_in_two_places_are_refused(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "train" / part).mkdir(parents=True)
        (tmp_path / "train" / part / "a.png").write_bytes(TILE)
    assert list(find_survey(CARD, tmp_path).tiles) == ["a"]
    assert images.survey_stamp(tmp_path)[0] == str(tmp_path / "train")
    (tmp_path / "train.zip").touch()
    with pytest.raises(DataError, match=r"expected one of train.zip and train/, got both"):
        find_survey(CARD, tmp_path)
    assert images.survey_stamp(tmp_path) is None

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from demo import core
from unet import Segmenter, checkpoint, render
from unet.data.tiles import DataError
from unet.files.images import ImageError
from unet.image import RULE
from unet.model import UNet, UNetConfig

PROBABILITY = np.array([[0.1, 0.4, 0.5], [0.6, 0.9, 0.25]], np.float32)
TRUTH = np.array([[False, False, True], [True, True, False]])


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def save_weights(path, **card):
    torch.manual_seed(0)
    return checkpoint.save(path, UNet(UNetConfig(width=2)).eval(), {"threshold": 0.4, "input": RULE, **card})


# --- Findings


def test_salt_lies_above_the_threshold_not_on_it():
    finding = core.find(PROBABILITY, 0.5)

    assert finding.mask.tolist() == [[False, False, False], [True, True, False]]
    assert (finding.pixels, finding.share, finding.highest) == (2, 2 / 6, pytest.approx(0.9))
    assert finding.iou is None
    assert finding.sentence == "threshold 0.50 · salt 33.3 % · 2 pixels"


def test_a_finding_is_scored_against_the_truth():
    finding = core.find(PROBABILITY, 0.5, TRUTH)

    assert finding.iou == pytest.approx(2 / 3)
    assert finding.dice == pytest.approx(4 / 5)
    assert finding.competition == pytest.approx(0.4)  # 2/3 exceeds 0.50, 0.55, 0.60 and 0.65


def test_a_finding_of_nothing_says_what_it_knows():
    finding = core.find(PROBABILITY, 0.95)

    assert finding.pixels == 0
    assert finding.sentence.endswith("nothing passes the threshold; highest probability 0.90")


# --- Images


def test_every_sample_opens_with_its_truth():
    for name in core.SAMPLES:
        opened = core.sample(name)
        assert opened.grey.shape == opened.truth.shape == (101, 101)
        assert opened.truth.any() == ("no salt" not in name)


def test_the_digest_names_the_content_and_the_shape():
    grey = np.zeros((16, 32), np.float32)

    assert core.SeismicImage("a", "a", grey).digest == core.SeismicImage("b", "b", grey.copy()).digest
    assert core.SeismicImage("a", "a", grey).digest != core.SeismicImage("a", "a", grey.reshape(32, 16)).digest


def test_an_upload_keeps_its_name_and_its_grey():
    image = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    opened = core.open_upload("line 7.png", png(image))

    assert (opened.name, opened.stem, opened.truth) == ("line 7.png", "line 7", None)
    np.testing.assert_array_equal(opened.pixels, image)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am text", "not a PNG, JPEG, TIFF"),
        (png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:900], "damaged or cut short"),
        (npy(np.full((20, 20), np.nan)), "NaN"),
        (npy(np.full((20, 20), 300.0)), "from_amplitude"),
        (npy(np.zeros(20)), "shape"),
        (png(np.zeros((15, 40), np.uint8)), "at least 16 x 16"),
        (png(np.zeros((2001, 2001), np.uint8)), "2,001 x 2,001 is more than the 4,000,000 pixels"),
    ],
)
def test_an_upload_that_cannot_be_used_is_named(content, reason):
    with pytest.raises(ImageError, match=f"^bad.png: .*{reason}"):
        core.open_upload("bad.png", content)


OPENED = core.SeismicImage("a.png", "a", np.random.default_rng(0).random((16, 17), np.float32))


@pytest.mark.parametrize("salt", [np.uint8(255), np.uint8(1), np.uint16(65535)])
def test_every_value_but_zero_is_salt(salt):
    mask = np.zeros((16, 17), salt.dtype)
    mask[3, 4] = salt

    opened = core.with_truth(OPENED, "t.png", png(mask))

    assert opened.truth.dtype == np.bool_
    assert np.argwhere(opened.truth).tolist() == [[3, 4]]
    assert opened.guessed == ()


def test_a_mask_that_looks_wrong_is_refused_or_said():
    levels = np.arange(16 * 17).reshape(16, 17) % 3
    with pytest.raises(ImageError, match=r"^t.png: .* 1 and 2, .*save 0 where there is no salt"):
        core.with_truth(OPENED, "t.png", png((1 + levels % 2).astype(np.uint8)))
    (said,) = core.with_truth(OPENED, "t.png", png(levels.astype(np.uint8))).guessed
    assert said.startswith("ground truth: ")
    assert "more than two values, 0, 1 and 2" in said
    (said,) = core.with_truth(OPENED, "t.png", png(np.full((16, 17), 255, np.uint8))).guessed
    assert "255 throughout" in said
    assert core.with_truth(OPENED, "t.png", png(np.zeros((16, 17), np.uint8))).guessed == ()


def test_a_mask_of_another_size_is_named_with_both_sizes():
    with pytest.raises(ImageError, match=r"t.png: expected .* size 16 x 17, got 16 x 16"):
        core.with_truth(OPENED, "t.png", png(np.zeros((16, 16), np.uint8)))


def test_a_mask_of_words_is_refused():
    with pytest.raises(ImageError, match="real numbers"):
        core.with_truth(OPENED, "t.npy", npy(np.full((16, 17), "salt")))


def test_a_margin_has_no_part_in_the_share_of_salt():
    probability = np.zeros((10, 10), np.float32)
    probability[:, 6:] = 0.9
    margin = np.zeros((10, 10), bool)
    margin[:, :2] = True

    finding = core.find(probability, 0.5, margin=margin)

    assert (finding.pixels, finding.share, finding.left_out) == (40, 0.5, 20)
    assert finding.sentence == "threshold 0.50 · salt 50.0 % without the margin · 40 pixels"
    assert core.find(np.zeros((4, 4), np.float32), 0.5, margin=np.ones((4, 4), bool)).share == 0


def test_survey_tiles_are_those_the_weights_were_validated_on(tmp_path):
    tile = png(np.full((20, 20), 9, np.uint8))
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        for name in "abcd":
            archive.writestr(f"images/{name}.png", tile)
            archive.writestr(f"masks/{name}.png", tile)

    held_out = core.survey_tiles({"split": {"val": ["d", "b", "gone"]}}, tmp_path)
    unknown = core.survey_tiles({}, tmp_path, count=2)

    assert [(t.name, t.held_out) for t in held_out] == [("b", True), ("d", True)]
    assert [(t.name, t.held_out) for t in unknown] == [("a", False), ("c", False)]
    assert core.open_tile(unknown[0]).truth.all()
    assert core.survey_tiles({}, tmp_path / "nowhere") == []


def test_survey_tiles_of_a_folder_and_of_two_places(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "train" / part).mkdir(parents=True)
        (tmp_path / "train" / part / "a.png").write_bytes(png(np.full((20, 20), 9, np.uint8)))
    assert [tile.name for tile in core.survey_tiles({}, tmp_path)] == ["a"]
    assert core.survey_stamp(tmp_path)[0] == str(tmp_path / "train")
    (tmp_path / "train.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"expected one of train.zip and train/, got both"):
        core.survey_tiles({}, tmp_path)
    assert core.survey_stamp(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a_b.png", "`a_b.png`"),
        ("<b>x</b>", "`<b>x</b>`"),
        ("![x](http://evil)", "`![x](http://evil)`"),
        ("a`b``c", "``` a`b``c ```"),
        ("two\nlines\u202e", "`two lines `"),
        ("", "`  `"),
    ],
)
def test_names_are_shown_as_they_are(name, shown):
    assert core.literal(name) == shown


# --- Weights


def test_weights_are_found_with_what_their_cards_say(tmp_path, monkeypatch):
    monkeypatch.setattr(core, "shipped_weights", lambda: tmp_path / "none.safetensors")
    claim = {"metric": "mAP", "value": 0.8312, "split": "val", "count": 400, "tta": True, "threshold": 0.5}
    save_weights(tmp_path / "weights" / "good.safetensors", claim=claim)
    save_weights(tmp_path / "runs" / "a" / "a.safetensors")
    (tmp_path / "runs" / "stray.safetensors").write_bytes(b"no card beside it")
    (tmp_path / "weights" / "bad.safetensors").write_bytes(b"")
    (tmp_path / "weights" / "bad.json").write_text(json.dumps({"threshold": 2}))

    good, run = core.find_weights(tmp_path)

    assert (good.name, run.name) == ("good", "runs/a/a")
    assert good.label == "good · 0.03 M parameters · val mAP 0.831"
    assert good.claim == ("mAP 0.831 on 400 val tiles at threshold 0.50, averaged with the mirrored image")
    assert run.claim == ""
    assert Segmenter.load(run.key[0]).threshold == 0.4


# --- Files to take away


def read_png(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_downloads_hold_what_they_say():
    opened = core.SeismicImage("n", "n", np.full((2, 3), 0.4, np.float32))

    mask = read_png(core.mask_png(TRUTH))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 255], [255, 255, 0]]

    probability = read_png(core.probability_png(PROBABILITY)).astype(np.int64)
    assert probability.tolist() == np.rint(PROBABILITY.astype(np.float64) * 65535).tolist()

    np.testing.assert_array_equal(np.load(io.BytesIO(core.probability_npy(PROBABILITY))), PROBABILITY)
    assert read_png(core.grey_png(opened)).tolist() == [[102, 102, 102], [102, 102, 102]]
    np.testing.assert_array_equal(read_png(core.overlay_png(opened, TRUTH)), render.overlay(opened.pixels, TRUTH))

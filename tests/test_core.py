import base64
import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from demo import core
from unet import Segmenter, checkpoint, render
from unet.files import PictureError
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


def test_area_curve_counts_as_the_mask_does():
    curves = core.curves(PROBABILITY)

    assert curves.thresholds[0] == 0.01
    assert curves.thresholds[-1] == 0.99
    for threshold, area in zip(curves.thresholds, curves.area, strict=True):
        assert area == pytest.approx(np.mean(np.float32(threshold) < PROBABILITY))
    assert (curves.iou, curves.competition, curves.best) == (None, None, None)


def test_hindsight_is_the_middle_of_the_best_thresholds():
    curves = core.curves(PROBABILITY, TRUTH)

    assert curves.iou[44] == 1.0  # at 0.45 the mask is the truth
    assert curves.competition[44] == 1.0
    assert curves.best == 0.45  # perfect from 0.40 to 0.49


# --- Pictures


def test_every_sample_opens_with_its_truth():
    for name in core.SAMPLES:
        opened = core.sample(name)
        assert opened.grey.shape == opened.truth.shape == (101, 101)
        assert opened.truth.any() == ("no salt" not in name)


def test_the_digest_names_the_content_and_the_shape():
    grey = np.zeros((16, 32), np.float32)

    assert core.Opened("a", "a", grey).digest == core.Opened("b", "b", grey.copy()).digest
    assert core.Opened("a", "a", grey).digest != core.Opened("a", "a", grey.reshape(32, 16)).digest


def test_an_upload_keeps_its_name_and_its_grey():
    picture = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    opened = core.open_upload("line 7.png", png(picture))

    assert (opened.name, opened.stem, opened.truth) == ("line 7.png", "line 7", None)
    np.testing.assert_array_equal(opened.pixels, picture)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am text", "not a PNG, JPEG, TIFF or NPY"),
        (png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:900], "damaged or cut short"),
        (npy(np.full((20, 20), np.nan)), "NaN"),
        (npy(np.full((20, 20), 300.0)), "from_amplitude"),
        (npy(np.zeros(20)), "shape"),
        (png(np.zeros((15, 40), np.uint8)), "at least 16 x 16"),
        (png(np.zeros((2001, 2001), np.uint8)), "2,001 x 2,001 is more than the 4,000,000 pixels"),
    ],
)
def test_an_upload_that_cannot_be_used_is_named(content, reason):
    with pytest.raises(PictureError, match=f"^bad.png: .*{reason}"):
        core.open_upload("bad.png", content)


@pytest.mark.parametrize("salt", [np.uint8(255), np.uint8(1), np.uint16(65535)])
def test_every_value_but_zero_is_salt(salt):
    mask = np.zeros((16, 17), salt.dtype)
    mask[3, 4] = salt

    truth = core.open_truth("t.png", png(mask), (16, 17))

    assert truth.dtype == np.bool_
    assert np.argwhere(truth).tolist() == [[3, 4]]


def test_a_mask_of_another_size_is_named_with_both_sizes():
    with pytest.raises(PictureError, match=r"t.png: expected .* size 101 x 101, got 16 x 17"):
        core.open_truth("t.png", png(np.zeros((16, 17), np.uint8)), (101, 101))


def test_a_mask_of_words_is_refused():
    with pytest.raises(PictureError, match="expected numbers"):
        core.open_truth("t.npy", npy(np.full((16, 16), "salt")), (16, 16))


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
    assert good.claim == ("mAP 0.831 on 400 val tiles at threshold 0.50, averaged with the mirrored picture")
    assert run.claim == ""
    assert Segmenter.load(run.key[0]).threshold == 0.4


# --- The viewer and the files


def test_the_viewer_gets_exactly_what_python_has():
    opened = core.Opened("n", "n", np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3), TRUTH)
    data = core.viewer_data(opened, PROBABILITY, 0.3, 7, 0.4)

    values = np.frombuffer(base64.b64decode(data["probability"]), "<f4").reshape(2, 3)
    np.testing.assert_array_equal(values, PROBABILITY)
    assert list(base64.b64decode(data["picture"])) == [0, 51, 102, 153, 204, 255]
    assert list(base64.b64decode(data["truth"])) == [0, 0, 1, 1, 1, 0]
    assert base64.b64decode(data["palette"]) == render.SEQUENTIAL.tobytes()
    assert (data["height"], data["width"]) == (2, 3)
    assert (data["threshold"], data["revision"], data["chosen"]) == (0.3, 7, 0.4)
    assert json.loads(json.dumps(data)) == data


def test_the_viewers_key_changes_with_picture_probability_and_truth_only():
    opened = core.Opened("n", "n", np.zeros((2, 3), np.float32))
    keys = [
        core.viewer_data(opened, PROBABILITY, 0.3, 1, 0.4)["key"],
        core.viewer_data(opened, PROBABILITY, 0.9, 2, 0.5)["key"],
        core.viewer_data(opened, PROBABILITY / 2, 0.3, 1, 0.4)["key"],
        core.viewer_data(core.Opened("n", "n", opened.grey, TRUTH), PROBABILITY, 0.3, 1, 0.4)["key"],
        core.viewer_data(core.Opened("n", "n", opened.grey + 1), PROBABILITY, 0.3, 1, 0.4)["key"],
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def read_png(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_downloads_hold_what_they_say():
    opened = core.Opened("n", "n", np.full((2, 3), 0.4, np.float32))

    mask = read_png(core.mask_png(TRUTH))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 255], [255, 255, 0]]

    probability = read_png(core.probability_png(PROBABILITY)).astype(np.int64)
    assert probability.tolist() == np.rint(PROBABILITY.astype(np.float64) * 65535).tolist()

    np.testing.assert_array_equal(np.load(io.BytesIO(core.probability_npy(PROBABILITY))), PROBABILITY)
    np.testing.assert_array_equal(read_png(core.overlay_png(opened, TRUTH)), render.overlay(opened.pixels, TRUTH))


# --- Inside the network


def test_levels_hold_the_sites_in_the_order_of_the_forward_pass():
    card = {"sites": [{"name": s.name, "stride": s.stride} for s in UNet(UNetConfig(width=2, depth=2)).sites()]}

    assert core.levels(card) == [
        core.Level("Level 1", 1, ("encoder1", "skip1", "up1", "decoder1")),
        core.Level("Level 2", 2, ("encoder2", "skip2", "up2", "decoder2")),
        core.Level("Bottleneck", 4, ("bottleneck",)),
    ]


def test_a_montage_shows_the_picture_s_own_part_of_every_map():
    torch.manual_seed(0)
    segmenter = Segmenter(UNet(UNetConfig(width=4, depth=2)).eval(), {"threshold": 0.5, "input": RULE})
    trace = segmenter.trace(core.sample("Salt stock").grey)

    maps = trace.crop("encoder1")
    assert maps.shape == (4, 101, 101)
    np.testing.assert_array_equal(core.montage(trace, "encoder1"), render.feature_tiles(maps, zoom=4))
    assert core.describe(trace, "encoder1").startswith("4 maps of 101 x 101, values 0.00 to ")


def test_the_window_of_a_small_picture_is_the_picture():
    picture = np.arange(200 * 101, dtype=np.float32).reshape(200, 101)

    np.testing.assert_array_equal(core.window(picture[:101]), picture[:101])
    np.testing.assert_array_equal(core.window(picture, top=72), picture[72:])

"""The Streamlit app's wiring, without a browser."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from demo import core
from unet import Segmenter, checkpoint
from unet.image import RULE
from unet.model import UNet, UNetConfig

APP = Path(__file__).parents[1] / "demo" / "app.py"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder with two untrained networks in it, and nothing else the app could find."""
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        model = UNet(UNetConfig(width=4, depth=3)).eval()
        card = {"threshold": 0.45 + 0.1 * seed, "input": RULE}
        checkpoint.save(tmp_path / "weights" / f"{name}.safetensors", model, card)
    monkeypatch.setattr(core, "ROOT", tmp_path)
    monkeypatch.setattr(core, "shipped_weights", lambda: tmp_path / "weights" / "first.safetensors")
    return tmp_path / "weights"


@pytest.fixture
def app(weights):
    return run(AppTest.from_file(str(APP), default_timeout=60))


def run(app_or_widget):
    app = app_or_widget.run()
    assert not app.exception, app.exception
    return app


def shown(app):
    return {metric.label: metric.value for metric in app.metric}


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def expected(weights, name, grey, threshold, truth=None):
    return core.find(Segmenter.load(weights / f"{name}.safetensors").probability(grey), threshold, truth)


def test_the_first_sample_is_open_and_scored(app, weights):
    opened = core.sample("Salt stock")
    finding = expected(weights, "first", opened.grey, 0.45, opened.truth)

    assert app.selectbox(key="picture").value == "Salt stock"
    assert app.number_input(key="threshold").value == 0.45
    assert shown(app)["Salt pixels"] == f"{finding.pixels:,}"
    assert shown(app)["IoU"] == f"{finding.iou:.3f}"
    assert shown(app)["Competition score"] == f"{finding.competition:.1f}"
    assert len(app.download_button) == 4


def test_the_threshold_changes_the_area(app, weights):
    probability = Segmenter.load(weights / "first.safetensors").probability(core.sample("Salt stock").grey)
    threshold = round(float(np.median(probability)), 2)
    run(app.number_input(key="threshold").set_value(threshold))

    assert shown(app)["Salt pixels"] == f"{int((probability > np.float32(threshold)).sum()):,}"


def test_nothing_above_the_threshold_says_what_is_known(app):
    run(app.number_input(key="threshold").set_value(1.0))

    assert shown(app)["Salt pixels"] == "0"
    assert f"highest probability {shown(app)['Highest probability']}" in app.info[0].value


def test_other_weights_bring_their_own_threshold(app, weights):
    run(app.selectbox(key="weights_label").select_index(1))
    finding = expected(weights, "second", core.sample("Salt stock").grey, 0.55)

    assert app.number_input(key="threshold").value == 0.55
    assert shown(app)["Salt pixels"] == f"{finding.pixels:,}"


def test_weights_written_anew_by_a_run_leave_the_threshold_alone(app, weights):
    run(app.number_input(key="threshold").set_value(0.3))
    torch.manual_seed(5)
    model = UNet(UNetConfig(width=4, depth=3)).eval()
    checkpoint.save(weights / "first.safetensors", model, {"threshold": 0.45, "input": RULE})
    run(app)

    finding = expected(weights, "first", core.sample("Salt stock").grey, 0.3)
    assert app.number_input(key="threshold").value == 0.3
    assert shown(app)["Salt pixels"] == f"{finding.pixels:,}"


def test_weights_that_do_not_fit_their_card_get_a_sentence_without_a_path(app, weights):
    (weights / "second.safetensors").write_bytes(b"other tensors")
    run(app.selectbox(key="weights_label").select_index(1))

    assert "second: these are not the tensors its card was written for" in app.error[0].value
    assert str(weights) not in app.error[0].value


def test_an_upload_opens_at_once_and_its_mask_scores_it(app, weights):
    image, mask = core.sample("Hanging keel").pixels, core.sample("Hanging keel").truth
    app.file_uploader(key="uploads").upload("line_7.png", png(image), "image/png")
    run(app)
    assert app.selectbox(key="picture").value == "line_7.png"
    assert "IoU" not in shown(app)

    app.file_uploader(key="masks").upload("line_7.png", png(mask.astype(np.uint8)), "image/png")
    run(app)
    finding = expected(weights, "first", image, 0.45, mask)
    assert shown(app)["Salt pixels"] == f"{finding.pixels:,}"
    assert shown(app)["IoU"] == f"{finding.iou:.3f}"


def test_a_bad_upload_is_named_and_the_rest_go_on(app):
    good = png(core.sample("Small lens").pixels)
    files = [
        ("empty.png", b"", "image/png"),
        ("*text*.png", b"no picture", "image/png"),
        ("good.png", good, "image/png"),
        ("cut.png", good[: len(good) // 2], "image/png"),
    ]
    app.file_uploader(key="uploads").set_value(files)
    run(app)

    assert app.selectbox(key="picture").value == "good.png"
    sentences = app.warning[0].value.splitlines()
    assert [line.split("`")[1] for line in sentences] == ["empty.png", "*text*.png", "cut.png"]
    assert "the file is empty" in sentences[0]


def test_a_mask_that_does_not_fit_is_named_and_the_picture_still_opens(app):
    app.file_uploader(key="uploads").upload("a.png", png(np.arange(400, dtype=np.uint8).reshape(20, 20)))
    app.file_uploader(key="masks").set_value(
        [
            ("a.png", png(np.zeros((9, 9), np.uint8)), "image/png"),
            ("b.png", png(np.zeros((9, 9), np.uint8)), "x"),
        ]
    )
    run(app)

    assert "b.png" in app.warning[0].value
    assert "size 20 x 20, got 9 x 9" in app.warning[0].value
    assert "IoU" not in shown(app)


def test_more_pictures_than_allowed_are_named_and_left_out(app, monkeypatch):
    monkeypatch.setattr(core, "MOST_FILES", 2)
    tile = png(np.arange(400, dtype=np.uint8).reshape(20, 20))
    app.file_uploader(key="uploads").set_value([(f"{name}.png", tile, "image/png") for name in "abcd"])
    run(app)

    assert "`c.png`, `d.png`" in app.warning[0].value
    assert [o for o in app.selectbox(key="picture").options if o.endswith(".png")] == ["a.png", "b.png"]


def test_two_files_of_one_name_can_both_be_opened(app, weights):
    pictures = [core.sample(name).pixels for name in ("Small lens", "Hanging keel")]
    app.file_uploader(key="uploads").set_value([("a.png", png(picture), "image/png") for picture in pictures])
    run(app)
    run(app.selectbox(key="picture").set_value("a.png (2)"))

    assert shown(app)["Salt pixels"] == f"{expected(weights, 'first', pictures[1], 0.45).pixels:,}"


def test_an_upload_that_is_taken_back_leaves_a_sample_open(app):
    app.file_uploader(key="uploads").upload("a.png", png(core.sample("Small lens").pixels))
    run(app)
    app.file_uploader(key="uploads").clear()
    run(app)

    assert app.selectbox(key="picture").value == "Salt stock"


@pytest.mark.parametrize("level", ["Level 1", "Level 2", "Level 3"])
def test_every_level_shows_both_arms_and_what_meets_between_them(app, level):
    run(app.switch_page("views/inside_the_unet.py"))
    run(app.segmented_control(key="level").set_value(level))

    number = level[-1]
    captions = [caption.value.split(":")[0] for caption in app.caption]
    assert captions[-4:] == [f"{part}{number}" for part in ("encoder", "decoder", "skip", "up")]


def test_the_bottleneck_opens_too(app):
    run(app.switch_page("views/inside_the_unet.py"))
    run(app.segmented_control(key="level").set_value("Bottleneck"))

    assert app.caption[-1].value.startswith("bottleneck: 32 maps of 13 x 13")


def test_a_large_picture_is_opened_through_a_window(app):
    app.file_uploader(key="uploads").upload("large.png", png(np.tile(core.sample("Salt stock").pixels, (3, 1))))
    run(app)
    run(app.switch_page("views/inside_the_unet.py"))
    run(app.slider[0].set_value(0))

    assert app.slider[0].max == 303 - 128
    assert "encoder1: 4 maps of 128 x 101" in app.caption[-4].value


def test_the_picture_travels_in_the_url(weights):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["picture"] = "Small lens"
    run(app)

    assert app.selectbox(key="picture").value == "Small lens"


def test_without_weights_the_page_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(core, "ROOT", tmp_path)
    monkeypatch.setattr(core, "shipped_weights", lambda: tmp_path / "none.safetensors")
    app = run(AppTest.from_file(str(APP), default_timeout=60))

    assert "python train.py" in app.error[0].value

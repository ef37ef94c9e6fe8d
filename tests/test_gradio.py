"""The real Gradio app, through its client and in a browser."""

import socket

import cv2
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from demo import core, gradio_app, quality
from tests import test_how_good
from unet import Segmenter

PATIENCE = 60_000  # ms: a first start on a busy machine
IMAGE = core.sample("Salt stock").pixels


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.load(core.find_weights()[0].path)


@pytest.fixture(scope="module")
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = gradio_app.build().queue()
    page.launch(css_paths=core.VIEWER_CSS, server_port=port, prevent_thread_lock=True, quiet=True)
    yield f"http://127.0.0.1:{port}"
    page.close()


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def test_predict_gives_the_segmenters_mask(client, segmenter, tmp_path):
    path = tmp_path / "stock.png"
    cv2.imwrite(str(path), IMAGE)
    for threshold in (None, 0.2):
        mask, report = client.predict(handle_file(path), threshold, api_name="/predict")
        expected = segmenter.mask(IMAGE, threshold)
        np.testing.assert_array_equal(cv2.imread(mask, cv2.IMREAD_UNCHANGED) == 255, expected)
        assert report["salt_pixels"] == expected.sum()
        assert report["threshold"] == (threshold or segmenter.threshold)


def test_predict_needs_the_picture_alone(client, segmenter, tmp_path):
    np.save(tmp_path / "stock.npy", IMAGE)
    _, report = client.predict(handle_file(tmp_path / "stock.npy"), api_name="/predict")
    assert report["highest_probability"] == pytest.approx(float(segmenter.probability(IMAGE).max()))


def test_what_is_no_picture_is_named(client, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(AppError, match="broken.png: not a PNG, JPEG, TIFF or NPY picture"):
        client.predict(handle_file(tmp_path / "broken.png"), api_name="/predict")


@pytest.mark.browser
def test_the_page_shows_the_same_viewer_and_the_maps(address, segmenter, browser):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(address)
    finding = core.find(segmenter.probability(IMAGE), segmenter.threshold)
    readout = page.get_by_test_id("salt-readout")
    expect(readout).to_have_text(finding.sentence, timeout=PATIENCE)
    page.get_by_test_id("salt-threshold").focus()
    page.keyboard.press("Home")
    expect(readout).to_contain_text("threshold 0.00", timeout=PATIENCE)
    weights = core.find_weights()[0]
    judged = quality.read_evaluation(weights.path, weights.card)
    expect(page.get_by_text("Flip TTA adds" if judged else "Nobody has evaluated")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Bottleneck").check()
    expect(page.get_by_text("bottleneck: 256 maps of 7 x 7")).to_be_visible(timeout=PATIENCE)
    page.close()


def test_the_report_on_the_weights_is_summed_up(small_weights, monkeypatch):
    weights = core.Weights(small_weights, "small", test_how_good.CARD | {"sha256": "0" * 64})
    monkeypatch.setattr(core, "find_weights", lambda: [weights])
    assert gradio_app.judge(weights.label) == (
        f"Nobody has evaluated these weights yet; {quality.how_to_evaluate(small_weights)}"
    )

    test_how_good.write(small_weights, {**test_how_good.REPORT, "sha256": "0" * 64})
    line, _, words = gradio_app.judge(weights.label).partition("\n\n")
    assert line.startswith("mAP **0.750** · mAP, flip TTA **0.760** · Flip TTA adds **+0.010** · ")
    assert words.startswith(quality.meaning(test_how_good.REPORT, test_how_good.CARD))

    test_how_good.write(small_weights, "{")
    assert gradio_app.judge(weights.label).startswith("`small.evaluation.json`: not a JSON file; run `python -m unet")

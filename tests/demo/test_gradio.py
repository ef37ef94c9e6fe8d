"""The real Gradio app, through its client and in a browser."""

import json
import socket

import cv2
import gradio as gr
import numpy as np
import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from demo import bundle, evaluation, gradio_app, images
from demo.detection import detect
from demo.weights import Weights, find_weights
from tests.demo import test_evaluation
from unet import Segmenter, explain, render

PATIENCE = 60_000  # ms: a first start on a busy machine
IMAGE = images.open_sample("Salt stock").pixels
LARGE = np.random.default_rng(0).integers(0, 256, (150, 140), dtype=np.uint8)


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.load(find_weights()[0].path)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Gradio's cache, for this module alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("gradio")
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def app(cache):
    return gradio_app.build()


@pytest.fixture(scope="module")
def address(app):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app.queue().launch(server_port=port, prevent_thread_lock=True, quiet=True)
    yield f"http://127.0.0.1:{port}"
    app.close()


@pytest.fixture(scope="module")
def client(address, tmp_path_factory):
    return Client(address, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def stock(tmp_path):
    path = tmp_path / "stock.png"
    cv2.imwrite(str(path), IMAGE)
    return handle_file(path)


@pytest.fixture
def large(tmp_path):
    np.save(tmp_path / "large.npy", LARGE)
    return handle_file(tmp_path / "large.npy")


def read(path):
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)


# --- For programs -------------------------------------------------------------------------------------------


def test_programs_see_four_endpoints_and_no_more(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/predict", "/trace", "/ablate", "/explain_pixel"}


def test_predict_gives_the_segmenters_mask(client, segmenter, stock):
    for threshold in (None, 0.2):
        mask, report = client.predict(stock, threshold, api_name="/predict")
        expected = segmenter.mask(IMAGE, threshold)
        np.testing.assert_array_equal(read(mask) == 255, expected)
        assert report["salt_pixels"] == expected.sum()
        assert report["threshold"] == (threshold or segmenter.threshold)


def test_predict_needs_the_image_alone(client, segmenter, tmp_path):
    np.save(tmp_path / "stock.npy", IMAGE)
    _, report = client.predict(handle_file(tmp_path / "stock.npy"), api_name="/predict")
    assert report["highest_probability"] == pytest.approx(float(segmenter.probability(IMAGE).max()))


def test_without_a_image_a_sample_takes_its_place(client, segmenter):
    _, report = client.predict(None, sample="Small lens", api_name="/predict")
    assert report["salt_pixels"] == segmenter.mask(images.open_sample("Small lens").grey).sum()


@pytest.mark.parametrize("site", ["encoder1", "bottleneck", "up2", "logits"])
def test_trace_gives_the_maps_themselves(client, segmenter, stock, site):
    path, report = client.predict(stock, site, api_name="/trace")
    maps = np.load(path)
    np.testing.assert_array_equal(maps, segmenter.trace(IMAGE).crop(site))
    assert maps.dtype == np.float32
    assert (report["channels"], report["height"], report["width"]) == maps.shape
    assert report["window"] == [0, 0, 101, 101]
    assert (report["lowest"], report["highest"]) == (maps.min(), maps.max())
    assert report["mean"] == pytest.approx(maps.mean())
    assert report["silent"] == sum(not channel.any() for channel in maps)
    assert report["stride"] == {found.name: found.stride for found in segmenter.model.sites()}[site]


@pytest.mark.parametrize("fill", ["zero", "mean", "Small lens"])
def test_ablate_cuts_as_explain_does(client, segmenter, stock, fill):
    mask, report = client.predict(stock, ["bottleneck", "skip2"], fill, 0.3, api_name="/ablate")
    lent = fill if fill in ("zero", "mean") else images.open_sample(fill).grey
    table = explain.cut_table(segmenter, images.open_sample("Salt stock").grey, lent)
    before, after = table[0], table[0b10010]
    assert np.count_nonzero((read(mask) == 255) != (after > np.float32(0.3))) <= 2  # of 1e-6 beside the threshold
    assert report["cuts"] == ["skip2", "bottleneck"]
    assert (report["fill"], report["threshold"], report["window"]) == (fill, 0.3, [0, 0, 101, 101])
    assert report["mean_change"] == pytest.approx(np.abs(after - before).mean(), abs=1e-6)
    assert report["largest_change"] == pytest.approx(np.abs(after - before).max(), abs=1e-5)
    for when, probability in (("before", before), ("after", after)):
        assert report["salt_pixels"][when] == pytest.approx((probability > np.float32(0.3)).sum(), abs=2)
        assert report["salt_share"][when] == report["salt_pixels"][when] / IMAGE.size


def test_nothing_cut_changes_nothing(client, segmenter, stock):
    mask, report = client.predict(stock, [], api_name="/ablate")
    np.testing.assert_array_equal(read(mask) == 255, segmenter.mask(IMAGE))
    assert report["mean_change"] == report["largest_change"] == 0


@pytest.mark.parametrize("samples", [0, 3])
def test_explain_pixel_gives_the_influence_and_its_boxes(client, segmenter, stock, samples):
    heat, report = client.predict(stock, 40, 52, 2, 3, samples, api_name="/explain_pixel")
    found = explain.explain_pixel(segmenter, IMAGE, (40, 52, 2, 3), samples)
    boxes = {share: explain.influence_box(found.influence, (40, 52, 2, 3), share / 100) for share in (50, 90)}
    levels = np.rint(found.influence / found.influence.max() * 255).astype(np.uint8)
    np.testing.assert_array_equal(read(heat)[..., ::-1], render.SEQUENTIAL[levels])
    assert report["boxes"] == {str(share): list(box) for share, box in boxes.items()}
    assert report["sentence"] == f"90 % of the influence comes from {boxes[90][2]} x {boxes[90][3]} pixels"
    assert report["receptive_field"] == explain.receptive_field(segmenter.model.config) == 236
    assert report["logit"] == pytest.approx(found.logit, abs=1e-6)
    assert report["probability"] == pytest.approx(found.probability, abs=1e-6)
    assert report["samples"] == samples


def test_a_large_image_is_opened_in_a_window(client, segmenter, large):
    part = LARGE[22:, 12:]
    path, report = client.predict(large, "skip3", 22, 12, api_name="/trace")
    np.testing.assert_array_equal(np.load(path), segmenter.trace(part).crop("skip3"))
    assert report["window"] == [22, 12, 128, 128]

    mask, report = client.predict(large, ["skip1"], top=22, left=12, api_name="/ablate")
    without = segmenter.trace(part, {"skip1": 0.0}).probability
    assert np.count_nonzero((read(mask) == 255) != (without > np.float32(segmenter.threshold))) <= 2

    heat, report = client.predict(large, 80, 70, samples=0, top=22, left=12, api_name="/explain_pixel")
    assert read(heat).shape == (128, 128, 3)
    alone = explain.influence_box(explain.explain_pixel(segmenter, part, (58, 58, 1, 1)).influence, (58, 58, 1, 1), 0.5)
    assert report["boxes"]["50"] == [alone[0] + 22, alone[1] + 12, *alone[2:]]


@pytest.mark.parametrize(
    ("endpoint", "given", "sentence"),
    [
        ("/predict", {"threshold": 1.5}, "greater than maximum value 1"),
        ("/predict", {"weights": "nobody"}, "nobody is not in the list of choices"),
        ("/trace", {"site": "skip9"}, "expected one of encoder1, .*, got skip9"),
        ("/trace", {"site": "<b>" * 99}, r"got &lt;b&gt;.{1,160}$"),
        ("/trace", {"top": 23}, "inside 150 x 140 pixels, top 0 to 22 and left 0 to 12, got top 23 and left 0"),
        ("/trace", {"left": None}, "got top 0 and left None"),
        ("/ablate", {"cuts": ["skip1"], "left": 13}, "left 0 to 12, got top 0 and left 13"),
        ("/ablate", {"cuts": ["encoder1"]}, "'encoder1' .* is not in the list of choices"),
        ("/ablate", {"cuts": [], "fill": "noise"}, "noise is not in the list of choices"),
        ("/ablate", {"cuts": [], "threshold": -0.1}, "less than minimum value 0"),
        ("/explain_pixel", {"row": 128, "column": 0}, "inside the opened window; move the window there"),
        ("/explain_pixel", {"row": 0, "column": 0, "height": 0}, "less than minimum value 1"),
        ("/explain_pixel", {"row": 0, "column": 120, "width": 9}, "inside the opened window"),
        ("/explain_pixel", {"row": None, "column": 0}, "expected 4 whole numbers from 0 as box"),
        ("/explain_pixel", {"row": 0, "column": 0, "samples": 17}, "greater than maximum value 16"),
        ("/explain_pixel", {"row": 0, "column": 0, "top": 23}, "top 0 to 22"),
    ],
)
def test_what_cannot_be_asked_gets_a_sentence(client, large, endpoint, given, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(large, **given, api_name=endpoint)


@pytest.mark.parametrize("endpoint", ["/predict", "/trace", "/ablate", "/explain_pixel"])
def test_what_is_no_image_is_named(client, tmp_path, endpoint):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and no more")
    more = {"/ablate": {"cuts": []}, "/explain_pixel": {"row": 0, "column": 0}}.get(endpoint, {})
    with pytest.raises(AppError, match="broken.png: not a PNG, JPEG, TIFF"):
        client.predict(handle_file(tmp_path / "broken.png"), **more, api_name=endpoint)


def test_a_name_is_never_markup(tmp_path):
    path = tmp_path / "<img src=x>.png"
    path.write_bytes(b"no")
    with pytest.raises(gr.Error) as refused:
        gradio_app.opened_from(str(path), None, None)
    assert refused.value.message.startswith("&lt;img src=x&gt;.png: ")
    with pytest.raises(gr.Error, match="expected an image, or one of the samples Salt stock"):
        gradio_app.opened_from(None, None, None)


def test_every_file_is_in_gradios_cache_and_will_be_deleted(client, app, cache, stock):
    assert app.delete_cache == (3600, 86_400)
    client.predict(stock, api_name="/predict")
    client.predict(stock, api_name="/trace")
    assert any(path.name == "bottleneck.npy" for path in cache.rglob("*"))
    delete_files_created_by_app(app, age=None)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


# --- The page -----------------------------------------------------------------------------------------------


@pytest.fixture
def open_page(address, browser):
    """``open_page(query)`` opens the page; a script error fails the test."""
    opened, errors = [], []

    def open_(query="", width=1300):
        page = browser.new_page(viewport={"width": width, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/?{query}")
        expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold", timeout=PATIENCE)
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()
    assert errors == []


def expect_readout(page, text):
    expect(page.get_by_test_id("salt-readout")).to_contain_text(text, timeout=PATIENCE)


@pytest.mark.browser
def test_the_page_shows_the_same_viewer(open_page, segmenter):
    page = open_page()
    finding = detect(segmenter.probability(IMAGE), segmenter.threshold)
    expect_readout(page, finding.sentence)
    weights = find_weights()[0]
    judged = evaluation.read_evaluation(weights.path, weights.card)
    expect(page.get_by_text("Flip TTA adds" if judged else "Nobody has evaluated")).to_be_visible(timeout=PATIENCE)
    for site in segmenter.model.sites():
        expect(page.get_by_test_id(f"site-{site.name}")).to_be_visible()


@pytest.mark.browser
def test_the_threshold_moves_without_a_word_and_is_told_once(open_page):
    page = open_page()
    page.get_by_test_id("site-skip1").click()  # after this answer nothing is under way
    expect_readout(page, "threshold 0.40")
    page.wait_for_timeout(1500)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_test_id("salt-threshold").evaluate(
        """async (handle) => {
             for (let i = 0; i < 30; i++) {
               handle.value = 0.3 + i / 100;
               handle.dispatchEvent(new Event("input", { bubbles: true }));
               await new Promise(requestAnimationFrame);
             }
           }"""
    )
    expect_readout(page, "threshold 0.59")
    page.wait_for_timeout(600)
    assert [url for url in asked if "queue/join" in url] == []
    page.get_by_test_id("salt-threshold").dispatch_event("change")
    page.get_by_text("Files to take away").click()
    expect(page.get_by_role("spinbutton", name="Threshold", exact=True).last).to_have_value("0.59", timeout=PATIENCE)
    expect_readout(page, "threshold 0.59")  # what Python heard moves nothing back


@pytest.mark.browser
def test_a_link_opens_what_it_says(open_page, segmenter):
    page = open_page("sample=Small+lens&weights=salt-unet&threshold=0.3&cuts=skip1,skip2&layer=encoder2")
    cut = segmenter.trace(images.open_sample("Small lens").grey, {"skip1": 0.0, "skip2": 0.0}).probability
    expect_readout(page, f"threshold 0.30 · salt {100 * detect(cut, 0.3).share:.1f} %")
    expect(page.get_by_role("combobox", name="Sample")).to_have_value("Small lens")
    expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("site-encoder2")).to_have_attribute("aria-current", "true")
    page.keyboard.press("]")
    expect_readout(page, "threshold 0.31")
    page.wait_for_url("**threshold=0.31*")
    page.reload()
    expect_readout(page, "threshold 0.31")
    expect(page.get_by_test_id("site-skip1")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
def test_a_link_that_says_nothing_here_gets_a_sentence(open_page, segmenter):
    page = open_page("sample=%3Cb%3Emine.png&weights=gone&threshold=much")
    expect_readout(page, f"threshold {segmenter.threshold:.2f}")
    for sentence in (
        "There is no sample called <b>mine.png; a link cannot carry an upload",
        "There are no weights called gone here",
        "A link's threshold is a number from 0 to 1, this one says much",
    ):
        expect(page.get_by_text(sentence)).to_be_visible()


@pytest.mark.browser
def test_an_upload_with_its_mask_and_a_sample_after_it(open_page, segmenter, tmp_path):
    lens = images.open_sample("Small lens")
    cv2.imwrite(str(tmp_path / "lens.png"), lens.pixels)
    cv2.imwrite(str(tmp_path / "mask.png"), lens.truth.astype(np.uint8) * 255)
    page = open_page()
    files = page.locator("input[type=file]")
    files.nth(0).set_input_files(tmp_path / "lens.png")
    finding = detect(segmenter.probability(lens.pixels), segmenter.threshold)
    expect_readout(page, finding.sentence)
    expect(page.get_by_test_id("salt-scores")).to_be_hidden()
    page.wait_for_url(lambda url: "sample=" not in url)  # an upload cannot travel
    page.locator("input[type=file]").last.set_input_files(tmp_path / "mask.png")
    expect(page.get_by_test_id("salt-scores")).to_contain_text("IoU", timeout=PATIENCE)
    page.get_by_role("combobox", name="Sample").click()
    page.get_by_test_id("dropdown-option").get_by_text("Salt stock").click()
    expect_readout(page, detect(segmenter.probability(IMAGE), segmenter.threshold).sentence)
    expect(page.get_by_text("lens.png")).to_have_count(0)
    page.wait_for_url("**sample=Salt+stock*")
    files.nth(0).set_input_files(tmp_path / "lens.png")
    expect_readout(page, finding.sentence)
    page.get_by_role("button", name="Clear").first.click()
    expect_readout(page, detect(segmenter.probability(IMAGE), segmenter.threshold).sentence)
    expect(page.get_by_role("combobox", name="Sample")).to_have_value("Salt stock")


@pytest.mark.browser
def test_the_page_fits_a_phone_and_the_image_stays_in_sight(open_page):
    page = open_page(width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page = open_page(width=1300)
    page.get_by_test_id("site-bottleneck").click()
    page.wait_for_timeout(500)
    page.mouse.move(900, 600)
    page.mouse.wheel(0, 1200)
    page.wait_for_timeout(300)
    expect(page.get_by_test_id("salt-viewer")).to_be_in_viewport()


def test_the_viewer_brings_its_container_queries(app):
    (viewer,) = [block for block in app.blocks.values() if type(block) is gr.HTML]
    assert json.dumps(bundle.style())[1:-1] in viewer.js_on_load
    assert "@container" in viewer.js_on_load


def test_the_report_on_the_weights_is_summed_up(small_weights, monkeypatch):
    weights = Weights(small_weights, "small", test_evaluation.card(sha256="0" * 64))
    monkeypatch.setattr(core, "find_weights", lambda: [weights])
    assert gradio_app.judge(weights.label) == (
        f"Nobody has evaluated these weights yet; {evaluation.how_to_evaluate(small_weights)}"
    )

    test_evaluation.write(small_weights, {**test_evaluation.REPORT, "sha256": "0" * 64})
    line, _, words = gradio_app.judge(weights.label).partition("\n\n")
    assert line.startswith("mAP **0.750** · mAP, flip TTA **0.760** · Flip TTA adds **+0.010** · ")
    assert words.startswith(evaluation.meaning(test_evaluation.found(), test_evaluation.card()))

    test_evaluation.write(small_weights, "{")
    assert gradio_app.judge(weights.label).startswith("`small.evaluation.json`: not a JSON file; run `python -m unet")

"""The pages of the Streamlit app in a real browser: uploads, export, evaluation."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo import evaluation
from demo.detection import detect
from demo.images import SAMPLES, find_survey, open_sample
from demo.weights import find_weights
from tests.browser import pages
from tests.browser.pages import expect_image, expect_no_scrolling, upload, wait_for_silence
from tests.demo.files import png
from tests.servers import PHONE, visited

pytestmark = pytest.mark.browser
MARKUP = "<img src=x onerror=alert(1)>.png"
WEIGHTS = find_weights()[0]
KEEL, LENS = open_sample("Hanging keel"), open_sample("Small lens")


def go_to(page, name):
    """Follows a link between the pages."""
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def figures(page, word):
    """The figure of this name of every image, in the order in which they stand."""
    texts = page.locator(".salt-gallery .image").all_text_contents()
    return [float(re.search(rf"{word} ([\d.]+)", text)[1]) for text in texts]


def download(page, button, path):
    with page.expect_download() as file:
        page.get_by_role("button", name=button).click()
    file.value.save_as(path)
    return file.value.suggested_filename


def test_uploads_survive_other_pages_and_a_session_file_opens_them_again(browser, streamlit, segmenter, tmp_path):
    probability = segmenter.probability(KEEL.pixels)
    threshold = round(float(np.median(probability)), 2)  # some pixels on either side, whatever the weights say
    cut = detect(segmenter.trace(LENS.pixels, {"skip3": 0.0}).probability, threshold)
    with visited(browser, streamlit.address, color_scheme="dark") as page:
        readout = page.get_by_test_id("salt-readout")
        upload(page, ("cut_short.png", png(LENS.pixels)[:200]))
        expect(page.get_by_role("alert")).to_contain_text(re.compile("No result. cut_short.png: .*cut short"))
        expect(readout).to_have_count(0)

        upload(page, (MARKUP, png(KEEL.pixels)))
        expect_image(page, MARKUP)
        wait_for_silence(page)  # a person does not move the threshold before the maps are there
        pages.set_threshold(page, threshold)
        expect(readout).to_have_text(detect(probability, threshold).sentence)
        expect(page.get_by_text(re.compile("link cannot carry"))).to_be_visible()
        assert "sample" not in pages.link(page.url)

        expect(page.get_by_test_id("salt-truth")).to_be_hidden()
        upload(page, (MARKUP, png(KEEL.truth.astype(np.uint8) * 255)), which=1)
        expect(page.get_by_test_id("salt-truth")).to_be_visible()
        expect(page.get_by_test_id("salt-scores")).to_contain_text("IoU")

        page.get_by_test_id("site-skip3").click()
        upload(page, ("lens.png", png(LENS.pixels)))  # another image brings its own maps, and the cuts stay
        expect_image(page, "lens.png")
        page.get_by_test_id("site-encoder3").click()
        go_to(page, "Export")  # while the network is at work
        expect(page.locator(".salt-gallery .name")).to_have_text([MARKUP, "lens.png"])
        assert not page.locator("img[src=x]").count()
        pages.expect_accessible(page, ".salt-gallery")
        expect(page.get_by_role("alert").last).to_contain_text(
            "the network without skip3 (zero in their place). All files are"
        )
        expect(page.locator(".st-key-export-zip").get_by_test_id("export-zip")).to_have_text(
            re.compile(r"Session \(ZIP\)")
        )
        download(page, "Session (ZIP)", tmp_path / "session.zip")
        go_to(page, "Explore")
        expect(readout).to_have_text(cut.sentence)
        pages.expect_cut_and_layer(page, "skip3", "encoder3")

    with visited(browser, streamlit.address) as page:
        upload(page, ("session.zip", (tmp_path / "session.zip").read_bytes()))
        expect_image(page, "lens.png")
        expect(page.get_by_test_id("salt-readout")).to_have_text(cut.sentence)
        pages.expect_cut_and_layer(page, "skip3", "encoder3")


def test_back_is_one_press_and_a_page_loaded_anew_says_that_uploads_are_gone(browser, streamlit):
    with visited(browser, streamlit.address, "sample=Salt+sheet&threshold=0.4") as page:
        for name in ("Export", "Evaluation"):
            wait_for_silence(page)
            go_to(page, name)
            pages.expect_link(page, "sample", "Salt sheet")
            pages.expect_link(page, "threshold", "0.40")
        for name in ("Export", "Explore"):
            page.go_back()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            pages.expect_link(page, "sample", "Salt sheet")
        sidebar = page.get_by_test_id("stSidebar")
        expect(sidebar).to_contain_text("Images, SEG-Y and cubes of up to 20 MB each, a ZIP of up to 200 MB")
        expect(page.get_by_text("200MB per file")).to_be_hidden()

        upload(page, ("lens.png", png(LENS.pixels)))
        expect(sidebar).to_contain_text("loading the page anew drops it")
        pages.expect_link(page, "upload", "lens.png")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("expected the upload lens.png, got a new session")
        tile = next(iter(find_survey(WEIGHTS.card).offered), None)
        expect_image(page, tile or "Salt stock")
        pages.expect_link(page, "sample", f"Survey tile {tile}" if tile else "Salt stock")
        assert "upload" not in pages.link(page.url)


def test_while_an_image_is_computed_no_result_stands_under_its_name(browser, streamlit):
    large = png(np.random.default_rng(0).integers(0, 256, (1000, 1200), np.uint8))
    with visited(browser, streamlit.address) as page:
        upload(page, ("large.png", large))
        expect(page.get_by_text("Looking for salt in large.png")).to_be_visible()
        expect(page.get_by_test_id("salt-viewer")).to_be_hidden()
        expect(page.get_by_text("Salt stock · 101 × 101 pixels")).to_be_hidden()
        expect_image(page, "large.png")
        expect(page.get_by_text("large.png · 1,000 × 1,200 pixels")).to_be_visible()
        expect(page.get_by_test_id("salt-viewer")).to_be_visible()


def test_the_gallery_is_sorted_without_the_server_and_a_click_opens_an_image(browser, streamlit, tmp_path):
    with visited(browser, streamlit.address, "sample=Salt+sheet&threshold=0.5") as page:
        go_to(page, "Export")
        assert page.url.split("?")[0].endswith("/take_it_away")
        expect(page.locator(".salt-gallery .name")).to_have_text(sorted(SAMPLES))
        wait_for_silence(page)
        page.sent.clear()
        for order, word in (("highest", "highest"), ("iou", "IoU"), ("competition", "mAP"), ("share", "salt")):
            page.get_by_label("Sort by").select_option(order)
            assert figures(page, word) == sorted(figures(page, word), reverse=True)
        page.get_by_role("button", name="Reverse").click()
        assert figures(page, "salt") == sorted(figures(page, "salt"))
        assert not page.sent
        pages.expect_accessible(page, ".salt-gallery")

        download(page, "Probability (NPY)", tmp_path / "probability.npy")
        assert download(page, "Mask (PNG)", tmp_path / "mask.png") == "Salt-sheet-mask.png"
        probability, mask = np.load(tmp_path / "probability.npy"), np.asarray(Image.open(tmp_path / "mask.png"))
        np.testing.assert_array_equal(mask == 255, detect(probability, 0.5).mask)

        before = page.locator(".salt-gallery .name").all_text_contents()
        page.get_by_role("button", name="Hanging keel").click()
        expect_image(page, "Hanging keel")
        expect(page).to_have_url(re.compile("sample=Hanging"))
        go_to(page, "Export")
        expect(page.locator(".salt-gallery .name")).to_have_text(before)
        expect(page.locator(".salt-gallery [aria-current=true]")).to_contain_text("Hanging keel")


def test_a_phone_shows_many_images_and_the_evaluation(browser, streamlit):
    report = evaluation.read_evaluation(WEIGHTS.path, WEIGHTS.card)
    headline = evaluation.headline(report, WEIGHTS.card, WEIGHTS.path.stat().st_size)
    ranges = evaluation.intervals(report, WEIGHTS.card)
    rng = np.random.default_rng(0)
    with visited(browser, streamlit.address, "threshold=0.33", viewport=PHONE, has_touch=True) as page:
        upload(page, *[(f"{i}.png", png(rng.integers(0, 256, (32, 32), np.uint8))) for i in range(40)])
        expect_image(page, "0.png")
        wait_for_silence(page, seconds=3)
        go_to(page, "Export")
        expect(page.locator(".salt-gallery .name")).to_have_text([f"{i}.png" for i in range(40)])
        expect_no_scrolling(page)
        assert page.locator(".salt-gallery .reverse").bounding_box()["height"] >= 44

        go_to(page, "Evaluation")
        assert page.url.split("?")[0].endswith("/how_good_is_it")
        metrics = [label + value + ranges.get(label, "") for label, value in headline.items()]
        expect(page.get_by_test_id("stMetric")).to_have_text(metrics)
        charts = page.get_by_test_id("stPlotlyChart")
        trained = bool(evaluation.training_history(WEIGHTS.card).epochs)  # a mean of networks has no epochs
        expect(charts).to_have_count(6 + trained)
        for chart in charts.all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".main-svg").first).to_be_visible()
        tiles = find_survey(WEIGHTS.card).tiles
        worst = [tile.id for tile in report.worst]
        expect(page.locator(".st-key-worst-tiles button")).to_have_count(sum(name in tiles for name in worst))
        expect(page.get_by_test_id("stDataFrame")).to_have_count(2 + any(name not in tiles for name in worst))
        expect(page.get_by_text(f"card {report.threshold:.2f}")).to_have_count(2)
        expect(page.get_by_text("now 0.33")).to_have_count(1)
        expect_no_scrolling(page, *charts.all())
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth") <= 390

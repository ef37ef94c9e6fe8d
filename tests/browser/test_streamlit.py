"""The pages of the Streamlit app in a real browser: uploads, export, evaluation."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo import evaluation, session_file
from demo.detection import detect
from demo.images import SAMPLES, open_sample
from demo.weights import find_weights
from tests.browser import pages
from tests.browser.pages import expect_image, expect_readout, expect_width, upload, wait_for_network, wait_for_silence
from tests.demo.files import png
from tests.servers import PATIENCE, PHONE, WIDE, visited
from unet import Segmenter

pytestmark = pytest.mark.browser
MARKUP = "<img src=x onerror=alert(1)>.png"
WEIGHTS = find_weights()[0]
KEEL, LENS = open_sample("Hanging keel"), open_sample("Small lens")


@pytest.fixture(scope="module")
def address(streamlit):
    return streamlit.address


@pytest.fixture(scope="module")
def segmenter():
    """The weights the app opens with."""
    return Segmenter.load(WEIGHTS.path)


def test_uploads_open_with_their_masks_and_everything_survives_a_visit_to_another_page(browser, address, segmenter):
    probability = segmenter.probability(KEEL.pixels)
    threshold = round(float(np.median(probability)), 2)  # some pixels on either side, whatever the weights say
    found = detect(probability, threshold)
    assert 0 < found.pixels < probability.size
    with visited(browser, address) as page:
        upload(page, ("cut_short.png", png(LENS.pixels)[:200]))
        expect(
            page.get_by_role("alert").filter(has_text=re.compile("cut_short.png: .*damaged or cut short"))
        ).to_be_visible()
        expect_image(page, "Salt stock")

        upload(page, (MARKUP, png(KEEL.pixels)))
        expect_image(page, MARKUP)
        assert not page.locator("img[src=x]").count()
        pages.set_threshold(page, threshold)
        expect(page.get_by_test_id("salt-readout")).to_have_text(found.sentence)
        expect(page.get_by_text(re.compile("link cannot carry"))).to_be_visible()
        assert "sample" not in pages.link(page.url)

        expect(page.get_by_test_id("salt-truth")).to_be_hidden()
        upload(page, (MARKUP, png(KEEL.truth.astype(np.uint8) * 255)), which=1)
        expect(page.get_by_test_id("salt-truth")).to_be_visible()
        expect(page.get_by_test_id("salt-scores")).to_contain_text("IoU")

        page.get_by_test_id("site-skip3").click()
        page.get_by_test_id("site-encoder3").click()
        upload(page, ("lens.png", png(LENS.pixels)))  # another image brings its own maps, and the cuts stay
        expect_image(page, "lens.png")
        cut = segmenter.trace(LENS.pixels, {"skip3": 0.0}).probability
        expect(page.get_by_test_id("salt-readout")).to_have_text(detect(cut, threshold).sentence)
        wait_for_silence(page, seconds=4)
        page.get_by_role("link", name="Export").click()
        expect(page.get_by_role("heading", name="Export")).to_be_visible()
        page.get_by_role("link", name="Explore").click()
        expect(page.get_by_test_id("salt-readout")).to_have_text(detect(cut, threshold).sentence)
        pages.expect_cut_and_layer(page, "skip3", "encoder3")


def test_eight_users_at_once_see_their_own(browser, address, segmenter):
    """Everybody opens an image and cuts a skip while the others do; everybody sees what one alone would."""
    opened = []
    for number, name in enumerate(SAMPLES):
        page = browser.new_context(viewport=WIDE).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        skip = f"skip{number % 4 + 1}"
        page.goto(f"{address}/?threshold=0.40&sample={name.replace(' ', '+')}&cuts={skip}")
        opened.append((page, name, segmenter.trace(open_sample(name).grey, {skip: 0.0}).probability))
    for page, name, probability in opened:
        expect_image(page, name)
        expect(page.get_by_test_id("salt-readout")).to_have_text(detect(probability, 0.4).sentence)
        page.context.close()


# --- Export


def go_to_export(page):
    page.get_by_role("link", name="Export").click()
    expect(page.get_by_label("Sort by")).to_be_visible()


def names(page):
    return page.locator(".salt-gallery .name").all_text_contents()


def figures(page, word):
    """The figure of this name of every image, in the order in which they stand."""
    texts = page.locator(".salt-gallery .image").all_text_contents()
    return [float(re.search(rf"{word} ([\d.]+)", text)[1]) for text in texts]


def download(page, button, path):
    with page.expect_download() as file:
        page.get_by_role("button", name=button).click()
    file.value.save_as(path)
    return file.value.suggested_filename


def test_the_gallery_is_sorted_without_the_server_and_a_click_opens_an_image(browser, address, tmp_path):
    with visited(browser, address, "sample=Salt+sheet&threshold=0.5") as page:
        go_to_export(page)
        assert page.url.split("?")[0].endswith("/take_it_away")
        assert names(page) == sorted(SAMPLES)
        wait_for_silence(page)
        page.sent.clear()
        for order, word in (("highest", "highest"), ("iou", "IoU"), ("competition", "score"), ("share", "salt")):
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

        before = names(page)
        page.get_by_role("button", name="Hanging keel").click()
        expect_image(page, "Hanging keel")
        expect(page).to_have_url(re.compile("sample=Hanging"))
        go_to_export(page)
        assert names(page) == before
        expect(page.locator(".salt-gallery [aria-current=true]")).to_contain_text("Hanging keel")


def test_a_session_file_opens_the_session_again(browser, address, tmp_path):
    with visited(browser, address, "threshold=0.33&cuts=skip2&layer=encoder3", color_scheme="dark") as page:
        wait_for_network(page)
        upload(page, ("keel.png", png(KEEL.pixels)), (MARKUP, png(LENS.pixels)))
        upload(page, ("keel.png", png(KEEL.truth)), which=1)
        expect_image(page, "keel.png")
        wait_for_network(page)
        wait_for_silence(page, seconds=4)
        go_to_export(page)
        expect(page.locator(".salt-gallery .name")).to_have_count(2)
        assert names(page) == [MARKUP, "keel.png"]
        assert not page.locator(".salt-gallery img[src=x]").count()
        pages.expect_accessible(page, ".salt-gallery")
        download(page, "Session (ZIP)", tmp_path / "session.zip")
    content = (tmp_path / "session.zip").read_bytes()
    found = session_file.read(content, "session.zip")
    assert [one.name for one in found.images] == ["keel.png", MARKUP]
    assert (found.state.image, found.state.threshold, found.state.view.cuts) == ("keel.png", 0.33, ("skip2",))

    with visited(browser, address) as page:
        wait_for_network(page)
        upload(page, ("session.zip", content))
        expect_image(page, "keel.png")
        wait_for_network(page)
        expect_readout(page, "threshold 0.33")
        pages.expect_cut_and_layer(page, "skip2", "encoder3")


def test_two_hundred_images_on_a_phone(browser, address):
    rng = np.random.default_rng(0)
    with visited(browser, address, viewport=PHONE, has_touch=True) as page:
        upload(page, *[(f"{i}.png", png(rng.integers(0, 256, (32, 32), np.uint8))) for i in range(200)])
        expect_image(page, "0.png")
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("link", name="Export").click()
        expect(page.locator(".salt-gallery .name")).to_have_count(200)
        assert names(page)[:3] == ["0.png", "1.png", "2.png"]
        expect_width(page, 390)
        assert page.locator(".salt-gallery .reverse").bounding_box()["height"] >= 44


# --- Evaluation


def test_the_evaluation_fits_a_phone_and_the_threshold_survives(browser, address):
    report = evaluation.read_evaluation(WEIGHTS.path, WEIGHTS.card)
    headline = evaluation.headline(report, WEIGHTS.card, WEIGHTS.path.stat().st_size)
    with visited(browser, address, "threshold=0.33") as page:
        wait_for_silence(page)
        page.get_by_role("link", name="Evaluation").click()
        expect(page).to_have_url(re.compile("/how_good_is_it"))
        expect(page.get_by_test_id("stMetric")).to_have_text([label + value for label, value in headline.items()])
        charts = page.get_by_test_id("stPlotlyChart")
        expect(charts).to_have_count(7)
        for chart in charts.all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".main-svg").first).to_be_visible()
        expect(page.get_by_test_id("stDataFrame")).to_have_count(3)
        expect(page.get_by_text(f"card {report.threshold:.2f}")).to_have_count(2)
        expect(page.get_by_text("now 0.33")).to_have_count(1)
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(1000)
        expect_width(page, 390)
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth") <= 390
        for box in (chart.bounding_box() for chart in charts.all()):
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390

        page.set_viewport_size(WIDE)
        page.get_by_role("link", name="Explore").click()
        expect_readout(page, "threshold 0.33")

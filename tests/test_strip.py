"""The page Take it away in a real browser: many images at once, and a session that goes and comes back."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo import core, session
from tests.test_browser import AXE, PHONE, ROOT, opened_up, png, served, silence, visited

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served("streamlit", ROOT, tmp_path_factory.mktemp("strip") / "log") as address:
        yield address


def upload(page, *files, which=0):
    sent = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    page.locator("input[type=file]").nth(which).set_input_files(sent)


def to_strip(page):
    page.get_by_role("link", name="Take it away").click()
    expect(page.get_by_label("Sort by")).to_be_visible()


def names(page):
    return page.locator(".salt-strip .name").all_text_contents()


def figures(page, word):
    """The figure of this name of every image, in the order in which they stand."""
    texts = page.locator(".salt-strip .image").all_text_contents()
    return [float(re.search(rf"{word} ([\d.]+)", text)[1]) for text in texts]


def test_sorting_asks_nobody(browser, address):
    with visited(browser, address) as page:
        to_strip(page)
        assert names(page) == sorted(core.SAMPLES)
        silence(page)
        page.sent.clear()
        for order, word in (("share", "salt"), ("highest", "highest"), ("iou", "IoU"), ("competition", "score")):
            page.get_by_label("Sort by").select_option(order)
            assert figures(page, word) == sorted(figures(page, word), reverse=True)
        page.get_by_role("button", name="Reverse").click()
        assert figures(page, "score") == sorted(figures(page, "score"))
        assert not page.sent


def test_a_click_opens_the_image_and_the_strip_keeps_its_order(browser, address):
    with visited(browser, address) as page:
        to_strip(page)
        page.get_by_label("Sort by").select_option("share")
        before = names(page)
        page.get_by_role("button", name="Hanging keel").click()
        expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^Hanging keel"))
        expect(page).to_have_url(re.compile("sample=Hanging"))

        to_strip(page)
        assert names(page) == before
        expect(page.locator(".salt-strip [aria-current=true]")).to_contain_text("Hanging keel")


def test_a_session_goes_and_comes_back(browser, address, tmp_path):
    lens, keel = (core.sample(name) for name in ("Small lens", "Hanging keel"))
    hostile = "<img src=x onerror=alert(1)>.png"
    with visited(browser, address, "threshold=0.33&cuts=skip2&layer=encoder3") as page:
        opened_up(page)
        upload(page, ("keel.png", png(keel.pixels)), (hostile, png(lens.pixels)))
        upload(page, ("keel.png", png(keel.truth)), which=1)
        expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^keel.png"))
        opened_up(page)
        silence(page)
        to_strip(page)
        expect(page.locator(".salt-strip .name")).to_have_count(2)
        assert names(page) == [hostile, "keel.png"]
        assert not page.locator(".salt-strip img[src=x]").count()
        with page.expect_download() as download:
            page.get_by_role("button", name="Session (ZIP)").click()
        download.value.save_as(tmp_path / "session.zip")
    content = (tmp_path / "session.zip").read_bytes()
    found = session.read(content, "session.zip")
    assert [kept.name for kept in found.images] == ["keel.png", hostile]
    assert (found.state.image, found.state.threshold, found.state.view.cuts) == ("keel.png", 0.33, ("skip2",))

    with visited(browser, address) as page:
        opened_up(page)
        upload(page, ("session.zip", content))
        expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^keel.png"))
        opened_up(page)
        expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_test_id("site-encoder3")).to_have_attribute("aria-current", "true")


def test_single_files_hold_the_open_image(browser, address, tmp_path):
    with visited(browser, address, "sample=Salt+sheet&threshold=0.5") as page:
        to_strip(page)
        with page.expect_download() as download:
            page.get_by_role("button", name="Probability (NPY)").click()
        download.value.save_as(tmp_path / "probability.npy")
        with page.expect_download() as download:
            page.get_by_role("button", name="Mask (PNG)").click()
        download.value.save_as(tmp_path / "mask.png")
    probability, mask = np.load(tmp_path / "probability.npy"), np.asarray(Image.open(tmp_path / "mask.png"))

    assert download.value.suggested_filename == "Salt-sheet-mask.png"
    np.testing.assert_array_equal(mask == 255, core.find(probability, 0.5).mask)


def test_two_hundred_images_on_a_phone(browser, address):
    rng = np.random.default_rng(0)
    images = [(f"{i}.png", png(rng.integers(0, 256, (32, 32), np.uint8))) for i in range(200)]
    with visited(browser, address, viewport=PHONE, has_touch=True) as page:
        upload(page, *images)
        expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^0.png"))
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("link", name="Take it away").click()
        expect(page.locator(".salt-strip .name")).to_have_count(200)
        assert names(page)[:3] == ["0.png", "1.png", "2.png"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator(".salt-strip .reverse").bounding_box()["height"] >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_between_the_strip_and_anybody(browser, address, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    with visited(browser, address, color_scheme=scheme) as page:
        to_strip(page)
        page.wait_for_timeout(1500)
        page.add_script_tag(path=AXE)
        place = {"fromShadowDom": ["[data-testid=stBidiComponentIsolated]", ".salt-strip"]}
        found = page.evaluate("place => axe.run(place, { resultTypes: ['violations'] })", place)["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, json.dumps(serious, indent=1)

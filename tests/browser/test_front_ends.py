"""Every gesture in a real browser, in both front ends."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from demo.detection import detect
from demo.images import open_sample
from demo.words import SENTENCE, TITLE
from tests.browser import pages
from tests.demo.files import npy
from tests.servers import PHONE, visited
from unet import explain
from unet.margin import margin

pytestmark = pytest.mark.browser
STOCK = open_sample("Salt stock")
# What is drawn at a hundred pixels says which typeface it is, whatever its files are called.
LOOK = """sentence => {
  const parts = [...document.querySelectorAll("*")]
    .flatMap((one) => [one, ...one.shadowRoot?.querySelectorAll("*") ?? []]);
  const find = (selector) => parts.find((part) => part.matches(selector));
  const shown = [".brand h1", ".brand p", ".salt-viewer", "[role=combobox]"];
  const pen = document.createElement("canvas").getContext("2d");
  return shown.map((selector) => {
    const part = find(selector), { color, fontFamily, fontSize, fontWeight } = getComputedStyle(part);
    pen.font = `${fontWeight} 100px ${fontFamily}`;
    const accent = getComputedStyle(find(".salt-viewer")).getPropertyValue("--accent");
    return { selector, color, fontSize, fontWeight, accent, width: Math.round(pen.measureText(sentence).width / 50) };
  });
}"""


@pytest.fixture(scope="module", params=["streamlit", "gradio"])
def address(request):
    return request.getfixturevalue(request.param).address


@pytest.fixture(scope="module")
def page(browser, address):
    """The sample everything starts with, for tests that do not mind what those before them did."""
    with visited(browser, address) as page:
        pages.wait_for_network(page)
        yield page


def test_the_threshold_follows_the_hand_without_a_message_to_the_server(page, segmenter):
    slider, readout = page.get_by_test_id("salt-threshold"), page.get_by_test_id("salt-readout")
    slider.scroll_into_view_if_needed()
    pages.wait_for_silence(page)
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    before, seen = len(page.sent), set()
    for step in range(1, 21):
        page.mouse.move(box["x"] + box["width"] * (0.5 - 0.02 * step), middle)
        page.wait_for_timeout(20)
        seen.add(readout.inner_text())
    assert len(page.sent) == before
    assert len(seen) > 10

    page.mouse.up()
    threshold = float(slider.input_value())
    assert 0.05 < threshold < 0.2
    sentence = detect(segmenter.probability(STOCK.pixels), threshold).sentence
    expect(readout).to_have_text(sentence)
    pages.expect_link(page, "threshold", f"{threshold:.2f}")
    expect(readout).to_have_text(sentence)


def test_what_needs_the_network_shows_what_python_computes(page, segmenter):
    page.get_by_test_id("site-decoder3").click()
    expect(page.get_by_role("heading", name=re.compile("^decoder3"))).to_be_visible()
    pages.expect_link(page, "layer", "decoder3")

    readout, skip = page.get_by_test_id("salt-readout"), page.get_by_test_id("site-skip3")
    pages.set_threshold(page, 0.4)
    skip.click()
    expect(skip).to_have_attribute("aria-pressed", "true")
    sentence = detect(segmenter.trace(STOCK.grey, {"skip3": 0.0}).probability, 0.4).sentence
    expect(readout).to_have_text(sentence)
    skip.click()
    expect(readout).not_to_have_text(sentence)

    canvas = page.get_by_test_id("salt-viewer")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 40.5 / 101, "y": box["height"] * 30.5 / 101})
    found = explain.explain_pixel(segmenter, STOCK.grey, (30, 40, 1, 1))
    _, _, height, width = explain.influence_box(found.influence, (30, 40, 1, 1), 0.9)
    pages.expect_why(page, f"90 % of the influence comes from {height} [x×] {width} pixels")
    pages.expect_link(page, "pixel", "30,40")


def test_a_reader_scrolls_past_the_image_which_stays_in_sight_in_one_column(browser, address):
    with visited(browser, address, viewport={"width": 800, "height": 1000}) as page:
        pages.wait_for_network(page)
        canvas = page.get_by_test_id("salt-viewer")
        canvas.hover()
        page.mouse.wheel(0, 300)
        expect(page.get_by_test_id("salt-wheel")).to_contain_text("wheel zooms")
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(500)
        header = page.locator("[data-testid=stHeader]")  # Gradio has none
        bottom = sum(one.bounding_box()["y"] + one.bounding_box()["height"] for one in header.all())
        box = canvas.bounding_box()
        assert bottom <= box["y"] <= page.viewport_size["height"] - box["height"]


def test_both_front_ends_look_alike(browser, streamlit, gradio):
    """The same names in the same order, in the same typeface and colours, light and dark."""
    found = {}
    for scheme in ("light", "dark"):
        for server in (streamlit, gradio):
            with visited(browser, server.address, "sample=Salt+stock", color_scheme=scheme) as page:
                looks = page.evaluate(LOOK, SENTENCE)
                text = page.inner_text("body")
            names = (
                "Image",
                r"Your images?",
                r"(?:Its|Their) ground-truth masks?",
                "Weights",
                TITLE,
                re.escape(SENTENCE),
            )
            assert re.search(".*?".join(names), text, re.DOTALL)
            assert looks == found.setdefault(scheme, looks)
    assert found["light"] != found["dark"]


def test_by_keyboard_alone(browser, address):
    """Tab reaches everything from the top of the page, and keys work it."""

    def go_to(test_id):
        focused = """id => {
          let active = document.activeElement;
          while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
          return active?.dataset?.testid === id;
        }"""
        for _ in range(200):
            if page.evaluate(focused, test_id):
                return page.get_by_test_id(test_id)
            page.keyboard.press("Tab")
        return pytest.fail(f"Tab never reaches {test_id}")

    with visited(browser, address) as page:
        pages.wait_for_network(page)
        go_to("salt-viewer")
        page.keyboard.press("ArrowDown")
        pages.expect_why(page)
        before = float(go_to("salt-threshold").input_value())
        for key, threshold in (("ArrowRight", before + 0.01), ("[", before)):
            page.keyboard.press(key)
            pages.expect_readout(page, f"threshold {threshold:.2f}")
        for test_id, key, attribute, value in (
            ("site-encoder1", "Enter", "aria-current", "true"),
            ("site-skip2", "Space", "aria-pressed", "true"),
            ("site-skip2", "2", "aria-pressed", "false"),
        ):
            place = go_to(test_id)
            page.keyboard.press(key)
            expect(place).to_have_attribute(attribute, value)
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("move the pixel, or the place whose alike are shown (on the image)")
        expect(dialog).not_to_contain_text("[object")


def test_a_link_brings_everything_back_and_shuts_nobody_out(browser, address):
    query = "sample=Hanging+keel&weights=salt-unet-tiny&threshold=0.33&layer=encoder2&channel=3&cuts=skip1&pixel=30,40"
    with visited(browser, address, f"{query}&__theme=light", color_scheme="light") as page:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(page.url.replace("__theme=light", f"__theme={scheme}"))  # as the address says it by now
            pages.wait_for_network(page)
            pages.expect_image(page, "Hanging keel")
            pages.expect_readout(page, "threshold 0.33")
            pages.expect_cut_and_layer(page, "skip1", "encoder2")
            expect(page.get_by_test_id("site-encoder1")).to_contain_text("8 maps")  # the smaller network
            pages.expect_why(page)
            assert pages.link(page.url).items() >= pages.link(f"?{query}").items()
            pages.expect_accessible(page, ".salt-viewer")


def test_limits_of_amplitudes_are_moved_by_hand(browser, address, segmenter):
    amplitudes = STOCK.pixels * 90.0 - 9000
    low, high = np.percentile(amplitudes, [0.5, 99.5])
    grey = np.clip((amplitudes - low) / (high - low), 0, 1).astype(np.float32)
    with visited(browser, address) as page:
        pages.wait_for_network(page)
        pages.upload(page, ("a.npy", npy(amplitudes)))
        expect(page.get_by_test_id("salt-guessed")).to_contain_text("0.5 % of the samples beyond each")
        for shown in (grey, 1 - grey):
            found = detect(segmenter.probability(shown), segmenter.threshold, margin=margin(shown))
            pages.expect_readout(page, f"salt {100 * found.share:.1f} %")
            if shown is grey:
                page.get_by_text("Reverse polarity").click()
                expect(page.get_by_test_id("salt-guessed")).to_contain_text("polarity reversed")
        for label in ("Histogram of the amplitudes", "Samples beyond each limit"):
            expect(page.get_by_label(re.compile(label)).first).to_be_visible()
        pages.expect_no_scrolling(page)


def test_on_a_phone_it_is_one_column_and_every_gesture_works(browser, address):
    with visited(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        pages.wait_for_network(page)
        page.wait_for_timeout(300)
        parts = "salt-viewer", "site-encoder1", "site-logits", "cut-cell-1", "pixel-why"
        pages.expect_no_scrolling(page, *map(page.get_by_test_id, parts))
        canvas = page.get_by_test_id("salt-viewer")
        canvas.scroll_into_view_if_needed()
        canvas.tap(position={"x": 100, "y": 100})
        pages.expect_why(page)
        for test_id, attribute in (("site-skip1", "aria-pressed"), ("site-decoder1", "aria-current")):
            page.get_by_test_id(test_id).tap()
            expect(page.get_by_test_id(test_id)).to_have_attribute(attribute, "true")
        pages.expect_no_scrolling(page)

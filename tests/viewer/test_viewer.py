"""The explorer's own part: its state, its link, its keys, its requests.  The panels have tests of their own."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import images
from demo.images import SeismicImage
from tests.browser.pages import AXE
from tests.viewer.page import open_viewer, viewer_page, wait_for_network
from tests.viewer.panels import expect_texts, settle
from unet import Segmenter

pytestmark = pytest.mark.browser
DARK = "body { --body-text-color: #e6eaee; --body-background-fill: #12171c; background: #12171c; color-scheme: dark }"
PLAIN_LINK = {"sample": "Salt stock", "weights": "salt-unet", "threshold": "0.40"}


@pytest.fixture(scope="module")
def page(browser):
    with viewer_page(browser, images.open_sample("Salt stock"), Segmenter.load()) as page:
        yield page


def link(page):
    """What the address says, once the state is settled."""
    page.wait_for_url(re.compile("threshold="))
    return dict(parse_qsl(urlsplit(page.url).query))


def expect_pressed(page, *skips):
    pressed = page.locator("[data-testid^=site-skip][aria-pressed=true]")
    expect(pressed).to_have_count(len(skips))
    assert pressed.evaluate_all("all => all.map((one) => one.dataset.testid.slice(5)).sort()") == list(skips)


def test_a_link_brings_back_what_was_open(page):
    query = "layer=encoder2&channel=5&cuts=skip1,skip3&fill=mean&pixel=40,52&__theme=dark"
    open_viewer(page, query, threshold=0.37)
    expect(page.get_by_test_id("site-encoder2")).to_have_attribute("aria-current", "true")
    expect_pressed(page, "skip1", "skip3")
    expect(page.get_by_test_id("cut-fill")).to_have_value("mean")
    expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence comes from")
    expect_texts(page, "salt", readout="threshold 0.37")
    assert link(page) == PLAIN_LINK | {"threshold": "0.37"} | dict(parse_qsl(query))
    # The server hears of it too: a session that is saved now holds it.
    page.wait_for_function("settled.length")
    assert page.evaluate("settled.at(-1)")["cuts"] == ["skip1", "skip3"]


@pytest.mark.parametrize(
    "query",
    [
        "layer=nonsense&channel=999&cuts=encoder1,skip9&fill=weather&pixel=101,0&box=90,90,50,50&window=9,9",
        "layer=&channel=&cuts=,,&pixel=-1,2&pixel=1.5,2&random=yes&box=1,2,3&window=a,b",
        "pixel=1e2,1&channel=0x1&layer=%3Cimg%20src%3Dx%3E&box=0,0,0,0",
    ],
)
def test_a_link_that_makes_no_sense_is_ignored(page, query):
    open_viewer(page, query)
    expect_texts(page, "salt", readout="threshold 0.40")
    assert link(page) == PLAIN_LINK


def test_a_request_whose_response_got_lost_is_sent_again(page):
    open_viewer(page, "lose=1")
    assert [request["kind"] for request in page.evaluate("requests")] == ["maps", "maps", "cuts"]


def test_what_is_shown_without_a_part_is_what_python_computes_and_is_spoken_and_remembered(page):
    stock, segmenter = page.usual
    open_viewer(page)
    for button, cuts in (("site-skip1", {"skip1": 0.0}), ("cut-bottleneck", {"skip1": 0.0, "bottleneck": 0.0})):
        page.get_by_test_id(button).first.click()
        share = 100 * np.mean(segmenter.trace(stock.grey, cuts).probability > 0.4)
        expect_texts(page, "salt", readout=f"salt {share:.1f} %")
        without = f"without {', '.join(cuts)}"
        expect(page.locator(".spoken")).to_have_text(re.compile(rf"salt {share:.1f} %.*; {without}"))
        expect(page.get_by_test_id("salt-altered")).to_have_text(f"Shown is the network {without}.")
    fill = page.get_by_test_id("cut-fill")
    for value in ("mean", "zero", "mean", "zero"):
        fill.select_option(value)
        words = f"cut, {'the ' * (value != 'zero')}{value}"
        expect(page.get_by_test_id("cut-result").locator("caption")).to_contain_text(words)
        wait_for_network(page)
    requests = page.evaluate("requests")
    assert sorted(request["fill"] for request in requests if request["kind"] == "cuts") == ["mean", "zero"]


def test_keys_do_what_the_list_says_and_are_left_to_whom_they_are_meant_for(page):
    open_viewer(page)
    press, opacity = page.keyboard.press, page.get_by_test_id("salt-opacity")
    for key, threshold in (("[", 0.39), ("]", 0.40), ("]", 0.41)):
        press(key)
        expect_texts(page, "salt", readout=f"threshold {threshold:.2f}")
    before = opacity.input_value()
    press("o")
    expect(opacity).not_to_have_value(before)
    for key, label in (("c", "Contour"), ("h", "Heat map"), ("h", "Fill")):
        press(key)
        expect(page.get_by_role("radio", name=label)).to_be_checked()
    press("g")
    expect(page.get_by_test_id("salt-truth")).to_be_checked()
    for is_on in (True, False):
        press("s")
        expect(page.get_by_test_id("salt-swipe")).to_be_visible(visible=is_on)
        press("2")
        expect_pressed(page, *["skip2"] * is_on)
    page.get_by_test_id("salt-viewer").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):  # the first puts the pixel into the middle
        press(key)
    expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
    page.wait_for_url(re.compile("pixel=49(,|%2C)51"))
    dialog = page.get_by_role("dialog")
    press("?")
    lines = dialog.inner_text().split("\n")
    keys = dict(zip(lines[1:-1:2], lines[2:-1:2], strict=True))
    history = ["Ctrl or ⌘ + Z", "Ctrl or ⌘ + Shift + Z, Ctrl + Y"]
    assert list(keys) == ["← ↑ → ↓", "[ and ]", "O", "C", "H", "G", "S", "1, 2, …", "Esc", *history, "?"]
    assert keys["1, 2, …"] == "cut skip1, skip2, …, or put it back"
    assert all(re.fullmatch(r"[a-z][a-z ,…():12]+", what) for what in keys.values()), keys
    assert (lines[0], lines[-1]) == ("Keys", "Close")
    press("Escape")
    expect(dialog).to_be_hidden()

    page.get_by_test_id("salt-threshold-exact").press("1")
    expect_pressed(page)
    page.get_by_test_id("salt-threshold").press("Control+c")
    expect(page.get_by_role("radio", name="Fill")).to_be_checked()


def test_escape_leaves_one_thing_after_the_other(page):
    open_viewer(page, "layer=encoder2&channel=5&cuts=skip1&pixel=40,52")
    expect(page.get_by_test_id("why-value")).to_contain_text("probability")
    page.get_by_test_id("over-image").check()
    page.keyboard.press("s")

    def is_seen(tab, testid):
        page.get_by_test_id(f"tab-{tab}").click()
        settle(page)
        return page.get_by_test_id(testid).is_visible()

    is_open = {
        "overlay": lambda: page.get_by_test_id("salt-overlay").is_visible(),
        "swipe": lambda: page.get_by_test_id("salt-swipe").is_visible(),
        "pixel": lambda: is_seen("why", "pixel-why"),
        "map": lambda: is_seen("maps", "chosen-map"),
        "block": lambda: is_seen("maps", "tiles"),
        "cut": lambda: page.get_by_test_id("site-skip1").get_attribute("aria-pressed") == "true",
    }
    for number in range(len(is_open) + 1):
        settle(page)
        assert [one() for one in is_open.values()] == [i >= number for i in range(len(is_open))]
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.keyboard.press("Escape")  # a dialog takes it for itself
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("width", [1400, 700])
def test_under_a_header_that_stays_nothing_is_hidden(page, width):
    open_viewer(page)
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate("document.body.prepend(Object.assign(document.createElement('header'), {style:"
                  "'position: fixed; z-index: 9; inset: 0 0 auto; height: 57px; background: #fff'}))")  # fmt: skip
    page.evaluate("document.body.style.paddingTop = '57px'; dispatchEvent(new Event('resize'))")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    settle(page)
    image = page.get_by_test_id("salt-viewer")
    box = image.bounding_box()
    assert box["y"] >= 57
    assert box["y"] + box["height"] <= 1000
    image.hover()
    page.mouse.wheel(0, 150)
    page.wait_for_timeout(300)
    assert image.bounding_box() == box  # in one column it stays where it is, beside the network the page ends here


@pytest.mark.parametrize("rem", [15, 16])
def test_no_text_is_smaller_than_eleven_pixels(page, rem):
    open_viewer(page, "layer=decoder2&channel=3&cuts=skip1&pixel=40,52")
    expect(page.get_by_test_id("why-value")).to_contain_text("probability")
    page.add_style_tag(content=f"html {{ font-size: {rem}px }}")
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 844})
        settle(page)
        small = page.evaluate(
            """() => [...document.querySelectorAll(".salt-viewer *")].filter((one) =>
                [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && one.checkVisibility()
                && parseFloat(getComputedStyle(one).fontSize) < 11).map((one) => one.outerHTML)"""
        )
        assert not small


def test_a_large_image_opens_with_a_window(page):
    stock, segmenter = page.usual
    grey = np.kron(stock.grey, np.ones((2, 2)))[:170, :150]
    noise = np.random.default_rng(1).random(grey.shape)
    large = SeismicImage("large.png", (grey * 0.9 + 0.1 * noise).astype(np.float32))
    open_viewer(page, image=large)
    assert page.evaluate("requests[0].window") == [21, 11]
    page.keyboard.press("1")
    probability, part = segmenter.probability(large.grey), (slice(21, 149), slice(11, 139))
    probability[part] = segmenter.trace(large.grey[part], {"skip1": 0.0}).probability
    expect_texts(page, "salt", readout=f"salt {100 * np.mean(probability > 0.4):.1f} %")
    page.get_by_text("The opened part of this large image").click()
    page.get_by_test_id("salt-window-row").fill("42")
    page.keyboard.press("Enter")
    page.wait_for_function("requests.at(-1).window[0] === 42")
    page.wait_for_url(re.compile("window=42(,|%2C)11"))


def test_nothing_serious_stands_between_it_and_anybody(page):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    open_viewer(page, "layer=decoder2&channel=3&cuts=skip1&pixel=40,52")
    expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
    page.keyboard.press("g")
    page.add_script_tag(path=AXE)
    for style in ("body {}", DARK):
        page.add_style_tag(content=style)
        for width in (1300, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")
            found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            assert not serious, json.dumps(serious, indent=1)

"""The explorer's own part: its state, its link, its keys, its questions.  The panels have tests of their own."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import images
from demo.images import SeismicImage
from tests.explorer_page import explorer_page
from unet import Segmenter

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.load()


@pytest.fixture(scope="module")
def opened():
    return images.open_sample("Salt stock")


@pytest.fixture(scope="module")
def shared(browser, opened, segmenter):
    """One page for the tests that leave it as it was."""
    with explorer_page(browser, opened, segmenter, threshold=0.4) as page:
        ready(page)
        yield page


def ready(page):
    """Waits until maps and cuts are there."""
    expect(page.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_test_id("cut-cell-1")).to_be_visible()


def link(page):
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def pressed(page, site):
    return page.get_by_test_id(f"site-{site}").get_attribute("aria-pressed")


def test_a_link_brings_back_what_was_open(browser, opened, segmenter):
    query = "layer=encoder2&channel=5&cuts=skip1,skip3&fill=mean&pixel=40,52&__theme=dark"
    with explorer_page(browser, opened, segmenter, threshold=0.37, query=query) as page:
        expect(page.get_by_test_id("site-encoder2")).to_have_attribute("aria-current", "true")
        assert [pressed(page, f"skip{n}") for n in (1, 2, 3, 4)] == ["true", "false", "true", "false"]
        expect(page.get_by_test_id("cut-fill")).to_have_value("mean")
        expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence comes from")
        expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.37")
        assert link(page) == {
            "sample": "Salt stock",
            "weights": "salt-unet",
            "threshold": "0.37",
            "layer": "encoder2",
            "channel": "5",
            "cuts": "skip1,skip3",
            "fill": "mean",
            "pixel": "40,52",
            "__theme": "dark",
        }
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
def test_a_link_that_makes_no_sense_is_ignored(browser, opened, segmenter, query):
    with explorer_page(browser, opened, segmenter, threshold=0.4, query=query) as page:
        ready(page)
        expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")
        page.wait_for_timeout(400)
        assert link(page) == {"sample": "Salt stock", "weights": "salt-unet", "threshold": "0.40"}


def test_a_question_whose_answer_got_lost_is_asked_again(browser, opened, segmenter):
    with explorer_page(browser, opened, segmenter, lose=1) as page:
        ready(page)
        kinds = [question["kind"] for question in page.evaluate("requests")]
        assert kinds.count("maps") + kinds.count("cuts") == 3
        assert kinds[0] == kinds[1] == "maps"


def test_an_answer_is_remembered(shared):
    page = shared
    page.get_by_test_id("cut-fill").select_option("mean")
    page.get_by_test_id("cut-fill").select_option("zero")
    ready(page)
    page.get_by_test_id("cut-fill").select_option("mean")
    ready(page)
    page.get_by_test_id("cut-fill").select_option("zero")

    fills = [question["fill"] for question in page.evaluate("requests") if question["kind"] == "cuts"]
    assert sorted(fills) == ["mean", "zero"]


def test_dragging_tells_the_server_nothing_until_the_handle_is_let_go(shared):
    page = shared
    slider = page.get_by_test_id("salt-threshold")
    slider.scroll_into_view_if_needed()
    page.wait_for_timeout(600)
    told, asked = page.evaluate("[settled.length, requests.length]")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(20):
        page.mouse.move(box["x"] + box["width"] * (0.4 + 0.02 * step), box["y"] + box["height"] / 2)
        page.wait_for_timeout(20)
    assert page.evaluate("[settled.length, requests.length]") == [told, asked]

    page.mouse.up()
    page.wait_for_function(f"settled.length === {told + 1}")
    assert page.evaluate("settled.at(-1)")["threshold"] == pytest.approx(float(slider.input_value()))
    page.keyboard.press("Escape")
    page.get_by_test_id("salt-threshold-exact").fill("0.4")
    page.keyboard.press("Enter")


def test_keys_do_what_the_list_says(browser, opened, segmenter):
    with explorer_page(browser, opened, segmenter, threshold=0.4) as page:
        ready(page)
        readout, canvas = page.get_by_test_id("salt-readout"), page.get_by_test_id("salt-viewer")
        page.keyboard.press("[")
        expect(readout).to_contain_text("threshold 0.39")
        page.keyboard.press("]")
        page.keyboard.press("]")
        expect(readout).to_contain_text("threshold 0.41")

        opacity = float(page.get_by_test_id("salt-opacity").input_value())
        page.keyboard.press("o")
        expect(page.get_by_test_id("salt-opacity")).not_to_have_value(str(opacity))

        for key, label in (("c", "Contour"), ("h", "Heat map"), ("h", "Fill")):
            page.keyboard.press(key)
            expect(page.get_by_role("radio", name=label)).to_be_checked()
        page.keyboard.press("g")
        expect(page.get_by_test_id("salt-truth")).to_be_checked()
        page.keyboard.press("s")
        expect(page.get_by_test_id("salt-swipe")).to_be_visible()
        page.keyboard.press("s")

        page.keyboard.press("2")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("2")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "false")

        canvas.focus()
        page.keyboard.press("ArrowRight")  # the first puts the pixel into the middle
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
        page.wait_for_timeout(400)
        assert link(page)["pixel"] == "49,51"

        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_keys_are_left_to_whom_they_are_meant_for(shared):
    page = shared
    exact = page.get_by_test_id("salt-threshold-exact")
    exact.focus()
    page.keyboard.press("1")
    assert pressed(page, "skip1") == "false"
    exact.fill("0.4")
    page.keyboard.press("Enter")
    page.get_by_test_id("salt-threshold").focus()
    page.keyboard.press("Control+c")
    expect(page.get_by_role("radio", name="Fill")).to_be_checked()


def test_the_state_is_spoken(browser, opened, segmenter):
    with explorer_page(browser, opened, segmenter, threshold=0.4) as page:
        ready(page)
        page.keyboard.press("1")
        spoken = page.locator(".spoken")
        expect(spoken).to_contain_text("without skip1")
        expect(spoken).to_contain_text("threshold 0.40 · salt ")


def test_what_is_shown_without_a_part_is_what_python_computes(browser, opened, segmenter):
    with explorer_page(browser, opened, segmenter, threshold=0.4) as page:
        ready(page)
        for cuts in ({"skip1": 0.0}, {"skip1": 0.0, "bottleneck": 0.0}):
            page.get_by_test_id("site-skip1" if len(cuts) == 1 else "cut-bottleneck").click()
            share = 100 * np.mean(segmenter.trace(opened.grey, cuts).probability > 0.4)
            expect(page.get_by_test_id("salt-readout")).to_contain_text(f"salt {share:.1f} %")


def test_a_large_image_opens_with_a_window(browser, segmenter):
    rng = np.random.default_rng(1)
    grey = np.kron(images.open_sample("Salt stock").grey, np.ones((2, 2), np.float32))[:170, :150]
    large = SeismicImage("large.png", "large", (grey * 0.9 + 0.1 * rng.random(grey.shape)).astype(np.float32))
    with explorer_page(browser, large, segmenter, threshold=0.4) as page:
        ready(page)
        assert page.evaluate("requests[0].window") == [21, 11]
        page.keyboard.press("1")
        probability = segmenter.probability(large.grey)
        probability[21:149, 11:139] = segmenter.trace(large.grey[21:149, 11:139], {"skip1": 0.0}).probability
        share = 100 * np.mean(probability > 0.4)
        expect(page.get_by_test_id("salt-readout")).to_contain_text(f"salt {share:.1f} %")
        page.get_by_test_id("salt-window-row").fill("42")
        page.keyboard.press("Enter")
        page.wait_for_function("requests.at(-1).window[0] === 42")
        page.wait_for_url(re.compile("window=42(,|%2C)11"))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1300, 390])
def test_nothing_serious_stands_between_it_and_anybody(browser, opened, segmenter, dark, width):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    query = "layer=decoder2&channel=3&cuts=skip1&pixel=40,52"
    with explorer_page(browser, opened, segmenter, query=query, dark=dark, viewport=(width, 900)) as page:
        ready(page)
        expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
        page.keyboard.press("g")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        serious = [
            (one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, json.dumps(serious, indent=1)

"""Undo and redo: every gesture, exactly, once."""

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import images
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import change, expect_texts, panels_page, settle, start, state
from unet import Segmenter
from unet.card import Card
from unet.image import RULE

pytestmark = pytest.mark.browser
KEPT = ("threshold", "cuts", "fill", "pixel", "box", "random", "epoch", "edits", "tta", "lesson", "look", "swipe")
HISTORY = """{
  explorer.history = viewer.viewHistory(explorer, () => touch("history"));
  explorer.history.forget();
}"""


@pytest.fixture(scope="module")
def panels(browser):
    with panels_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def viewer(browser, small_model):
    small = Segmenter(small_model, Card(threshold=0.4, input=RULE, sha256="0" * 64))
    with viewer_page(browser, images.open_sample("Salt stock"), small) as page:
        yield page


def show(page):
    grey = np.random.default_rng(0).integers(0, 256, (41, 37), np.uint8)
    start(page, ["image", "cuts"], grey, np.float32(grey) / 255, state={"lesson": None})
    page.evaluate(HISTORY)
    settle(page)


def kept(page):
    return page.evaluate("(names) => names.map((name) => explorer.state[name])", KEPT)


def drag(page, testid, *places):
    """Along places, as shares of an element's width and height."""
    box = page.get_by_test_id(testid).bounding_box()
    for number, (across, down) in enumerate(places):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        if number == 0:
            page.mouse.down()
    page.mouse.up()


GESTURES = {
    "cut skip1": lambda page: page.get_by_test_id("toggle-skip1").click(),
    "cut bottleneck": lambda page: page.get_by_test_id("toggle-bottleneck").click(),
    "put skip1 back": lambda page: page.get_by_test_id("toggle-skip1").click(),
    "put mean in place of what is cut": lambda page: page.get_by_test_id("cut-fill").select_option("mean"),
    "move the threshold to 1": lambda page: drag(page, "salt-threshold", (0.5, 0.5), (0.7, 0.5), (1.2, 0.5)),
    "show salt as a heat map": lambda page: page.locator(".looks input[value=heat]").check(),
    "mark a box": lambda page: drag(page, "salt-viewer", (0.2, 0.2), (0.5, 0.4), (0.6, 0.7)),
    "ask row 20, column 18": lambda page: page.get_by_test_id("salt-viewer").click(),
    "show before and after": lambda page: page.get_by_test_id("salt-plain").check(),
    "move the line of before and after": lambda page: drag(page, "salt-divider", (0.5, 0.2), (3, 0.2), (5, 0.2)),
    "switch flip TTA on": lambda page: page.get_by_test_id("tta").check(),
    "place an impulse": lambda page: change(page, edits="impulse:3,4"),
    "shift the image": lambda page: change(page, edits="impulse:3,4;shift:2,-1"),
    "go back to the original image": lambda page: change(page, edits=""),
    "go to epoch 5": lambda page: change(page, epoch=5),
    "go to the finished network": lambda page: change(page, epoch=None),
    "go to epoch 7": lambda page: change(page, epoch=7),
    "take random weights": lambda page: change(page, random=True, epoch=None),
    "open step 2 of the lesson": lambda page: change(page, lesson=2, cuts=["skip1"], threshold=0.3),
}


def test_every_gesture_is_one_step_back_and_one_forth(panels):
    show(panels)
    undo, redo = (panels.get_by_test_id(name) for name in ("undo", "redo"))
    expect(undo).to_be_disabled()
    states = [kept(panels)]
    for words, gesture in GESTURES.items():
        gesture(panels)
        settle(panels)
        expect(undo).to_have_attribute("title", f"Undo: {words}")
        states.append(kept(panels))
        assert states[-1] != states[-2]
    expect(redo).to_be_disabled()
    for before in reversed(states[:-1]):
        words = undo.get_attribute("title").removeprefix("Undo: ")
        undo.click()
        settle(panels)
        assert kept(panels) == before
        assert state(panels, "undone") == f"Undone: {words}."
        expect(redo).to_have_attribute("title", f"Redo: {words}")
    expect(undo).to_be_disabled()
    for after in states[1:]:
        redo.click()
        settle(panels)
        assert kept(panels) == after
    expect(redo).to_be_disabled()


def test_a_new_gesture_drops_what_could_be_redone_and_old_ones_are_forgotten(panels):
    show(panels)
    for threshold in (0.1, 0.2, 0.3):
        change(panels, threshold=threshold)
    change(panels, tab="why")  # no gesture of its own
    panels.evaluate("explorer.history.undo() && explorer.history.undo()")
    assert (state(panels, "threshold"), state(panels, "undone")) == (0.1, "Undone: move the threshold to 0.2.")
    change(panels, threshold=0.9)
    assert state(panels, "undone") == ""
    expect(panels.get_by_test_id("redo")).to_be_disabled()
    panels.evaluate("explorer.history.undo()")
    assert state(panels, "threshold") == 0.1
    panels.evaluate(
        "(async () => { for (let i = 0; i < 150; i++) { explorer.set({ opacity: i / 150 }); await null; } })()"
    )
    assert panels.evaluate("{ let count = 0; while (explorer.history.undo()) count++; count }") == 100


def test_by_keys_with_the_tab_and_the_link_until_another_image_comes(viewer):
    page = viewer
    open_viewer(page)
    undo, redo, skip = (page.get_by_test_id(name) for name in ("undo", "redo", "site-skip1"))
    page.get_by_test_id("tab-values").click()
    skip.click()
    expect(page.get_by_test_id("tab-cut")).to_have_attribute("aria-selected", "true")
    page.wait_for_url("**cuts=skip1**")
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("salt-answer")).to_have_text("Undone: cut skip1.")
    expect(page.get_by_test_id("tab-values")).to_have_attribute("aria-selected", "true")
    expect(skip).to_have_attribute("aria-pressed", "false")
    page.wait_for_function("!location.search.includes('cuts')")
    page.wait_for_function("settled.at(-1)?.cuts.length === 0 && settled.at(-1).tab === 'values'")
    page.keyboard.press("Control+Shift+Z")
    expect(skip).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+y")
    expect(skip).to_have_attribute("aria-pressed", "true")

    # A key that is held down is one gesture.
    page.get_by_test_id("salt-viewer").focus()
    for _ in range(5):
        page.keyboard.down("]")
    page.keyboard.up("]")
    expect_texts(page, "salt", readout="threshold 0.45")
    expect(undo).to_have_attribute("title", "Undo: move the threshold to 0.45")

    # Who types in a field undoes there: the field's own undo, a gesture like any typing.
    exact = page.get_by_test_id("salt-threshold-exact")
    exact.fill("0.7")
    exact.press("Enter")
    exact.press("Control+z")
    expect_texts(page, "salt", readout="threshold 0.45")
    expect(redo).to_be_disabled()
    page.get_by_test_id("salt-threshold").focus()
    for threshold in ("0.70", "0.45", "0.40"):
        page.keyboard.press("Control+z")
        expect_texts(page, "salt", readout=f"threshold {threshold}")
    expect(undo).to_have_attribute("title", "Undo: cut skip1")

    # The button that has nothing more to undo hands the keyboard to the other.
    undo.press("Enter")
    expect(redo).to_be_focused()
    expect(undo).to_be_disabled()

    page.shown = images.open_sample("Small lens"), *page.shown[1:]
    page.evaluate("(async () => receive(await respond(null)))()")
    expect(redo).to_be_disabled()
    expect(undo).to_be_disabled()


def test_alike_places_end_with_their_block_and_come_back_with_it(viewer):
    open_viewer(viewer, "layer=encoder1")
    undo, alike = viewer.get_by_test_id("undo"), viewer.get_by_test_id("alike")
    alike.click()
    expect(alike).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="Close", exact=True).first.click()
    expect(undo).to_have_attribute("title", "Undo: close encoder1")
    viewer.keyboard.press("]")
    expect(undo).to_have_attribute("title", "Undo: move the threshold to 0.41")
    undo.click()
    undo.click()
    expect(alike).to_have_attribute("aria-pressed", "true")
    expect(viewer.get_by_test_id("salt-answer")).to_contain_text("Undone: close encoder1. encoder1 at row 50")

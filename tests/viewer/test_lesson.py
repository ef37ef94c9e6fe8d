"""The lesson: every step by keyboard alone, and its judgement against what NumPy computes of the same network."""

import json
import re
from functools import cache

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from demo.explorer import quantise
from demo.images import open_sample
from demo.weights import find_weights, open_weights
from tests.browser.pages import AXE, expect_link
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import settle
from unet import explain
from unet.metrics import confusion, iou

pytestmark = pytest.mark.browser
STOCK, LENS = open_sample("Salt stock"), open_sample("Small lens")
SKIPS = [f"skip{level}" for level in range(1, 5)]
PIXEL = (70, 30, 1, 1)  # that step 5 asks about
NUMBER = re.compile(r"(?<![\w.])−?\d[\d,]*(?:\.\d+)?")  # not that of a name, as in skip1


def network(name):
    """Shipped weights: the network, and their key."""
    (found,) = (weights for weights in find_weights() if weights.name == name)
    key, segmenter = open_weights(found)
    return segmenter, key


TINY, FULL = network("salt-unet-tiny"), network("salt-unet")


@pytest.fixture(scope="module")
def page(browser):
    with viewer_page(browser, STOCK, *TINY) as page:
        yield page


# --- What is true --------------------------------------------------------------------------------------------


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def outline(mask):
    """Pixels that erosion by a cross takes away; outside of the image nothing does."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return mask & ~cv2.erode(mask.astype(np.uint8), cross, borderValue=1).astype(bool)


def left(before, after):
    return 100 * (outline(before) & ~outline(after)).sum() / outline(before).sum()


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


@cache
def without_parts(segmenter):
    """The mask for every combination of cuts."""
    return explain.cut_table(segmenter, STOCK.grey) > np.float32(segmenter.threshold)


def of_threshold(segmenter):
    probability = segmenter.probability(STOCK.grey)
    (one, other) = (confusion(probability > np.float32(limit), STOCK.truth) for limit in (0.5, 0.8))
    return "fewerMore", [0.5, 0.8, one.fp, other.fp, one.fn, other.fn, iou(one), iou(other)]


def of_encoder(segmenter):
    levels = quantise(segmenter.trace(STOCK.grey).crop("encoder1")).values
    mask, grey = segmenter.probability(STOCK.grey) > np.float32(segmenter.threshold), STOCK.pixels.astype(float)
    rows = np.abs(np.gradient(grey, axis=0))
    bright, salt = correlation(levels[1], grey), correlation(levels[1], mask)
    return "dark", [1, bright, correlation(levels[1], rows), salt]


def of_bottleneck(segmenter):
    table = without_parts(segmenter)
    whole, alone, without = table[0], table[0b01111], table[0b10000]
    shares = [100 * alone.mean(), 100 * whole.mean(), overlap(alone, whole)]
    return "place", [*shares, 0.1, 0.9, left(whole, alone)], [overlap(without, whole)]


def of_cut(segmenter):
    table = without_parts(segmenter)
    shares = [left(table[0], table[1 << bit]) for bit in range(4)]
    best = int(np.argmax(shares))
    return SKIPS[best], [shares[best], outline(table[0]).sum(), *shares]


def of_pixel(segmenter):
    found = explain.explain_pixel(segmenter, STOCK.grey, PIXEL)
    wide, narrow = (explain.influence_box(found.influence, PIXEL, share)[2:] for share in (0.9, 0.5))
    share = 100 * np.prod(wide) / STOCK.grey.size
    return round(share), [share, *wide, 10, 100 * np.prod(narrow) / STOCK.grey.size, *narrow]


def of_shift(segmenter):
    before = segmenter.probability(STOCK.pixels) > np.float32(segmenter.threshold)
    found = {}
    for columns in (3, 16):
        moved = np.pad(STOCK.pixels, ((0, 0), (columns, 0)), mode="reflect")[:, : STOCK.pixels.shape[1]]
        after = segmenter.probability(moved)[:, columns:] > np.float32(segmenter.threshold)
        found[columns] = before[:, :-columns], after
    one, other = found[3]
    return "near", [overlap(one, other), one.size, (one != other).sum(), 16, 3, overlap(*found[16])]


def of_missed(segmenter):
    probability, truth = segmenter.probability(LENS.grey), LENS.truth
    inside, outside = probability[truth], probability[~truth]
    order = np.mean(inside[:, None] > outside) + np.mean(inside[:, None] == outside) / 2
    best = max(overlap(probability > np.float32(limit / 100), truth) for limit in range(1, 100))
    kind = "threshold" if best > 0.5 else "unsure" if order >= 0.7 else "blind"
    return kind, [inside.mean(), outside.mean(), inside.max(), outside.max(), 100 * order, best]


def of_random(segmenter):
    sites = ["encoder2", "bottleneck", "decoder1", "logits"]
    traces = [one.trace(STOCK.grey) for one in (segmenter, explain.random_twin(segmenter))]
    alike = [correlation(*(trace.crop(site).mean(0) for trace in traces)) for site in sites]
    return sites[int(np.argmax(alike))], alike


STEPS = [of_threshold, of_encoder, of_bottleneck, of_cut, of_pixel, of_shift, of_missed, of_random]


# --- What a student does, by keyboard alone ------------------------------------------------------------------


def focused(page):
    return page.evaluate("document.activeElement.dataset.testid ?? ''")


def tab_to(page, testid, key="Tab"):
    for _ in range(12):
        if focused(page) == testid:
            return
        page.keyboard.press(key)
    raise AssertionError(f"expected {testid} within twelve steps, got {focused(page)}")


def choose(page, answer):
    """From the heading of a step to its answer."""
    expect(page.get_by_test_id("lesson-answer")).to_be_enabled()
    page.keyboard.press("Tab")
    if focused(page) == "lesson-guess":
        for _ in range(abs(answer - 50)):
            page.keyboard.press("ArrowRight" if answer > 50 else "ArrowLeft")
    else:
        page.keyboard.press("Space")
        for _ in range(page.locator("[data-testid^=lesson-choice]").count()):
            if page.evaluate("document.activeElement.value") == str(answer):
                break
            page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def numbers(text):
    return [float(number.replace(",", "").replace("−", "-")) for number in NUMBER.findall(text)]


def expect_judged(page, verdict, expected):
    judgement = page.get_by_test_id("lesson-judgement")
    expect(judgement).to_contain_text(verdict)
    text = judgement.text_content()
    found = numbers(text[text.index(". ", len(verdict) + 1) :])
    assert "{" not in text + page.get_by_test_id("lesson-because").text_content()
    rounding = [0.011 if abs(value) < 1 else 0.501 if value != round(value) else 0 for value in expected]
    assert len(found) == len(expected), (text, expected)
    assert (np.abs(np.subtract(found, expected)) <= rounding).all(), (text, expected)


def bring_image(page, image):
    """What Python does when it hears of a step about another image."""
    page.shown = image, *page.shown[1:]
    page.evaluate("async () => { await receive(await respond(null)); }")


def walk(page, segmenter, *, wrongly=False):
    """All steps from the first, answered right, or wrong where that is to be."""
    for number, truth in enumerate(STEPS, 1):
        expect(page.get_by_test_id(f"lesson-dot-{number}")).to_have_attribute("aria-current", "true")
        if number in (7, 8):
            expect(page.get_by_test_id("lesson-waiting")).to_contain_text("opened")
            page.wait_for_function(f"settled.at(-1)?.lesson === {number}")
            bring_image(page, LENS if number == 7 else STOCK)
        expect(page.get_by_test_id("lesson-waiting")).to_be_hidden()
        assert focused(page) == "lesson-title"
        answer, expected, *others = truth(segmenter)
        given = answer
        if wrongly:
            choices = page.locator("[data-testid^=lesson-choice]").evaluate_all("all => all.map((one) => one.value)")
            given = next(choice for choice in choices if choice != answer) if choices else (answer + 50) % 100
        choose(page, given)
        if truth is of_cut:
            expected = [*([expected[2]] if wrongly else expected[:1]), *expected[1:]]
        expect_judged(page, "Not quite." if wrongly else "Right.", expected)
        if others:
            np.testing.assert_allclose(
                numbers(page.get_by_test_id("lesson-because").text_content())[-1], *others, atol=0.006
            )
        yield number
        if number < len(STEPS):
            tab_to(page, "lesson-next")
            page.keyboard.press("Enter")


def test_every_step_is_judged_by_what_the_network_does_and_shows_it(page):
    open_viewer(page, "lesson=1")
    shown = [
        ("threshold", "0.80"), ("layer", "decoder1"), ("cuts", ",".join(SKIPS)), ("cuts", of_cut(TINY[0])[0]),
        ("pixel", "70,30"), ("edits", "shift:0,3"), ("truth", "1"), ("random", "1"),
    ]  # fmt: skip
    for number in walk(page, TINY[0]):
        assert focused(page) == "lesson-show"
        page.keyboard.press("Enter")
        expect_link(page, *shown[number - 1])
    expect(page.locator("[data-testid^=lesson-dot][data-answered=right]")).to_have_count(len(STEPS))
    expect(page.get_by_test_id("lesson-teacher")).to_contain_text("docs/teaching.md")


def test_on_a_phone_the_card_leaves_the_image_in_sight_and_other_weights_have_other_answers(browser):
    phone = {"viewport": (390, 844), "has_touch": True, "is_mobile": True}
    assert of_cut(FULL[0])[0] != of_cut(TINY[0])[0]
    assert of_missed(FULL[0])[0] != of_missed(TINY[0])[0]
    with viewer_page(browser, STOCK, *FULL, **phone) as page:
        open_viewer(page, "lesson=1")
        for number in walk(page, FULL[0], wrongly=True):
            image, card = (page.get_by_test_id(name).bounding_box() for name in ("salt-viewer", "lesson"))
            assert image["y"] >= 0, number
            assert image["y"] + image["height"] <= card["y"] + 1, number
            assert card["y"] + card["height"] <= 845, number
        page.get_by_test_id("lesson-show").tap()  # what it shows is not to be covered
        expect(page.get_by_test_id("lesson-title")).to_be_hidden()
        assert page.get_by_test_id("lesson").bounding_box()["height"] < 80
        assert focused(page) == "lesson-fold"
        small = page.locator("[data-testid=lesson] button:visible").evaluate_all(
            "all => all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.dataset.testid)"
        )
        assert not small


# --- Links, progress, languages ------------------------------------------------------------------------------


def test_a_link_to_a_step_alone_brings_its_state_and_a_whole_link_keeps_its_own(page):
    open_viewer(page, "lesson=2&layer=bottleneck")  # what it says itself goes before what the step brings
    page.wait_for_function("settled.at(-1)?.layer === 'bottleneck'")
    assert state_of(page)["channel"] == 1
    open_viewer(page, "lesson=2&threshold=0.40&layer=encoder3")
    page.wait_for_function("settled.length")
    assert (state_of(page)["layer"], state_of(page)["channel"]) == ("encoder3", None)
    open_viewer(page, "lesson=9")
    expect(page.get_by_test_id("lesson")).to_be_hidden()


def state_of(page):
    return page.evaluate("settled.at(-1)")


def test_progress_is_kept_by_the_browser_and_starts_over(page):
    dots = page.locator("[data-testid^=lesson-dot][data-answered=wrong]")
    open_viewer(page, "lesson=1")
    page.get_by_test_id("lesson-reset").click()
    page.get_by_test_id("lesson-choice-2").check()
    page.get_by_test_id("lesson-answer").click()
    expect(dots).to_have_count(1)
    page.get_by_test_id("lesson-close").click()
    assert focused(page) == "lesson-open"
    open_viewer(page)
    page.get_by_test_id("lesson-open").click()  # the first one that was not answered
    expect(page.get_by_test_id("lesson-dot-2")).to_have_attribute("aria-current", "true")
    expect(page.get_by_test_id("lesson-dot-1")).to_have_attribute("aria-label", re.compile("answered wrong"))
    page.get_by_test_id("lesson-reset").click()
    expect(dots).to_have_count(0)
    expect(page.get_by_test_id("lesson-dot-1")).to_have_attribute("aria-current", "true")


def test_escape_closes_the_lesson_last_and_an_answer_is_asked_for(page):
    open_viewer(page, "lesson=2")
    card = page.get_by_test_id("lesson")
    page.get_by_test_id("lesson-answer").click()
    assert focused(page) == "lesson-choice-1"
    expect(page.get_by_test_id("lesson-judgement")).to_be_empty()
    for _ in ("the map", "the block"):
        page.keyboard.press("Escape")
        settle(page)
        expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_without_a_ground_truth_a_step_says_so(page):
    open_viewer(page, "lesson=1", image=open_sample("Folds, no salt"))
    page.get_by_test_id("lesson-choice-1").check()
    page.get_by_test_id("lesson-answer").click()
    expect(page.get_by_test_id("lesson-judgement")).to_contain_text("no ground truth with salt")
    expect(page.get_by_test_id("lesson-show")).to_be_hidden()
    page.get_by_test_id("lesson-dot-1").click()  # once more, about the image that is open
    expect(page.get_by_test_id("lesson-judgement")).to_be_empty()
    expect(page.get_by_test_id("lesson-answer")).to_be_enabled()


def leaves(texts, path=()):
    """Path -> text."""
    if isinstance(texts, str):
        return {path: texts}
    return {key: text for name, inner in texts.items() for key, text in leaves(inner, (*path, name)).items()}


def test_both_languages_say_the_same_and_the_browser_chooses(browser):
    with viewer_page(browser, STOCK, *FULL, exports="export { ENGLISH, GERMAN };", locale="de-CH") as page:
        page.add_init_script(
            "Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error('private'); };"
        )
        open_viewer(page, "lesson=1")
        texts = json.loads(
            page.evaluate("import('/viewer.js').then(({ ENGLISH, GERMAN }) => JSON.stringify([ENGLISH, GERMAN]))")
        )
        english, german = map(leaves, texts)
        assert english.keys() == german.keys()
        for path, text in english.items():
            assert sorted(set(re.findall(r"{\w+}", text))) == sorted(set(re.findall(r"{\w+}", german[path]))), path
        assert page.get_by_test_id("lesson").get_attribute("lang") == "de"
        page.get_by_test_id("lesson-choice-1").check()
        page.get_by_test_id("lesson-answer").click()
        expect(page.get_by_test_id("lesson-judgement")).to_contain_text("Richtig. Deine Antwort: Weniger zu viel")
        expect(page.get_by_test_id("lesson-judgement")).to_contain_text("von 0,971 auf 0,949")
        page.get_by_test_id("lesson-language").select_option("en")
        expect(page.get_by_test_id("lesson-judgement")).to_contain_text("Right. You said: Fewer too much")
        if AXE.is_file():
            page.add_script_tag(path=AXE)
            found = page.evaluate("axe.run('[data-testid=lesson]', { resultTypes: ['violations'] })")["violations"]
            assert not found, json.dumps(found, indent=1)[:2000]

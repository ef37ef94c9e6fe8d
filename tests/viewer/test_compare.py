"""Two networks side by side: what the panel says of both masks, against unet.metrics and unet.render."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer.panels import change, encode, expect_texts, pixels, settle, start, state
from unet import metrics, render

pytestmark = pytest.mark.browser
RNG = np.random.default_rng(0)
SHAPE = (23, 21)
GREY, TRUTH = RNG.integers(0, 256, SHAPE, np.uint8), RNG.random(SHAPE) < 0.4
# Hundredths: many pixels lie exactly at a threshold, and those are not salt.
FIRST, SECOND = ((RNG.integers(0, 101, SHAPE) / 100).astype(np.float32) for _ in range(2))
OTHERS = [{"name": "tiny", "label": "tiny · 0.45 M parameters"}, {"name": "<b>", "label": "<b>"}]
OWN = 0.62


def show(page, truth=TRUTH, **changes):
    """The panel, with a second network that can be chosen."""
    start(
        page, ["compare"], GREY, FIRST, truth, network={"others": OTHERS}, state={"other": None, "tta": False} | changes
    )


def answer(page, name="tiny", probability=SECOND):
    """What the second network says has come."""
    given = {"name": name, "label": name, "threshold": OWN, "probability": probability}
    page.evaluate("(text) => { explorer.other = decode(text); touch('otherWeights'); }", encode(given))
    settle(page)


def choose(page, name="tiny", **more):
    page.get_by_test_id("weights-b").select_option(name)
    answer(page, name, **more)


def test_until_the_second_network_has_answered_it_says_so(page):
    show(page)
    select, result = page.get_by_test_id("weights-b"), page.get_by_test_id("compare-result")
    assert select.evaluate("({ options }) => [...options].map(({ value }) => value)") == ["", "tiny", "<b>"]
    expect(result).to_be_hidden()
    select.select_option("tiny")
    assert state(page, "other") == "tiny"
    expect_texts(page, "compare", note="What tiny says is computed…")
    page.evaluate("explorer.otherError = 'tiny: expected tiny.safetensors, got no file'; touch('otherWeights')")
    expect_texts(page, "compare", note="tiny: expected tiny.safetensors, got no file")
    expect(result).to_be_hidden()
    page.evaluate("explorer.otherError = null")
    answer(page)
    expect(result).to_be_visible()
    expect(page.get_by_test_id("compare-note")).to_be_hidden()
    select.select_option("")
    page.evaluate("explorer.other = null; touch('otherWeights')")
    assert state(page, "other") is None
    expect(result).to_be_hidden()


def change_of(one, other, digits):
    """Between two numbers as they are written, with its sign."""
    value = round(other, digits) - round(one, digits)
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


@pytest.mark.parametrize("own", [False, True])
def test_both_masks_and_how_far_they_differ(page, own):
    show(page, threshold=0.44)
    choose(page)
    page.get_by_test_id("compare-own").set_checked(own)
    settle(page)
    limits = 0.44, OWN if own else 0.44
    masks = [metrics.mask(*pair) for pair in zip((FIRST, SECOND), limits, strict=True)]
    areas = [100 * mask.mean() for mask in masks]
    scores = [metrics.iou(metrics.confusion(mask, TRUTH)) for mask in masks]
    means = [values.astype(np.float64).mean() for values in (FIRST, SECOND)]
    distance = np.abs(SECOND.astype(np.float64) - FIRST).mean()
    rows = page.get_by_test_id("compare-result").locator("tbody tr")
    expect(rows.first).to_contain_text(f"{areas[1]:.1f} %")  # it is drawn once a hand rests
    assert rows.evaluate_all("all => all.map((row) => [...row.cells].map((one) => one.textContent))") == [
        ["Salt area", *(f"{area:.1f} %" for area in areas), f"{change_of(*areas, 1)} points"],
        ["IoU", *(f"{score:.2f}" for score in scores), change_of(*scores, 2)],
        ["Mean probability", *(f"{mean:.3f}" for mean in means), change_of(*means, 3)],
        ["Mean difference of a pixel, up or down", f"{distance:.3f}"],
    ]
    agreement = f"{100 * (masks[0] == masks[1]).mean():.1f} %"
    overlap = metrics.iou(metrics.confusion(masks[1], masks[0]))
    caption = f"The masks agree on {agreement} of the pixels; IoU of the two {overlap:.2f}"
    expect(page.get_by_test_id("compare-result").locator("caption")).to_have_text(caption)
    alone = [np.count_nonzero(mask & ~other) for mask, other in (masks, masks[::-1])]
    words = f"Salt only for the first: {alone[0]} pixels; only for the second: {alone[1]} pixels."
    expect(page.locator(".difference .note")).to_have_text(words)
    for name, network, mask, limit in zip(("first", "second"), ("salt-unet", "tiny"), masks, limits, strict=True):
        figure = page.get_by_test_id(f"compare-{name}")
        expect(figure).to_have_text(f"{name.title()}: {network}salt {100 * mask.mean():.1f} % at {limit:.2f}")
        wanted = render.overlay(GREY, mask, opacity=0.6)
        np.testing.assert_allclose(pixels(figure.locator("canvas"))[..., :3], wanted, atol=1)
    at = " at its threshold 0.62" if own else ""
    assert state(page, "answer") == (
        f"salt-unet calls {areas[0]:.1f} % salt, tiny {areas[1]:.1f} %{at}; they agree on {agreement} of the pixels."
    )


def test_without_a_truth_nothing_is_scored_and_one_pixel_is_never_full_agreement(page):
    show(page, truth=None)
    choose(page, probability=FIRST)
    for part in ("agree on 100.0 %", "IoU of the two 1.00"):
        expect(page.get_by_test_id("compare-result")).to_contain_text(part)
    assert page.get_by_test_id("compare-result").locator("tbody th").all_inner_texts()[1] == "Mean probability"
    grey, probability = np.zeros((101, 101), np.uint8), np.ones((101, 101), np.float32)
    start(page, ["compare"], grey, probability, network={"others": OTHERS}, state={"other": "tiny", "tta": False})
    probability[3, 4] = 0
    answer(page, probability=probability)
    expect(page.get_by_test_id("compare-result")).to_contain_text("agree on 99.9 %")


def test_it_says_where_the_image_shows_something_else(page):
    show(page)
    choose(page)
    note = page.get_by_test_id("compare-note")
    for changes in ({"tta": True}, {"random": True}, {"cuts": ["skip1"]}):
        change(page, **changes)
        expect(note).to_have_text(
            "Compared are the whole trained networks without flip TTA, not what the image shows now."
        )
        change(page, tta=False, random=False, cuts=[])
        expect(note).to_be_hidden()


def test_the_difference_lies_over_the_image_until_no_second_network_is_chosen(page):
    show(page)
    choose(page)
    page.get_by_test_id("compare-overlay").check()
    laid = page.evaluate("{ const { canvas, label, scale, ...rest } = explorer.state.overlay; rest }")
    assert laid == {"owner": "compare", "top": 0, "left": 0, "height": 23, "width": 21, "smooth": False}
    scale = page.evaluate("({ ...explorer.state.overlay.scale, colors: 0 })")
    assert scale == {"colors": 0, "low": "−1", "high": "1", "quantity": "change of the probability"}
    wanted = render.DIVERGING[127 + np.rint(127 * (SECOND - FIRST)).astype(int)]
    shown = pixels(page.get_by_test_id("compare-difference"))[..., :3]
    np.testing.assert_allclose(shown, wanted, atol=4)  # rounding at one half
    page.evaluate("explorer.other = null; explorer.set({ other: null }); touch('otherWeights')")
    page.wait_for_function("explorer.state.overlay === null")
    assert state(page, "answer") == ""


def test_an_answer_is_of_the_threshold_of_now_or_goes(page):
    show(page)
    choose(page)
    change(page, threshold=0.3)
    area = 100 * metrics.mask(FIRST, 0.3).mean()
    assert state(page, "answer").startswith(f"salt-unet calls {area:.1f} % salt")
    page.evaluate("document.querySelector('.compare').hidden = true")
    change(page, threshold=0.6)
    assert state(page, "answer") == ""
    page.evaluate("document.querySelector('.compare').hidden = false")
    change(page, tab="compare")
    area = 100 * metrics.mask(FIRST, 0.6).mean()
    assert state(page, "answer").startswith(f"salt-unet calls {area:.1f} % salt")
    change(page, answer="Another panel's.", threshold=0.7)
    assert state(page, "answer") == "Another panel's."

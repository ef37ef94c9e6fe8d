"""Cut the wire: what every combination of cuts shows, against unet.metrics, unet.render and the network itself."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer.panels import change, encode, expect_texts, overlay_pixels, pixels, settle, start, state
from unet import metrics, render

pytestmark = pytest.mark.browser
PART = {"top": 7, "left": 5, "height": 23, "width": 21}


class Case:
    """An image of random numbers and the probabilities of every combination of cuts.

    A share of 23 x 21 pixels is never halfway between two tenths, which Python and JavaScript round differently.
    """

    def __init__(self, page, *, depth=2, size=(23, 21), part=None, truth=True, samples=("Salt stock",), ready=True):
        rng = np.random.default_rng(0)
        part = part or {"top": 0, "left": 0, "height": size[0], "width": size[1]}
        top, left, *shape = part.values()
        part_of = slice(top, top + shape[0]), slice(left, left + shape[1])
        parts = [*(f"skip{level + 1}" for level in range(depth)), "bottleneck"]
        grey, salt = rng.integers(0, 256, size, np.uint8), rng.random(size) < 0.4
        # Hundredths: many pixels lie exactly at a threshold, and those are not salt.
        self.tables = (rng.integers(0, 101, (2 ** len(parts), *shape)) / 100).astype(np.float32)
        self.grey, self.truth = grey[part_of], salt[part_of]
        start(page, ["cuts"], grey, np.zeros(size, np.float32), salt if truth else None, window=part,
              network={"parts": parts, "samples": samples}, tables=self.tables, viewport=(1300, 1000))  # fmt: skip
        if ready:
            page.evaluate("setCuts(true)")
            expect(page.get_by_test_id("cut-pending")).to_be_hidden()

    def mask(self, index, threshold):
        return metrics.mask(self.tables[index], threshold)

    def iou(self, index, threshold):
        return metrics.iou(metrics.confusion(self.mask(index, threshold), self.truth))

    def expect_cell(self, page, index, threshold):
        """The cell says how much of its mask is salt; cells are numbered without the bottleneck's bit."""
        words = f"salt {100 * self.mask(index, threshold).mean():.1f} %"
        expect(cell(page, index % (len(self.tables) // 2))).to_contain_text(words)


def cell(page, number):
    return page.get_by_test_id(f"cut-cell-{number}")


def test_cells_follow_in_the_same_frame_in_sight_and_after_a_rest_out_of_it(page):
    case = Case(page, depth=4, size=(101, 101))
    page.set_viewport_size({"width": 1300, "height": 3000})
    wanted = [f"salt {100 * case.mask(9, at).mean():.1f} %" for at in (0.3, 0.6)]
    # On a busy machine a frame may be too long, and the cells wait for a rest.
    script = """async (wanted) => {
        const texts = [];
        for (const threshold of [0.3, 0.6]) {
            explorer.set({ threshold });
            await new Promise(requestAnimationFrame);
            texts.push(document.querySelector("[data-testid=cut-cell-9] .cut-salt").textContent);
        }
        return JSON.stringify(texts) === JSON.stringify(wanted);
    }"""
    page.wait_for_function(script, arg=wanted, polling=200)
    page.set_viewport_size({"width": 1300, "height": 120})
    page.evaluate("scrollTo(0, 0)")
    settle(page)
    change(page, threshold=0.31)
    case.expect_cell(page, 5, 0.31)


def test_a_closed_panel_paints_nothing_and_is_up_to_date_when_it_opens(page):
    case = Case(page)
    page.evaluate("document.querySelector('.cuts').hidden = true")
    before = cell(page, 1).locator(".cut-salt").text_content()
    change(page, threshold=0.81)
    page.wait_for_timeout(300)  # longer than CELLS_PAUSE in combinations.js
    assert cell(page, 1).locator(".cut-salt").text_content() == before
    page.evaluate("document.querySelector('.cuts').hidden = false; touch('tab')")
    settle(page)
    assert cell(page, 1).locator(".cut-salt").text_content() == f"salt {100 * case.mask(1, 0.81).mean():.1f} %"
    expect(cell(page, 1)).to_have_attribute("title", f"IoU {case.iou(1, 0.81):.2f}")


def test_cells_and_toggles_share_the_state_with_the_u(page):
    Case(page, depth=3)
    # The state does not rest on colour.
    wanted = [["✕" if number & 1 << i else str(i + 1) for i in range(3)] for number in range(8)]
    assert [text.split() for text in page.locator(".cut-marks").all_inner_texts()] == wanted
    for testid, cuts, number in (
        ("cut-cell-5", ["skip1", "skip3"], 5),
        ("toggle-bottleneck", ["skip1", "skip3", "bottleneck"], 5),
        ("cut-cell-2", ["skip2", "bottleneck"], 2),
        ("toggle-skip1", ["skip1", "skip2", "bottleneck"], 3),
        ("cut-none", [], 0),
    ):
        page.get_by_test_id(testid).click()
        assert state(page, "cuts") == cuts
        expect(page.locator(".cut-cell[aria-current=true]")).to_have_attribute("data-testid", f"cut-cell-{number}")
        label = "All combinations of skips, with the bottleneck" + " cut" * ("bottleneck" in cuts)
        expect(page.get_by_test_id("cut-grid")).to_have_attribute("aria-label", label)
        name = ", ".join(["skip1, skip2", *["bottleneck"] * ("bottleneck" in cuts)])
        expect(cell(page, 3)).to_have_accessible_name(re.compile(f"^{name} cut salt"))
    change(page, cuts=["skip2"])
    for name, pressed in (("skip1", "false"), ("skip2", "true")):
        expect(page.get_by_test_id(f"toggle-{name}")).to_have_attribute("aria-pressed", pressed)


def test_what_stands_in_its_place(page):
    samples = ("Salt stock", "<img src=x onerror=alert(1)>")
    Case(page, samples=samples)
    choices = page.get_by_test_id("cut-fill")
    assert choices.evaluate("({ options }) => [...options].map(({ value }) => value)") == ["zero", "mean", *samples]
    for value in ("mean", samples[1]):
        choices.select_option(value)
        assert state(page, "fill") == value
    change(page, cuts=["skip1"])
    expect_texts(page, "cut", result=f"skip1 cut, what {samples[1]} has in its place")
    change(page, fill="zero")
    expect(choices).to_have_value("zero")


def test_until_the_response_is_there_it_says_so(page):
    case = Case(page, ready=False, truth=False)
    expect_texts(page, "cut", pending="is computed…", cell_1="salt …")
    expect(page.get_by_test_id("cut-result")).to_be_hidden()
    cell(page, 1).click()  # works already
    assert state(page, "cuts") == ["skip1"]
    expect(page.get_by_test_id("cut-overlay")).to_be_hidden()
    assert state(page, "answer") == ""
    page.evaluate("setCuts(true)")
    expect(page.get_by_test_id("cut-result")).to_be_visible()
    case.expect_cell(page, 1, 0.5)
    for part in ("cut-result", "cut-grid"):  # without a ground truth nothing is scored
        expect(page.get_by_test_id(part)).not_to_contain_text("IoU")


def test_of_no_difference_nothing_is_drawn_and_none_can_be_laid(page):
    Case(page)
    shown = [page.get_by_test_id(f"cut-{name}") for name in ("result", "difference", "overlay")]
    invitation = page.get_by_test_id("cut-invite")
    for cuts in ([], ["skip1"], []):
        change(page, cuts=cuts)
        for one in shown:
            expect(one).to_be_visible(visible=bool(cuts))
        expect(invitation).to_be_visible(visible=not cuts)
        expect(page.get_by_test_id("cut-overlay")).not_to_be_checked()
        assert state(page, "overlay") is None  # with it the fill would be gone
        if cuts:
            page.get_by_test_id("cut-overlay").check()
            assert state(page, "overlay")["owner"] == "cut"


def test_one_pixel_is_one_pixel(page):
    case = Case(page)
    case.tables[:] = 0
    case.tables[1, 3, 4] = 1
    start(page, ["cuts"], case.grey, case.tables[0], window=None, network={"parts": ["skip1", "bottleneck"]},
          tables=case.tables)  # fmt: skip
    page.evaluate("setCuts(true)")
    change(page, cuts=["skip1"])
    expect(page.locator(".difference .note")).to_contain_text("Salt no more: 0 pixels; salt now: 1 pixel.")


def test_a_small_difference_is_drawn_on_a_small_scale(page):
    case = Case(page)
    case.tables[1] = case.tables[0]
    case.tables[1, 3, 4] += np.float32(0.04)
    start(page, ["cuts"], case.grey, case.tables[0], network={"parts": ["skip1", "bottleneck"]}, tables=case.tables)
    page.evaluate("setCuts(true)")
    change(page, cuts=["skip1"])
    assert page.locator(".difference-legend").all_inner_texts() == ["−0.05 less salt\n+0.05 more salt"]
    shown = pixels(page.get_by_test_id("cut-difference"))[..., :3]
    np.testing.assert_allclose(shown[3, 4], render.DIVERGING[127 + round(127 * 0.8)], atol=4)
    assert (np.delete(shown.reshape(-1, 3), 3 * shown.shape[1] + 4, axis=0) == render.DIVERGING[127]).all()


def change_of(one, other, digits):
    """Between two numbers as they are written, with its sign."""
    value = round(other, digits) - round(one, digits)
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


def test_the_answer_is_of_this_cut_at_this_threshold(page):
    case = Case(page, depth=3)

    def sentence(index, names, threshold, *, conditions=""):
        whole, cut = (100 * case.mask(i, threshold).mean() for i in (0, index))
        change = f"{abs(round(cut, 1) - round(whole, 1)):.1f} points {'less' if cut < whole else 'more'}"
        return f"Without {names}{conditions}: salt {cut:.1f} % instead of {whole:.1f} %, {change}."

    assert state(page, "answer") == ""
    change(page, cuts=["skip2"])
    assert state(page, "answer") == sentence(2, "skip2", 0.5)
    change(page, threshold=0.83)
    assert state(page, "answer") == sentence(2, "skip2", 0.83)
    change(page, threshold=1)
    assert state(page, "answer") == "Without skip2: salt stays 0.0 %."
    change(page, answer="decoder2 is open.")  # of another panel, to another question
    change(page, threshold=0.5)
    assert state(page, "answer") == "decoder2 is open."
    change(page, cuts=["skip2", "bottleneck"])
    assert state(page, "answer") == sentence(10, "skip2, bottleneck", 0.5)
    change(page, tta=True)  # what is cut is computed without it
    assert state(page, "answer") == sentence(10, "skip2, bottleneck", 0.5, conditions=", without flip TTA")
    expect_texts(page, "cut", result="skip2, bottleneck cut, zero in their place, without flip TTA")
    page.evaluate("setCuts(null)")  # no sentence of another window or fill
    page.wait_for_function("explorer.state.answer === ''")
    page.evaluate("setCuts(true)")
    page.wait_for_function("explorer.state.answer !== ''")
    change(page, cuts=[])
    assert state(page, "answer") == ""


def test_two_predictions_are_compared_each_at_its_own_threshold(page):
    rng = np.random.default_rng(4)
    one, other = rng.random((2, 400), np.float32)
    truth, limits = rng.random(400) < 0.3, (0.6, 0.25)
    script = """(text) => {
        const { predictions, truth } = decode(text);
        return viewer.comparePredictions(...predictions, { section: 250, truth });
    }"""
    predictions = [{"probability": p, "threshold": t} for p, t in zip((one, other), limits, strict=True)]
    found = page.evaluate(script, encode({"predictions": predictions, "truth": truth}))
    masks = [metrics.mask(p, t) for p, t in zip((one, other), limits, strict=True)]
    assert found["areas"] == [mask.sum() / 250 for mask in masks]
    assert found["scores"] == pytest.approx([metrics.iou(metrics.confusion(mask, truth)) for mask in masks])
    assert found["means"] == pytest.approx([one.mean(), other.mean()], rel=1e-5)
    assert found["distance"] == pytest.approx(np.abs(other - one).mean(), rel=1e-5)
    assert found["alone"] == [np.sum(masks[0] & ~masks[1]), np.sum(masks[1] & ~masks[0])]


def test_who_subtracts_what_is_written_finds_the_change_that_is_written(page):
    assert page.evaluate("viewer.writtenChange(30.84, 30.26, 1)") == pytest.approx(30.3 - 30.8)  # not 0.6
    assert page.evaluate("viewer.writtenChange(0.004, -0.004, 2)") == 0


@pytest.mark.parametrize("part", [None, PART])
def test_the_result_with_and_without_the_cut(page, part):
    case = Case(page, size=(40, 36) if part else (23, 21), part=part)
    change(page, threshold=0.44, cuts=["skip2", "bottleneck"])
    whole, cut = (case.tables[i].astype(np.float64) for i in (0, 6))
    masks = [case.mask(i, 0.44) for i in (0, 6)]
    scores, areas = [case.iou(i, 0.44) for i in (0, 6)], [100 * mask.mean() for mask in masks]
    rows = page.get_by_test_id("cut-result").locator("tbody tr")
    assert rows.evaluate_all("all => all.map((row) => [...row.cells].map((one) => one.textContent))") == [
        ["Salt area", *(f"{area:.1f} %" for area in areas), f"{change_of(*areas, 1)} points"],
        ["IoU", *(f"{score:.2f}" for score in scores), change_of(*scores, 2)],
        ["Mean probability", f"{whole.mean():.3f}", f"{cut.mean():.3f}", change_of(whole.mean(), cut.mean(), 3)],
        ["Mean change of a pixel, up or down", f"{np.abs(cut - whole).mean():.3f}"],
    ]
    lost, won = np.count_nonzero(masks[0] & ~masks[1]), np.count_nonzero(~masks[0] & masks[1])
    words = f"Salt no more: {lost} pixels; salt now: {won} pixels."
    expect(page.locator(".difference .note")).to_have_text(words)
    where = " in the opened part (rows 7 to 29, columns 5 to 25)" if part else ""
    caption = f"skip2, bottleneck cut, zero in their place{where}"
    expect(page.get_by_test_id("cut-result").locator("caption")).to_have_text(caption)


def test_thumbnails_and_the_difference_have_colours_and_it_lies_over_the_image_until_something_else_does(page):
    case = Case(page, size=(40, 36), part=PART)
    thumbnail = render.overlay(case.grey, case.mask(2, 0.5), opacity=0.6)
    np.testing.assert_allclose(pixels(cell(page, 2).locator("canvas"))[..., :3], thumbnail, atol=1)
    difference, box = page.get_by_test_id("cut-difference"), page.get_by_test_id("cut-overlay")
    change(page, cuts=["skip1"])
    box.check()
    laid = page.evaluate("{ const { canvas, label, scale, ...rest } = explorer.state.overlay; rest }")
    assert laid == {"owner": "cut", **PART, "smooth": False}
    for index in (1, 2):
        change(page, cuts=[f"skip{index}"])
        moved = case.tables[index] - case.tables[0]
        wanted = render.DIVERGING[127 + np.rint(127 * moved).astype(int)]
        np.testing.assert_allclose(pixels(difference)[..., :3], wanted, atol=4)  # rounding at one half
        # The more a pixel changed, the less of the image shows through.
        np.testing.assert_allclose(overlay_pixels(page)[..., 3], 255 * np.minimum(1, 2 * np.abs(moved)), atol=1)

    for given, owner in (("null", "undefined"), ("true", "'cut'")):  # another window or fill: the old one goes
        page.evaluate(f"setCuts({given})")
        page.wait_for_function(f"explorer.state.overlay?.owner === {owner}")
    change(page, overlay={"owner": "maps"})
    expect(box).not_to_be_checked()
    change(page, cuts=["skip1", "skip2"])
    assert state(page, "overlay") == {"owner": "maps"}
    for checked in (True, False):
        box.set_checked(checked)
    assert state(page, "overlay") is None

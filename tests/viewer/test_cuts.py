"""Cut the wire: what every combination of cuts shows, against unet.metrics, unet.render and the network itself."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer.panels import change, panels_page, pixels, settle, start, state
from unet import metrics, render

pytestmark = pytest.mark.browser
PART = {"top": 7, "left": 5, "height": 23, "width": 21}


@pytest.fixture(scope="module")
def page(browser):
    with panels_page(browser) as page:
        yield page


class Case:
    """An image of random numbers and the probabilities of every combination of cuts.

    A share of 23 x 21 pixels is never halfway between two tenths, which Python and JavaScript round differently.
    """

    def __init__(self, page, *, depth=2, size=(23, 21), window=None, truth=True, samples=("Salt stock",), ready=True):
        rng = np.random.default_rng(0)
        window = window or {"top": 0, "left": 0, "height": size[0], "width": size[1]}
        top, left, *shape = window.values()
        self.part = slice(top, top + shape[0]), slice(left, left + shape[1])
        self.parts = [*(f"skip{level + 1}" for level in range(depth)), "bottleneck"]
        self.grey = rng.integers(0, 256, size, np.uint8)
        self.truth = rng.random(size) < 0.4 if truth else None
        # Hundredths: many pixels lie exactly at a threshold, and those are not salt.
        levels = rng.integers(0, 101, (2 ** len(self.parts), *shape))
        self.tables = (levels / 100).astype(np.float32)
        network = {"parts": self.parts, "samples": list(samples)}
        start(page, ["cuts"], self.grey, np.zeros(size, np.float32), self.truth, network=network, window=window,
              tables=self.tables, viewport=(1300, 1000))  # fmt: skip
        if ready:
            page.evaluate("setCuts(true)")
            expect(page.get_by_test_id("cut-pending")).to_be_hidden()

    def mask(self, index, threshold):
        return metrics.mask(self.tables[index], threshold)

    def iou(self, index, threshold):
        return metrics.iou(metrics.confusion(self.mask(index, threshold), self.truth[self.part]))


def cell(page, number):
    return page.get_by_test_id(f"cut-cell-{number}")


def salt(mask):
    return f"salt {100 * mask.mean():.1f} %"


@pytest.mark.parametrize("cuts", [[], ["bottleneck"]])
@pytest.mark.parametrize("threshold", [0.5, 0.29])
def test_every_cell_counts_as_python_does(page, cuts, threshold):
    case = Case(page)
    change(page, threshold=threshold, cuts=cuts)
    expect(page.get_by_test_id("cut-grid").get_by_role("button")).to_have_count(4)
    for number in range(4):
        index = number + 4 * len(cuts)
        expect(cell(page, number)).to_contain_text(salt(case.mask(index, threshold)))
        expect(cell(page, number)).to_contain_text(f"IoU {case.iou(index, threshold):.2f}")
    below = ", bottleneck" if cuts else ""
    for names in ("skip1", "skip2", "skip1, skip2"):
        expect(page.get_by_role("button", name=re.compile(f"^{names}{below} cut salt"))).to_have_count(1)


def test_a_thumbnail_is_the_mask_over_the_grey_image(page):
    case = Case(page, size=(40, 36), window=PART)
    change(page, threshold=0.4)
    expect(cell(page, 2)).to_contain_text(salt(case.mask(2, 0.4)))
    wanted = render.overlay(case.grey[case.part], case.mask(2, 0.4), opacity=0.6)
    np.testing.assert_allclose(pixels(cell(page, 2).locator("canvas"))[..., :3], wanted, atol=1)


def test_cells_follow_in_the_same_frame_in_sight_and_after_a_rest_out_of_it(page):
    case = Case(page, depth=4, size=(101, 101))
    page.set_viewport_size({"width": 1300, "height": 3000})
    wanted = [salt(case.mask(9, at)) for at in (0.3, 0.6)]
    for _ in range(20):  # on a busy machine a frame may be too long, and they wait for a rest
        page.wait_for_timeout(200)
        texts = page.evaluate(
            """async () => {
                const seen = [];
                for (const threshold of [0.3, 0.6]) {
                    explorer.set({ threshold });
                    await new Promise(requestAnimationFrame);
                    seen.push(document.querySelector("[data-testid=cut-cell-9] .cut-salt").textContent);
                }
                return seen;
            }"""
        )
        if texts == wanted:
            break
    assert texts == wanted
    page.set_viewport_size({"width": 1300, "height": 120})
    page.evaluate("scrollTo(0, 0)")
    settle(page)
    change(page, threshold=0.31)
    expect(cell(page, 5)).to_contain_text(salt(case.mask(5, 0.31)))


def test_cells_and_toggles_share_the_state_with_the_u(page):
    Case(page, depth=3)
    current = page.locator(".cut-cell[aria-current=true]")
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
        expect(current).to_have_attribute("data-testid", f"cut-cell-{number}")
        label = "All combinations of skips, with the bottleneck" + " cut" * ("bottleneck" in cuts)
        expect(page.get_by_test_id("cut-grid")).to_have_attribute("aria-label", label)
    change(page, cuts=["skip2"])
    for name in ("skip1", "skip2"):
        expect(page.get_by_test_id(f"toggle-{name}")).to_have_attribute("aria-pressed", str(name == "skip2").lower())


def test_what_stands_in_its_place(page):
    samples = ("Salt stock", "<img src=x onerror=alert(1)>")
    Case(page, samples=samples)
    choices = page.get_by_test_id("cut-fill")
    values = choices.locator("option").evaluate_all("all => all.map((option) => option.value)")
    assert values == ["zero", "mean", *samples]
    for value in ("mean", samples[1]):
        choices.select_option(value)
        assert state(page, "fill") == value
    change(page, cuts=["skip1"])
    words = "skip1 cut, what <img src=x onerror=alert(1)> has in its place"
    expect(page.get_by_test_id("cut-result")).to_contain_text(words)
    change(page, fill="zero")
    expect(choices).to_have_value("zero")


def test_until_the_response_is_there_it_says_so(page):
    case = Case(page, ready=False, truth=False)
    expect(page.get_by_test_id("cut-pending")).to_contain_text("is computed…")
    expect(page.get_by_test_id("cut-result")).to_be_hidden()
    expect(cell(page, 1)).to_contain_text("salt …")
    cell(page, 1).click()  # works already
    assert state(page, "cuts") == ["skip1"]
    page.evaluate("setCuts(true)")
    expect(page.get_by_test_id("cut-result")).to_be_visible()
    expect(cell(page, 1)).to_contain_text(salt(case.mask(1, 0.5)))
    # Without a ground truth nothing is scored.
    for part in ("cut-result", "cut-grid"):
        expect(page.get_by_test_id(part)).not_to_contain_text("IoU")


def signed(value, digits):
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


@pytest.mark.parametrize("window", [None, PART])
def test_the_result_with_and_without_the_cut(page, window):
    case = Case(page, size=(40, 36) if window else (23, 21), window=window)
    change(page, threshold=0.44, cuts=["skip2", "bottleneck"])
    whole, cut = (case.tables[i].astype(np.float64) for i in (0, 6))
    masks = [case.mask(i, 0.44) for i in (0, 6)]
    scores, areas = [case.iou(i, 0.44) for i in (0, 6)], [100 * mask.mean() for mask in masks]
    table = page.get_by_test_id("cut-result")
    found = table.locator("tbody tr").evaluate_all("all => all.map((row) => [...row.cells].map((c) => c.textContent))")
    assert found == [
        ["Salt area", *(f"{area:.1f} %" for area in areas), f"{signed(areas[1] - areas[0], 1)} points"],
        ["IoU", *(f"{score:.2f}" for score in scores), signed(scores[1] - scores[0], 2)],
        ["Mean probability", f"{whole.mean():.3f}", f"{cut.mean():.3f}", signed(cut.mean() - whole.mean(), 3)],
        ["Mean change of a pixel, up or down", "", "", f"{np.abs(cut - whole).mean():.3f}"],
    ]
    text = page.locator(".cut-map").inner_text()
    assert f"{np.count_nonzero(masks[0] & ~masks[1])} pixels stop being salt" in text
    assert f"{np.count_nonzero(~masks[0] & masks[1])} become salt" in text
    where = " in the opened part (rows 7 to 29, columns 5 to 25)" if window else ""
    expect(table.locator("caption")).to_have_text(f"skip2, bottleneck cut, zero in their place{where}")


def overlay_pixels(page):
    return pixels(page.evaluate_handle("explorer.state.overlay.canvas").as_element())


def test_the_difference_has_colours_and_lies_over_the_image_until_something_else_does(page):
    case = Case(page, size=(40, 36), window=PART)
    difference, box = page.get_by_test_id("cut-difference"), page.get_by_test_id("cut-overlay")
    assert (pixels(difference)[..., :3] == render.DIVERGING[127]).all()
    change(page, cuts=["skip1"])
    box.check()
    laid = page.evaluate("{ const { canvas, label, ...rest } = explorer.state.overlay; rest }")
    assert laid == {"owner": "cuts", **PART, "smooth": False}
    for cuts, index in ((["skip1"], 1), (["skip2"], 2)):
        change(page, cuts=cuts)
        moved = case.tables[index] - case.tables[0]
        wanted = render.DIVERGING[127 + np.rint(127 * moved).astype(int)]
        np.testing.assert_allclose(pixels(difference)[..., :3], wanted, atol=4)  # rounding at one half
        # The more a pixel changed, the less of the image shows through.
        np.testing.assert_allclose(overlay_pixels(page)[..., 3], 255 * np.minimum(1, 2 * np.abs(moved)), atol=1)

    page.evaluate("setCuts(null)")  # another window or fill: what lies there is of the old one
    page.wait_for_function("explorer.state.overlay === null")
    page.evaluate("setCuts(true)")
    page.wait_for_function("explorer.state.overlay?.owner === 'cuts'")
    change(page, overlay={"owner": "maps"})
    expect(box).not_to_be_checked()
    change(page, cuts=["skip1", "skip2"])
    assert state(page, "overlay") == {"owner": "maps"}
    box.check()
    box.uncheck()
    assert state(page, "overlay") is None

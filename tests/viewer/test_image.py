"""The image, its scores and its curves, against unet.metrics and unet.render."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer import image_panel as panel
from tests.viewer.panels import change, encode, expect_texts, settle, state
from unet import metrics, render, synthetic

pytestmark = pytest.mark.browser


# --- Scores -------------------------------------------------------------------------------------------------


def score_cases():
    rng = np.random.default_rng(7)
    for shape in ((1, 1), (17, 23), (101, 101)):
        truth, noise = rng.random(shape) < 0.4, rng.random(shape, np.float32)
        nothing, everything = np.zeros(shape, bool), np.ones(shape, bool)
        yield (0.6 * truth + 0.5 * noise).clip(0, 1).astype(np.float32), truth
        yield rng.integers(0, 101, shape).astype(np.float32) / np.float32(100), truth  # exactly on the thresholds
        for probability in (noise, np.float32(nothing), np.float32(everything)):
            yield from ((probability, mask) for mask in (nothing, truth, everything))
    # An IoU of exactly 0.55, and others that lie on the competition's thresholds.
    steps = np.arange(20)[None]
    for probability in (np.where(steps < 11, 0.9, 0.1), steps / 20):
        yield probability.astype(np.float32), np.ones((1, 20), bool)


def test_scores_are_the_library_s_own(page):
    thresholds = [percent / 100 for percent in range(1, 100)]
    places = [0, *thresholds, 0.475, 1]
    for probability, truth in score_cases():
        curves, bare, values = page.evaluate(
            """(text) => {
                const { probability, truth, places } = decode(text);
                const plain = ({ area, iou, score, best }) => [[...area], iou && [...iou], score && [...score], best];
                const curves = [truth, null].map((one) =>
                    plain(viewer.thresholdCurves(probability, one, truth.length)));
                return [...curves, places.map((threshold) => {
                    const counts = viewer.confusion(probability, truth, threshold), { tp, fp, fn, tn } = counts;
                    const area = viewer.countAbove(probability, threshold);
                    return [tp, fp, fn, tn, viewer.iou(counts), viewer.averagePrecision(counts), area];
                })];
            }""",
            encode({"probability": probability.ravel(), "truth": truth.ravel(), "places": places}),
        )
        points = metrics.sweep([probability], [truth], thresholds)
        area = [int(metrics.mask(probability, threshold).sum()) / truth.size for threshold in thresholds]
        iou = [point.iou for point in points]
        equals = [threshold for threshold, value in zip(thresholds, iou, strict=True) if value == max(iou)]
        assert curves == [area, iou, [point.mAP for point in points], equals[len(equals) // 2]]
        assert bare == [area, None, None, None]
        for threshold, found in zip(places, values, strict=True):
            mask = metrics.mask(probability, threshold)
            counts = metrics.confusion(mask, truth)
            numbers = [counts.tp, counts.fp, counts.fn, counts.tn]
            assert found == [*numbers, metrics.iou(counts), metrics.average_precision(mask, truth), int(mask.sum())]


# --- What the image shows -----------------------------------------------------------------------------------


def test_the_looks_are_python_s_drawings(page):
    mask = metrics.mask(panel.PROBABILITY, 0.6)
    cells = [*np.argwhere(mask)[:3], *np.argwhere(~mask)[:3]]
    panel.show(page, *panel.SECTION, state={"threshold": 0.6})
    panel.expect_colors(page, cells, mask.shape, render.overlay(panel.IMAGE, mask, 0.45)[tuple(np.transpose(cells))])
    expect_texts(page, "salt", readout=f"threshold 0.60 · salt {100 * mask.mean():.1f} % · {mask.sum():,} pixels")
    page.get_by_label("Opacity").fill("1")
    panel.expect_colors(page, cells[:3], mask.shape, [render.SALT] * 3)

    inside = np.pad((mask[2:] == mask[:-2]) & (mask[1:-1] == mask[2:]), ((1, 1), (0, 0)))
    inside[:, 1:-1] &= (mask[:, 1:-1] == mask[:, 2:]) & (mask[:, 1:-1] == mask[:, :-2])
    quiet = np.argwhere(inside)[:4]  # no outline next to them
    assert len(quiet)
    panel.pick(page, "Heat map")
    heat = render.SEQUENTIAL[np.rint(255 * panel.PROBABILITY[tuple(quiet.T)]).astype(int)]
    panel.expect_colors(page, quiet, mask.shape, heat, atol=2)
    panel.pick(page, "Contour")
    panel.expect_colors(page, quiet, mask.shape, np.repeat(panel.IMAGE[tuple(quiet.T)][:, None], 3, 1))
    expect(page.get_by_label("Opacity")).to_be_disabled()


def test_without_a_truth_or_salt_it_says_what_is_known(page):
    panel.show(page, panel.IMAGE, panel.PROBABILITY, state={"threshold": 1, "truth": True})
    words = "threshold 1.00 · salt 0.0 % · nothing passes the threshold; highest probability"
    expect_texts(page, "salt", readout=f"{words} {panel.PROBABILITY.max():.2f}")
    label = panel.canvas_of(page).get_attribute("aria-label")
    assert label.startswith("<b>section</b>, 40 rows by 48 columns; threshold 1.00")
    for name in ("truth", "scores", "legend", "guessed"):
        expect(page.get_by_test_id(f"salt-{name}")).to_be_hidden()

    change(page, threshold=0.3)
    share = 100 * metrics.mask(panel.PROBABILITY, 0.3).mean()
    expect_texts(page, "salt", curve_values=f"At 0.30: {share:.1f} % of the image is salt.")
    for name, is_shown in (("path.area", True), ("path.iou", False), (".curves li.best", False)):
        expect(page.locator(name)).to_be_visible(visible=is_shown)
    expect(page.locator(".curves .note")).to_contain_text("does not say whether it is right")


def test_a_margin_has_no_part_in_the_area_and_what_was_guessed_is_told(page):
    given = {
        "margin": panel.IMAGE > 300,
        "section": panel.IMAGE.size // 2,
        "guessed": ["<b>signed bytes</b>", "a margin"],
    }
    panel.show(page, panel.IMAGE, panel.PROBABILITY, image=given, state={"threshold": 0.3})
    share = f"{100 * np.count_nonzero(metrics.mask(panel.PROBABILITY, 0.3)) / (panel.IMAGE.size // 2):.1f} %"
    expect_texts(
        page, "salt", guessed="Note: <b>signed bytes</b>. Note: a margin.",
        readout=f"threshold 0.30 · salt {share} without the margin",
        curve_values=f"At 0.30: {share} of the image without its margin is salt",
    )  # fmt: skip


def test_right_and_wrong_have_colours_hatching_and_counts(page):
    panel.show(page, *panel.QUARTERS)
    page.get_by_test_id("salt-truth").check()
    settle(page)
    assert state(page, "truth") is True
    both, missed, too_much = (panel.part_of(page, *place, 0.35, 0.35) for place in ((0.1, 0.1), (0.1, 0.6), (0.6, 0.1)))
    assert len(np.unique(both.reshape(-1, 3), axis=0)) == 1
    np.testing.assert_allclose(both[0, 0], 100 + 0.45 * (np.array([0, 158, 115]) - 100), atol=1)
    # The lines of the one rise to the right, those of the other fall.
    for part, color, rising in ((too_much, panel.ORANGE, True), (missed, panel.BLUE, False)):
        tints, counts = np.unique(part.reshape(-1, 3), axis=0, return_counts=True)
        assert len(tints) > 5  # lines of two colours, softened at their edges
        np.testing.assert_allclose(tints[counts.argmax()], 100 + 0.45 * (np.array(color) - 100), atol=1)
        values = part.astype(int).sum(axis=2)
        up = np.abs(values[1:, :-1] - values[:-1, 1:]).mean()
        down = np.abs(values[1:, 1:] - values[:-1, :-1]).mean()
        assert (up < down / 4) if rising else (down < up / 4)
    legend, edge = page.get_by_test_id("salt-legend"), page.get_by_text("edge of the truth")
    for words in ("found (TP) 256", "too much (FP) 256", "missed (FN) 256"):
        expect(legend).to_contain_text(words)
    expect(edge).to_be_hidden()
    expect_texts(page, "salt", scores="IoU 0.33 · mAP 0.00")
    expect(page.get_by_test_id("salt-scores")).to_have_attribute(
        "title", re.compile("metric of the TGS Salt competition")
    )

    # As lines: the edge of the truth in the middle of the right half.
    panel.pick(page, "Contour")
    assert panel.has_color(page, panel.BLUE, 0.45, 0.7, 0.1, 0.1)
    assert panel.has_color(page, panel.ORANGE, 0.7, 0.45, 0.1, 0.1)
    expect(edge).to_be_visible()


def test_the_divider_keeps_the_plain_image_on_its_left(page):
    grey = panel.QUARTERS[0]
    panel.show(page, grey, np.ones(grey.shape, np.float32))
    plain, salt = [100] * 3, render.overlay(grey, grey > 0, 0.45)[0, 0].tolist()

    def expect_plain(count):
        """So many of four places from left to right show the plain image."""
        places = [(8, column) for column in (2, 12, 20, 30)]
        panel.expect_colors(page, places, grey.shape, [plain] * count + [salt] * (4 - count), atol=0)

    expect(page.get_by_role("slider", name="Line")).to_be_hidden()
    page.get_by_label("Before / after").check()
    expect_plain(2)
    page.get_by_role("slider", name="Line").fill("0.25")
    expect_plain(1)
    panel.drag(page, panel.at(page, 0.25, 0.5), panel.at(page, 0.8, 0.5))
    assert state(page, "swipe") == pytest.approx(0.8, abs=0.01)
    assert state(page, "pixel") is None
    expect_plain(3)
    page.get_by_label("Before / after").uncheck()
    assert state(page, "swipe") is None


def test_overlay_and_frames_of_other_panels_are_drawn(page):
    grey, probability, _ = panel.QUARTERS
    panel.show(page, grey, probability, state={"opacity": 1})
    page.evaluate(
        """() => {
            const canvas = new OffscreenCanvas(2, 2);
            Object.assign(canvas.getContext("2d"), { fillStyle: "rgb(10 20 30)" }).fillRect(0, 0, 2, 2);
            const place = { top: 20, left: 20, height: 8, width: 8, smooth: false };
            explorer.set({ overlay: { ...place, owner: "maps", canvas, label: "encoder1 <i>3</i>" } });
        }"""
    )
    wanted = [[10, 20, 30]] * 2 + [[100] * 3] * 2  # under a map salt is an outline
    panel.expect_colors(page, [(22, 22), (27, 27), (29, 29), (8, 8)], grey.shape, wanted, atol=0)
    expect_texts(page, "salt", overlay="Over the image: encoder1 <i>3</i>.")
    page.get_by_role("button", name="Take it off").click()
    panel.expect_colors(page, [(22, 22)], grey.shape, [[100] * 3], atol=0)
    assert state(page, "overlay") is None

    change(page, frames=[{"top": 10, "left": 18, "height": 10, "width": 12, "label": "90 %", "dashed": False}])
    assert panel.has_color(page, panel.YELLOW, 0.4, 18 / 32 - 0.01, 0.1, 0.02)
    assert panel.has_color(page, panel.YELLOW, 0.2, 18 / 32, 10 / 32 - 0.22, 0.15)  # its label
    # Where its first place is under the legend chip, a label goes elsewhere.
    change(page, frames=[{"top": 0, "left": 0, "height": 29, "width": 30, "label": "90 %", "dashed": False}])
    below = [panel.has_color(page, panel.YELLOW, 30 / 32, left, 0.06, 0.2) for left in (0, 0.75)]
    assert below == [False, True]
    change(page, frames=[{"top": -50, "left": -50, "height": 200, "width": 200, "label": "all", "dashed": True}])
    assert panel.has_color(page, panel.YELLOW, 0.2, 0, 0.2, 0.02)  # at the image's own edge
    assert panel.has_color(page, panel.YELLOW, 0.98, 0.5, 0.02, 0.2)


def test_the_uncertainty_is_the_spread_on_a_scale_of_a_round_end(page):
    grey, probability, _ = panel.QUARTERS
    panel.show(page, grey, probability, state={"opacity": 1})
    chip = page.get_by_test_id("salt-chip")
    expect(chip.get_by_text("what the network calls salt")).to_be_visible()
    expect(page.get_by_text("probability of salt")).to_be_hidden()
    page.get_by_test_id("uncertainty").check(force=True)
    expect(chip).to_contain_text("The spread of the probability is computed")
    spread = np.full((32, 32), 0.04, np.float32)
    spread[20:, 20:] = 0.18  # the scale ends at 0.2
    page.evaluate(
        "(text) => { explorer.uncertainty = decode(text); touch('uncertainty'); }",
        encode({"height": 32, "width": 32, "spread": spread.ravel()}),
    )
    wanted = render.SEQUENTIAL[np.rint(255 * np.array([0.04, 0.18]) / 0.2).astype(int)]
    panel.expect_colors(page, [(4, 4), (28, 28)], grey.shape, wanted)
    expect(chip).to_contain_text(re.compile(r"what the network calls salt\s*0\s*0\.2\s*spread of the probability"))
    assert panel.has_color(page, list(render.SALT), 0.3, 0.49, 0.3, 0.02)  # salt as a contour
    change(page, hover=[28, 28])
    expect_texts(page, "salt", cursor="probability 0.00, spread 0.180")
    change(page, cuts=["skip1"])
    expect_texts(page, "salt", altered="The uncertainty is that of the network without cuts.")
    panel.pick(page, "Heat map")
    expect(chip).to_contain_text(re.compile(r"0\s*1\s*probability of salt"))


def test_what_a_probability_meant_is_of_the_way_it_was_computed(page):
    plain = [
        {"low": 0.3, "high": 0.4, "share": 0.62, "pixels": 900},
        {"low": 0.4, "high": 0.5, "share": 0, "pixels": 0},
    ]
    tta = [{"low": 0.9, "high": 1, "share": 0.97, "pixels": 9}]
    values = np.full((16, 16), 0.34, np.float32)
    values[0, 0], values[0, 1] = 0.45, 1
    panel.show(page, panel.COUNTED[0], values, network={"calibration": {"plain": plain, "tta": tta}})
    change(page, pixel=[5, 5])
    words = "of validation pixels given 0.3 to 0.4, 62 % were salt"
    expect_texts(page, "salt", cursor=words)
    for row, column in ((0, 0), (0, 1)):  # nobody counted
        change(page, pixel=[row, column])
        expect(page.get_by_test_id("salt-cursor")).not_to_contain_text("validation")
    change(page, pixel=[5, 5])
    page.evaluate("show(explorer.image.probability, true)")  # cut
    settle(page)
    expect(page.get_by_test_id("salt-cursor")).not_to_contain_text("validation")

    page.get_by_test_id("tta").check()
    expect_texts(page, "salt", altered="Flip TTA is computed …")
    page.evaluate(
        "() => { explorer.shown = { ...explorer.shown, altered: false, tta: true }; touch('shown'); }",
    )
    change(page, pixel=[0, 1])
    expect_texts(page, "salt", cursor="given 0.9 to 1, 97 % were salt", readout="· flip TTA")
    expect(page.get_by_test_id("salt-altered")).to_be_hidden()
    page.evaluate("show(explorer.image.probability, true)")
    change(page, cuts=["skip1"])
    expect_texts(page, "salt", altered="Shown is the network without skip1; it is computed without flip TTA.")


def test_the_answer_of_a_gesture_is_below_the_image(page):
    panel.show(page, *panel.SECTION)
    change(page, answer="Without <b>skip1</b>: salt 28.5 %")
    expect(page.get_by_test_id("salt-answer")).to_have_text("Without <b>skip1</b>: salt 28.5 %")


# --- Files --------------------------------------------------------------------------------------------------

DROP = """(selector) => {
    const files = new DataTransfer();
    for (const name of ["section.png", "mask.png"]) files.items.add(new File(["x"], name));
    const place = document.querySelector(selector);
    const send = (type, dataTransfer) => place.dispatchEvent(
        new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true, composed: true }));
    window.drag = (type) => send(type, files);
    window.dragText = (type) => { const text = new DataTransfer(); text.setData("text/plain", "x"); send(type, text); };
}"""


def test_files_dropped_anywhere_go_to_the_page_s_own_uploader(page):
    panel.show(page, *panel.SECTION)
    page.evaluate(
        """() => {
            document.getElementById("root").insertAdjacentHTML("beforeend",
                "<div id=own><input type=file multiple><p>Upload</p></div><p id=else>Elsewhere</p>");
            window.taken = [];
            document.querySelector("#own input").addEventListener("change", (event) =>
                taken.push([...event.target.files].map(({ name }) => name)));
        }"""
    )
    page.evaluate(DROP, "#else")
    place = page.get_by_text("Drop to open")
    page.evaluate("dragText('dragover')")
    expect(place).to_be_hidden()
    page.evaluate("drag('dragover')")
    expect(place).to_be_visible()
    page.evaluate("drag('dragleave')")
    expect(place).to_be_hidden()
    page.evaluate("drag('dragover'); drag('drop')")
    expect(place).to_be_hidden()
    assert page.evaluate("taken") == [["section.png", "mask.png"]]
    # A place that takes files itself is left to do so.
    page.evaluate(DROP, "#own p")
    page.evaluate("drag('dragover'); drag('drop')")
    expect(place).to_be_hidden()
    assert len(page.evaluate("taken")) == 1

    chosen = {"name": "tile.png", "mimeType": "image/png", "buffer": b"x"}
    page.get_by_test_id("drop-zone").locator("input").set_input_files(chosen)
    page.wait_for_function("taken.length === 2")
    assert page.evaluate("taken[1]") == ["tile.png"]
    page.evaluate("document.getElementById('own').remove()")
    page.get_by_test_id("drop-zone").locator("input").set_input_files(chosen)
    expect_texts(page, "salt", answer="Nothing on this page takes files.")


# --- Controls -----------------------------------------------------------------------------------------------


def test_the_threshold_by_slider_and_by_number(page):
    panel.show(page, *panel.SECTION)
    slider, exact = page.get_by_test_id("salt-threshold"), page.get_by_role("spinbutton", name="Threshold, exact")
    slider.press("ArrowRight")
    expect_texts(page, "salt", readout="threshold 0.51")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^threshold 0\.51 · .*IoU"))
    expect(exact).to_have_value("0.51")
    exact.fill("0.475")
    assert panel.last_call(page) == {"threshold": 0.475, "settled": False}
    exact.press("Enter")
    assert panel.last_call(page) == {"threshold": 0.475, "settled": True}
    exact.fill("7")
    slider.focus()
    expect(exact).to_have_value("0.475")
    assert state(page, "threshold") == 0.475

    box = slider.bounding_box()
    handle = 16  # px wide; its middle stands at the value
    places = [
        (box["x"] + handle / 2 + (box["width"] - handle) * threshold, box["y"] + box["height"] / 2)
        for threshold in (0.475, 0.175)
    ]
    page.evaluate("calls.length = 0")
    panel.drag(page, *places, release=False)
    assert {call["settled"] for call in page.evaluate("calls")} == {False}
    page.mouse.up()
    assert panel.last_call(page) == {"threshold": pytest.approx(0.175, abs=0.02), "settled": True}


def test_every_control_by_keyboard(page):
    panel.show(page, *panel.SECTION)
    for role, control, key, name, value in (
        ("radio", "Fill", "ArrowRight", "look", "contour"),
        ("radio", "Contour", "ArrowLeft", "look", "fill"),
        ("radio", "Fill", "ArrowLeft", "look", "uncertainty"),
        ("checkbox", "Flip TTA", "Space", "tta", True),
        ("checkbox", "Truth", "Space", "truth", True),
        ("checkbox", "Before / after", "Space", "swipe", 0.5),
        ("slider", "Line", "Home", "swipe", 0),
        ("slider", "Opacity", "End", "opacity", 1),
        ("button", "Zoom in", "Enter", "pixel", None),
        ("radio", "Select", "ArrowRight", "pixel", None),
    ):
        page.get_by_role(role, name=control).press(key)
        settle(page)
        assert state(page, name) == value
    expect(page.get_by_role("radio", name="Move")).to_be_checked()
    for key, action in (("Shift", "none"), ("Enter", "pan-y")):  # while it is enlarged a finger moves the image
        page.get_by_role("button", name="Whole").press(key)
        expect(panel.canvas_of(page)).to_have_css("touch-action", action)
    expect(page.get_by_role("radio", name="Move")).to_be_hidden()  # at its whole size there is nothing to move


# --- Curves -------------------------------------------------------------------------------------------------


def test_the_curves_say_what_is_best_and_that_it_is_hindsight(page):
    points = metrics.sweep([panel.PROBABILITY], [panel.TRUTH], [percent / 100 for percent in range(1, 100)])
    panel.show(page, *panel.SECTION, state={"threshold": 0.37})
    curves, path = page.get_by_test_id("salt-curves"), page.locator("path.iou")
    highest = max(point.iou for point in points)
    equals = [point.threshold for point in points if point.iou == highest]
    words = f"At 0.37: IoU {points[36].iou:.2f}, mAP {points[36].mAP:.2f}."
    expect_texts(page, "salt", curve_values=words)
    expect(page.locator(".curves .note")).to_contain_text("mAP is the share of the IoU thresholds 0.50 to 0.95")
    expect(curves).to_have_attribute("role", "img")
    expect(curves).to_have_attribute("aria-label", re.compile("^IoU and mAP .* At 0.37"))
    for words in (f"best here (hindsight), {equals[len(equals) // 2]:.2f}: IoU {highest:.2f}", "the card's, 0.42"):
        expect(page.get_by_text(words)).to_be_visible()
    line = path.get_attribute("d")
    assert line.count("L") == 98

    # A drag sets the threshold; the curves stay as they are.
    box = curves.bounding_box()
    left, right = (float(curves.locator(".grid line >> nth=0").get_attribute(name)) for name in ("x1", "x2"))
    for threshold in (0.2, 0.7):
        x = box["x"] + left + threshold * (right - left)
        panel.drag(page, (x - 40, box["y"] + 50), (x, box["y"] + 60), release=False)
        assert panel.last_call(page) == {"threshold": threshold, "settled": False}
        page.mouse.up()
        assert panel.last_call(page) == {"threshold": threshold, "settled": True}
    expect_texts(page, "salt", curve_values="At 0.70")
    expect(path).to_have_attribute("d", line)
    change(page, threshold=0.475)
    exact = metrics.iou(metrics.confusion(metrics.mask(panel.PROBABILITY, 0.475), panel.TRUTH))
    expect_texts(page, "salt", curve_values=f"IoU {exact:.2f},")

    page.evaluate("show(explorer.image.probability.map((value) => value / 2), true)")
    expect(path).not_to_have_attribute("d", line)
    page.set_viewport_size({"width": 390, "height": 800})
    settle(page)
    assert curves.bounding_box()["width"] <= 370


@pytest.mark.parametrize("look", ["fill", "contour", "heat"])
def test_the_threshold_is_fast(page, look):
    image, truth = synthetic.section(5)
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, truth.shape)
    probability = (0.2 + 0.6 * truth + noise).clip(0, 1).astype(np.float32)
    panel.show(page, image, probability, truth, state={"look": look, "truth": True})
    times = page.evaluate(
        """async () => {
            const context = document.querySelector("[data-testid=salt-viewer]").getContext("2d"), times = [];
            for (let percent = 30; percent < 70; percent++) {
                await new Promise(requestAnimationFrame);
                const start = performance.now();
                explorer.state = { ...explorer.state, threshold: percent / 100 };
                update("threshold");
                context.getImageData(0, 0, 1, 1); // nothing is left to be drawn later
                times.push(performance.now() - start);
            }
            return times;
        }"""
    )
    assert np.median(times) <= 8

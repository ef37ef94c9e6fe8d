"""The image, its scores and its curves, each in a bare page with an explorer that only keeps state."""

import base64
import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from unet import metrics, render, synthetic

pytestmark = pytest.mark.browser
VIEWER = Path(__file__).parents[1] / "demo" / "viewer"
ADDRESS = "http://image.test/"  # answered by the test itself

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Image</title><meta name="viewport" content="width=device-width">
<style>%(style)s</style><style>body { margin: 12px; background: #fff; %(colors)s }</style></head>
<body><main class="salt-viewer"><div class="columns"><div class="left">
<section class="image"></section><section class="curves"></section></div></div></main><p style="height: 900px"></p>
<script type="module">
  import { imageView } from "/image.js";
  import { curvesView } from "/curves.js";
  import * as scores from "/scores.js";
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  window.decode = { f4: (text) => new Float32Array(bytes(text).buffer), u1: bytes };
  window.scores = scores;
  window.calls = []; // of explorer.set
  const names = ["image", "shown", "maps", "cuts"];
  const panels = [[".image", imageView], [".curves", curvesView]];
  let changed = new Set();
  function flush() {
    const now = changed;
    changed = new Set();
    for (const update of window.updates) update(now);
  }
  window.touch = (...keys) => {
    if (!changed.size) requestAnimationFrame(flush);
    for (const key of keys) changed.add(key);
  };
  const { image, state, network, palette } = %(data)s;
  for (const [name, kind] of [["grey", "u1"], ["truth", "u1"], ["probability", "f4"]]) {
    image[name] = image[name] && decode[kind](image[name]);
  }
  for (const name of ["sequential", "diverging"]) palette[name] = bytes(palette[name]);
  window.show = (probability, altered = false) => {
    explorer.shown = { probability, altered, highest: probability.reduce((one, other) => Math.max(one, other), 0) };
    touch("shown");
  };
  window.explorer = {
    state, image, network, palette, maps: null, cuts: null,
    set(changes, { settled = true } = {}) {
      calls.push({ ...changes, settled });
      explorer.state = { ...explorer.state, ...changes };
      touch(...Object.keys(changes));
    },
    get window() {
      const [height, width] = [Math.min(128, image.height), Math.min(128, image.width)];
      return { top: explorer.state.window[0], left: explorer.state.window[1], height, width };
    },
  };
  show(image.probability);
  window.updates = panels.map(([host, view]) => view(document.querySelector(host), explorer));
  touch(...names, ...Object.keys(state));
</script></body></html>"""
DARK = "--body-text-color: #e6eaee; --body-background-fill: #12171c; background: #12171c; color-scheme: dark"
STATE = {
    "threshold": 0.5,
    "look": "fill",
    "opacity": 0.45,
    "truth": False,
    "swipe": None,
    "hover": None,
    "pixel": None,
    "box": None,
    "cuts": [],
    "random": False,
    "window": [0, 0],
    "overlay": None,
    "frames": [],
}


def text(array):
    """What ``atob`` reads."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@contextmanager
def image_page(
    browser, grey, probability, truth=None, *, image=None, state=None, viewport=(700, 1000), dark=False, **context
):
    """A page with image and curves; ``explorer``, ``calls``, ``touch`` and ``show`` are its globals."""
    height, width = probability.shape
    data = {
        "image": {
            "key": "a",
            "name": "<b>section</b>",
            "height": height,
            "width": width,
            "grey": text(grey.astype(np.uint8)),
            "truth": None if truth is None else text(truth.astype(np.uint8)),
            "probability": text(probability.astype("<f4")),
            "chosen": 0.42,
            "margin": None,
            "section": height * width,
            "guessed": [],
            **(image or {}),
        },
        "state": {**STATE, **(state or {})},
        "network": {"sites": [], "parts": ["skip1", "bottleneck"], "field": 200, "samples": [], "parameters": 1},
        "palette": {
            "sequential": text(render.SEQUENTIAL),
            "diverging": text(render.DIVERGING),
            "salt": list(render.SALT),
        },
    }
    style = "\n".join((VIEWER / name).read_text(encoding="utf-8") for name in ("viewer.css", "image.css"))
    html = PAGE % {"style": style, "colors": DARK if dark else "", "data": json.dumps(data).replace("<", "\\u003c")}

    def serve(route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if not name.endswith(".js"):
            route.fulfill(body=html, content_type="text/html")
        else:
            route.fulfill(body=(VIEWER / name).read_text(encoding="utf-8"), content_type="text/javascript")

    page = browser.new_context(viewport={"width": viewport[0], "height": viewport[1]}, **context).new_page()
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route(f"{ADDRESS}**", serve)
    page.goto(ADDRESS)
    page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
    settle(page)
    yield page
    page.context.close()
    assert not errors


def settle(page: Page) -> None:
    """Two frames: what was set is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page, name):
    return page.evaluate("(name) => explorer.state[name]", name)


def change(page, **changes):
    """What another panel or a key would set."""
    page.evaluate("(changes) => explorer.set(changes)", changes)
    settle(page)


def colors(page, cells, shape):
    """RGB in the middle of these (row, column) pixels of the whole image, as the canvas shows them."""
    return page.get_by_test_id("salt-viewer").evaluate(
        """(canvas, { cells, height, width }) => cells.map(([row, column]) => {
            const at = [((column + 0.5) * canvas.width) / width, ((row + 0.5) * canvas.height) / height];
            return [...canvas.getContext("2d").getImageData(...at, 1, 1).data.slice(0, 3)];
        })""",
        {"cells": [[int(value) for value in cell] for cell in cells], "height": shape[0], "width": shape[1]},
    )


def device_pixels(page, top, left, height, width):
    """A part of the canvas, in shares of it: (h, w, 3)."""
    found, rows, columns = page.get_by_test_id("salt-viewer").evaluate(
        """(canvas, [top, left, height, width]) => {
            const [y, h] = [top, height].map((share) => Math.round(share * canvas.height));
            const [x, w] = [left, width].map((share) => Math.round(share * canvas.width));
            const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
            return [btoa(Array.from(data, (value) => String.fromCharCode(value)).join("")), h, w];
        }""",
        [top, left, height, width],
    )
    return np.frombuffer(base64.b64decode(found), np.uint8).reshape(rows, columns, 4)[..., :3]


def spot(page, row, column, shape):
    """Where the middle of a pixel is on the screen, while the whole image is shown."""
    box = page.get_by_test_id("salt-viewer").bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / shape[1], box["y"] + (row + 0.5) * box["height"] / shape[0]


@pytest.fixture(scope="module")
def section():
    """A synthetic section, its truth, and a probability with pixels on both sides of every threshold."""
    image, _ = synthetic.section(3, 40, 48)
    rows, columns = np.mgrid[:40, :48]
    truth = (rows - 22) ** 2 / 150 + (columns - 20) ** 2 / 260 < 1
    noise = np.random.default_rng(0).uniform(0, 1, truth.shape)
    return image, truth, (0.55 * truth + 0.45 * noise).astype(np.float32)


# --- Scores -------------------------------------------------------------------------------------------------


def score_cases():
    rng = np.random.default_rng(7)
    hundredths = (np.arange(101) / 100).astype(np.float32)
    for height, width in ((1, 1), (17, 23), (101, 101)):
        shape = (height, width)
        truth = rng.random(shape) < 0.4
        yield rng.random(shape, np.float32), truth
        yield (0.6 * truth + 0.5 * rng.random(shape)).clip(0, 1).astype(np.float32), truth
        yield rng.choice(hundredths, shape), truth  # exactly on the thresholds
        yield rng.random(shape, np.float32), np.zeros(shape, bool)
        yield rng.random(shape, np.float32), np.ones(shape, bool)
        yield np.zeros(shape, np.float32), truth  # nothing is found
        yield np.zeros(shape, np.float32), np.zeros(shape, bool)
        yield np.ones(shape, np.float32), truth
    # Right, and too much: an IoU of exactly 0.55, and others that lie on the competition's thresholds.
    truth = np.arange(20) < 20
    yield np.where(np.arange(20) < 11, 0.9, 0.1).astype(np.float32)[None], truth[None]
    yield np.repeat(np.arange(0, 20) / 20, 1).astype(np.float32)[None], truth[None]


def test_scores_are_the_library_s_own(browser, section):
    thresholds = [percent / 100 for percent in range(1, 100)]
    with image_page(browser, section[0], section[2]) as page:
        for probability, truth in score_cases():
            given = {"p": text(probability), "t": text(truth.astype(np.uint8)), "at": [0, *thresholds, 0.475, 1]}
            found = page.evaluate(
                """({ p, t, at }) => {
                    const probability = decode.f4(p), truth = decode.u1(t);
                    const { area, iou, score, best } = scores.thresholdCurves(probability, truth, truth.length);
                    const bare = scores.thresholdCurves(probability, null, truth.length);
                    return {
                        area: [...area], iou: [...iou], score: [...score], best,
                        bare: [[...bare.area], bare.iou, bare.score, bare.best],
                        at: at.map((threshold) => {
                            const counts = scores.confusion(probability, truth, threshold);
                            const { tp, fp, fn, tn } = counts;
                            return [tp, fp, fn, tn, scores.iou(counts), scores.averagePrecision(counts),
                                scores.countAbove(probability, threshold)];
                        }),
                    };
                }""",
                given,
            )
            points = metrics.sweep([probability], [truth], thresholds)
            area = [int(metrics.mask(probability, threshold).sum()) / truth.size for threshold in thresholds]
            iou = [point.iou for point in points]
            equals = [threshold for threshold, value in zip(thresholds, iou, strict=True) if value == max(iou)]
            assert found["area"] == area
            assert found["bare"] == [area, None, None, None]
            assert found["iou"] == iou
            assert found["score"] == [point.mAP for point in points]
            assert found["best"] == equals[len(equals) // 2]
            for threshold, values in zip(given["at"], found["at"], strict=True):
                mask = metrics.mask(probability, threshold)
                counts = metrics.confusion(mask, truth)
                score = metrics.average_precision(mask, truth)
                numbers = [counts.tp, counts.fp, counts.fn, counts.tn]
                assert values == [*numbers, metrics.iou(counts), score, int(mask.sum())]


# --- What the image shows ---------------------------------------------------------------------------------


def test_the_looks_are_python_s_drawings(browser, section):
    image, truth, probability = section
    mask = metrics.mask(probability, 0.6)
    cells = [*np.argwhere(mask)[:3], *np.argwhere(~mask)[:3]]
    at = tuple(np.transpose(cells))
    with image_page(browser, image, probability, truth, state={"threshold": 0.6}) as page:
        wanted = render.overlay(image, mask, 0.45)
        np.testing.assert_allclose(colors(page, cells, mask.shape), wanted[at], atol=1)
        words = f"threshold 0.60 · salt {100 * mask.mean():.1f} % · {mask.sum():,} pixels"
        expect(page.get_by_test_id("salt-readout")).to_have_text(words)

        page.get_by_label("Opacity").fill("1")
        settle(page)
        np.testing.assert_allclose(colors(page, cells, mask.shape)[:3], [render.SALT] * 3, atol=1)

        page.get_by_role("radio", name="Heat map").check(force=True)
        settle(page)
        heat = render.SEQUENTIAL[np.rint(255 * probability).astype(int)]
        inside = np.pad((mask[2:] == mask[:-2]) & (mask[1:-1] == mask[2:]), ((1, 1), (0, 0)))
        inside[:, 1:-1] &= (mask[:, 1:-1] == mask[:, 2:]) & (mask[:, 1:-1] == mask[:, :-2])
        quiet = np.argwhere(inside)[:4]  # no outline next to them
        assert len(quiet)
        np.testing.assert_allclose(colors(page, quiet, mask.shape), heat[tuple(quiet.T)], atol=2)

        page.get_by_role("radio", name="Contour").check(force=True)
        settle(page)
        np.testing.assert_allclose(
            colors(page, quiet, mask.shape), np.repeat(image[tuple(quiet.T)][:, None], 3, 1), atol=1
        )
        expect(page.get_by_label("Opacity")).to_be_disabled()


def test_nothing_above_the_threshold_says_what_is_known(browser, section):
    image, _, probability = section
    with image_page(browser, image, probability, state={"threshold": 1}) as page:
        expect(page.get_by_test_id("salt-readout")).to_have_text(
            f"threshold 1.00 · salt 0.0 % · nothing passes the threshold; highest probability {probability.max():.2f}"
        )
        label = page.get_by_test_id("salt-viewer").get_attribute("aria-label")
        assert label.startswith("<b>section</b>, 40 rows by 48 columns; threshold 1.00")


def test_without_a_truth_its_controls_are_hidden(browser, section):
    with image_page(browser, section[0], section[2]) as page:
        expect(page.get_by_test_id("salt-truth")).to_be_hidden()
        expect(page.get_by_test_id("salt-scores")).to_be_hidden()
        change(page, truth=True)
        expect(page.get_by_test_id("salt-legend")).to_be_hidden()


@pytest.fixture(scope="module")
def quarters():
    """Grey 100; found in the left half, salt in the upper half: one quarter of each kind."""
    grey, probability, truth = (
        np.full((32, 32), 100, np.uint8),
        np.zeros((32, 32), np.float32),
        np.zeros((32, 32), bool),
    )
    probability[:, :16] = 0.9
    truth[:16] = True
    return grey, probability, truth


def test_right_and_wrong_have_colours_hatching_and_counts(browser, quarters):
    with image_page(browser, *quarters) as page:
        page.get_by_label("Compare with the truth").check()
        settle(page)
        assert state(page, "truth") is True
        both, missed, too_much = (
            device_pixels(page, *place, 0.35, 0.35) for place in ((0.1, 0.1), (0.1, 0.6), (0.6, 0.1))
        )
        assert len(np.unique(both.reshape(-1, 3), axis=0)) == 1
        np.testing.assert_allclose(both[0, 0], 100 + 0.45 * (np.array([0, 158, 115]) - 100), atol=1)
        for part, color in ((too_much, [230, 159, 0]), (missed, [86, 180, 233])):
            tints, counts = np.unique(part.reshape(-1, 3), axis=0, return_counts=True)
            assert len(tints) > 5  # lines of two colours, softened at their edges
            np.testing.assert_allclose(tints[counts.argmax()], 100 + 0.45 * (np.array(color) - 100), atol=1)
        # The lines of the one rise to the right, those of the other fall.
        for part, rising in ((too_much, True), (missed, False)):
            values = part.astype(int).sum(axis=2)
            up = np.abs(values[1:, :-1] - values[:-1, 1:]).mean()
            down = np.abs(values[1:, 1:] - values[:-1, :-1]).mean()
            assert (up < down / 4) if rising else (down < up / 4)
        legend = page.get_by_test_id("salt-legend")
        for words in ("found (TP) 256", "too much (FP) 256", "missed (FN) 256"):
            expect(legend).to_contain_text(words)
        expect(legend.get_by_text("edge of the truth")).to_be_hidden()
        expect(page.get_by_test_id("salt-scores")).to_have_text("IoU 0.33 · competition's score 0.00")

        # As lines: the edge of the truth in the middle of the right half.
        page.get_by_role("radio", name="Contour").check(force=True)
        settle(page)
        assert [86, 180, 233] in device_pixels(page, 0.45, 0.7, 0.1, 0.1).reshape(-1, 3).tolist()
        assert [230, 159, 0] in device_pixels(page, 0.7, 0.45, 0.1, 0.1).reshape(-1, 3).tolist()
        expect(legend.get_by_text("edge of the truth")).to_be_visible()


def test_the_divider_keeps_the_plain_image_on_its_left(browser, quarters):
    grey, probability, truth = quarters
    probability = np.ones_like(probability)
    with image_page(browser, grey, probability) as page:
        plain, salt = [100] * 3, render.overlay(grey, probability > 0, 0.45)[0, 0].tolist()
        expect(page.get_by_role("slider", name="Swipe")).to_be_hidden()
        page.get_by_label("Plain image on the left").check()
        settle(page)
        assert colors(page, [(8, 2), (8, 12), (8, 20), (8, 30)], grey.shape) == [plain, plain, salt, salt]

        page.get_by_role("slider", name="Swipe").fill("0.25")
        settle(page)
        assert colors(page, [(8, 2), (8, 12), (8, 20), (8, 30)], grey.shape) == [plain, salt, salt, salt]

        box = page.get_by_test_id("salt-viewer").bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.8 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
        page.mouse.up()
        settle(page)
        assert state(page, "swipe") == pytest.approx(0.8, abs=0.01)
        assert colors(page, [(8, 2), (8, 12), (8, 20), (8, 30)], grey.shape) == [plain, plain, plain, salt]
        assert state(page, "pixel") is None

        page.get_by_label("Plain image on the left").uncheck()
        assert state(page, "swipe") is None


def test_overlay_and_frames_of_other_panels_are_drawn(browser, quarters):
    grey, probability, _ = quarters
    with image_page(browser, grey, probability, state={"opacity": 1}) as page:
        page.evaluate(
            """() => {
                const canvas = new OffscreenCanvas(2, 2), context = canvas.getContext("2d");
                context.fillStyle = "rgb(10 20 30)";
                context.fillRect(0, 0, 2, 2);
                const overlay = { owner: "maps", canvas, top: 20, left: 20, height: 8, width: 8, smooth: false };
                explorer.set({ overlay: { ...overlay, label: "encoder1 <i>3</i>" } });
            }"""
        )
        settle(page)
        # Under a map salt is an outline.
        assert colors(page, [(22, 22), (27, 27), (29, 29), (8, 8)], grey.shape) == [[10, 20, 30]] * 2 + [[100] * 3] * 2
        expect(page.get_by_test_id("salt-overlay")).to_contain_text("Over the image: encoder1 <i>3</i>.")
        page.get_by_role("button", name="Take it off").click()
        settle(page)
        assert state(page, "overlay") is None
        assert colors(page, [(22, 22)], grey.shape) == [[100] * 3]

        frame = {"height": 10, "width": 12, "label": "90 %", "dashed": False}
        change(page, frames=[{"top": 10, "left": 18, **frame}])
        yellow = [240, 228, 66]
        assert yellow in device_pixels(page, 0.4, 18 / 32 - 0.01, 0.1, 0.02).reshape(-1, 3).tolist()
        assert yellow in device_pixels(page, 0.2, 18 / 32, 10 / 32 - 0.22, 0.15).reshape(-1, 3).tolist()  # its label
        change(page, frames=[{"top": -50, "left": -50, "height": 200, "width": 200, "label": "all", "dashed": True}])
        assert yellow in device_pixels(page, 0.2, 0, 0.2, 0.02).reshape(-1, 3).tolist()  # at the image's own edge
        assert yellow in device_pixels(page, 0.98, 0.5, 0.02, 0.2).reshape(-1, 3).tolist()


def test_it_says_when_part_of_the_network_is_cut(browser, section):
    image, _, probability = section
    with image_page(browser, image, probability) as page:
        words = page.get_by_test_id("salt-altered")
        expect(words).to_be_hidden()
        change(page, cuts=["skip1", "bottleneck"])
        expect(words).to_have_text("The network without skip1, bottleneck is computed …")
        page.evaluate("show(explorer.image.probability.map((value) => value / 2), true)")
        expect(words).to_have_text("Shown is the network without skip1, bottleneck.")
        half = metrics.mask(probability / 2, 0.5)
        expect(page.get_by_test_id("salt-readout")).to_contain_text(f"salt {100 * half.mean():.1f} %")
        change(page, random=True)
        expect(words).to_have_text("Shown is the network with random weights and without skip1, bottleneck.")


# --- Controls -----------------------------------------------------------------------------------------------


def test_the_threshold_by_slider_and_by_number(browser, section):
    image, truth, probability = section
    with image_page(browser, image, probability, truth) as page:
        slider = page.get_by_test_id("salt-threshold")
        slider.focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.51")
        expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^threshold 0\.51 · .*IoU"))
        exact = page.get_by_role("spinbutton", name="Threshold, exact")
        expect(exact).to_have_value("0.51")
        exact.fill("0.475")
        settle(page)
        assert state(page, "threshold") == 0.475
        assert page.evaluate("calls.at(-1).settled") is False
        page.keyboard.press("Enter")
        assert page.evaluate("calls.at(-1)") == {"threshold": 0.475, "settled": True}
        exact.fill("7")
        slider.focus()
        expect(exact).to_have_value("0.475")
        assert state(page, "threshold") == 0.475

        box = slider.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.475, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.evaluate("calls.length = 0")
        for step in range(1, 11):
            page.mouse.move(box["x"] + box["width"] * (0.475 - 0.03 * step), box["y"] + box["height"] / 2)
        assert {call["settled"] for call in page.evaluate("calls")} == {False}
        page.mouse.up()
        assert page.evaluate("calls.at(-1).settled") is True
        assert state(page, "threshold") == pytest.approx(0.175, abs=0.02)


def test_everything_native_answers_to_the_keyboard(browser, section):
    image, truth, probability = section
    with image_page(browser, image, probability, truth) as page:
        page.get_by_role("radio", name="Fill").focus()
        page.keyboard.press("ArrowRight")
        assert state(page, "look") == "contour"
        page.get_by_label("Compare with the truth").focus()
        page.keyboard.press("Space")
        assert state(page, "truth") is True
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert state(page, "swipe") == 0.5
        page.get_by_role("slider", name="Swipe").focus()
        page.keyboard.press("Home")
        assert state(page, "swipe") == 0
        page.get_by_label("Opacity").focus()
        page.keyboard.press("End")
        assert state(page, "opacity") == 1
        page.get_by_role("radio", name="Select").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("radio", name="Move")).to_be_checked()
        canvas = page.get_by_test_id("salt-viewer")
        page.get_by_role("button", name="Zoom in").focus()
        page.keyboard.press("Enter")
        assert canvas.evaluate("canvas => canvas.style.touchAction") == "none"
        page.get_by_role("button", name="whole").focus()
        page.keyboard.press("Enter")
        assert canvas.evaluate("canvas => canvas.style.touchAction") == "pan-y"
        canvas.focus()  # the arrow keys move the pixel there
        assert page.evaluate("document.activeElement.dataset.testid") == "salt-viewer"


# --- Pointing -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted():
    """Every pixel has a grey of its own, so that the canvas says which one is where."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return grey, np.zeros((16, 16), np.float32)


def under(page, x, y):
    """The [row, column] of the pixel that is drawn at a place of the screen, in the image ``counted``."""
    grey = page.get_by_test_id("salt-viewer").evaluate(
        """(canvas, [x, y]) => {
            const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
            return canvas.getContext("2d").getImageData((x - box.left) * scale, (y - box.top) * scale, 1, 1).data[0];
        }""",
        [x, y],
    )
    return [grey // 16, grey % 16]


def test_a_click_asks_the_pixel_under_it_at_every_zoom(browser, counted):
    with image_page(browser, *counted) as page:
        canvas = page.get_by_test_id("salt-viewer")
        box = canvas.bounding_box()
        places = [(0.02, 0.03), (0.31, 0.72), (0.97, 0.51)]

        def clicks_hit() -> list:
            seen = []
            for across, down in places:
                change(page, pixel=None)
                x, y = box["x"] + across * box["width"], box["y"] + down * box["height"]
                page.mouse.move(x, y)
                seen.append(under(page, x, y))
                page.mouse.click(x, y)
                assert state(page, "pixel") == seen[-1]
                assert page.evaluate("calls.at(-1)") == {"pixel": seen[-1], "box": None, "settled": True}
                assert state(page, "hover") == seen[-1]
            return seen

        assert clicks_hit() == [[0, 0], [11, 4], [8, 15]]
        change(page, pixel=None)
        x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"]
        page.mouse.move(x, y)
        before = under(page, x, y)
        for _ in range(4):
            page.mouse.wheel(0, -100)
        settle(page)
        assert under(page, x, y) == before  # what is under the mouse stays there
        assert page.evaluate("scrollY") == 0
        near = clicks_hit()
        assert near != [[0, 0], [11, 4], [8, 15]]

        change(page, pixel=None)
        page.keyboard.down("Shift")
        page.mouse.move(x, y)
        before = under(page, x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y + 40, steps=4)
        page.mouse.up()
        page.keyboard.up("Shift")
        settle(page)
        assert under(page, x - 60, y + 40) == before  # the image follows the hand
        assert state(page, "box") is None
        assert state(page, "pixel") is None

        page.get_by_role("radio", name="Move").check(force=True)
        before = under(page, x - 60, y + 40)
        page.mouse.move(x - 60, y + 40)
        page.mouse.down()
        page.mouse.move(x, y, steps=4)
        page.mouse.up()
        settle(page)
        assert under(page, x, y) == before
        assert state(page, "box") is None
        clicks_hit()

        # The keyboard's pixel is brought into sight.
        change(page, pixel=[15, 0])
        assert under(page, box["x"] + 20, box["y"] + box["height"] - 20) == [15, 0]
        page.get_by_role("button", name="whole").click()
        settle(page)
        assert clicks_hit() == [[0, 0], [11, 4], [8, 15]]

        # At its whole size the wheel scrolls the page past the image.
        page.mouse.move(x, y)
        page.mouse.wheel(0, 200)
        page.wait_for_function("scrollY > 0")


def test_a_drag_marks_a_box(browser, section):
    image, _, probability = section
    shape = image.shape
    with image_page(browser, image, probability) as page:
        page.mouse.move(*spot(page, 30, 20, shape))
        page.mouse.down()
        page.mouse.move(*spot(page, 25, 22, shape), steps=3)
        settle(page)
        assert state(page, "box") == [25, 20, 6, 3]
        assert [255, 255, 255] in device_pixels(page, 25 / 40 - 0.01, 20 / 48, 0.02, 3 / 48).reshape(-1, 3).tolist()
        page.mouse.move(*spot(page, 11, 29, shape), steps=3)
        assert not any(call["settled"] for call in page.evaluate("calls") if "box" in call)
        page.mouse.up()
        assert state(page, "box") == [11, 20, 20, 10]
        assert state(page, "pixel") == [21, 25]
        assert page.evaluate("calls.at(-1).settled") is True

        # At least two pixels a side, also at the edge.
        page.mouse.move(*spot(page, 39, 44, shape))
        page.mouse.down()
        page.mouse.move(*spot(page, 39, 46, shape), steps=3)
        page.mouse.up()
        assert state(page, "box") == [38, 44, 2, 3]


def test_the_value_under_the_mouse(browser, section):
    image, truth, probability = section
    with image_page(browser, image, probability, truth) as page:
        row, column = np.argwhere(truth)[0].tolist()
        page.mouse.move(*spot(page, row, column, truth.shape))
        value = f"row {row}, column {column}: probability {probability[row, column]:.2f} · grey {image[row, column]}"
        expect(page.get_by_test_id("salt-cursor")).to_have_text(f"{value} · truth: salt")
        assert page.evaluate("calls.filter((call) => call.settled).length") == 0
        page.mouse.move(1, 1)
        expect(page.get_by_test_id("salt-cursor")).to_contain_text("Point at a pixel")
        assert state(page, "hover") is None


def test_the_window_of_a_large_image_is_moved_by_hand_and_by_number(browser):
    rng = np.random.default_rng(1)
    grey, probability = rng.integers(0, 90, (200, 300), np.uint8), rng.random((200, 300), np.float32)
    with image_page(browser, grey, probability, state={"window": [10, 20], "threshold": 1}) as page:
        rows = page.get_by_role("spinbutton", name="First row of the window")
        columns = page.get_by_role("spinbutton", name="First column of the window")
        expect(rows).to_have_value("10")
        expect(columns).to_have_attribute("max", "172")
        assert [255, 255, 255] in device_pixels(page, 0.04, 60 / 300, 0.02, 0.2).reshape(-1, 3).tolist()
        columns.fill("500")
        page.keyboard.press("Enter")
        assert state(page, "window") == [10, 172]
        expect(columns).to_have_value("172")

        # By its border, and nothing is asked on the way.
        page.evaluate("calls.length = 0")
        page.mouse.move(*spot(page, 90, 171.5, grey.shape))
        page.mouse.down()
        page.mouse.move(*spot(page, 120, 101.5, grey.shape), steps=4)
        expect(columns).to_have_value("102")
        assert not any("window" in call for call in page.evaluate("calls"))
        page.mouse.up()
        assert state(page, "window") == [40, 102]
        assert state(page, "box") is None

        grip = page.get_by_test_id("salt-grip").bounding_box()
        page.mouse.move(grip["x"] + 8, grip["y"] + 8)
        page.mouse.down()
        page.mouse.move(grip["x"] - 600, grip["y"] - 600, steps=4)
        page.mouse.up()
        assert state(page, "window") == [0, 0]
    with image_page(browser, grey[:100, :100], probability[:100, :100]) as page:
        expect(page.get_by_role("spinbutton", name="First row of the window")).to_be_hidden()


def test_a_phone_taps_pinches_and_scrolls_past(browser, counted):
    grey, probability = counted
    with image_page(browser, grey, probability, viewport=(390, 844), has_touch=True, is_mobile=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.get_by_test_id("salt-viewer").bounding_box()
        x, y = spot(page, 4, 11, grey.shape)
        page.touchscreen.tap(x, y)
        assert state(page, "pixel") == [4, 11]
        expect(page.get_by_test_id("salt-cursor")).to_contain_text("row 4, column 11")

        touch = page.context.new_cdp_session(page)

        def fingers(kind, *points):
            given = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

        change(page, pixel=None)
        middle = box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 3
        before = under(page, *middle)
        fingers("touchStart", (middle[0] - 60, middle[1]))
        fingers("touchMove", (middle[0] - 30, middle[1]))
        settle(page)
        assert state(page, "box") is not None  # one finger marks a box; the second takes it back
        fingers("touchStart", (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1]))
        for reach in (40, 50, 60):
            fingers("touchMove", (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1]))
        fingers("touchEnd")
        settle(page)
        assert under(page, *middle) == before
        assert under(page, box["x"] + 4, middle[1]) != [before[0], 0]  # twice as large: the edge is out of sight
        assert state(page, "pixel") is None
        assert state(page, "box") is None
        page.get_by_role("button", name="whole").tap()
        settle(page)
        assert under(page, box["x"] + 4, middle[1]) == [before[0], 0]

        for step in range(12):
            fingers("touchMove" if step else "touchStart", (x, box["y"] + 300 - 15 * step))
        fingers("touchEnd")
        assert page.evaluate("scrollY") > 100
        assert state(page, "box") is None

        heights = page.evaluate(
            """[...document.querySelectorAll(".image button, .image label, .image input[type=number]")]
                .map((element) => element.getBoundingClientRect().height).filter((height) => height)"""
        )
        assert min(heights) >= 43.9
        for one in page.locator(".image *, .curves *").all():
            place = one.bounding_box()
            assert place is None or place["x"] + place["width"] <= 391


# --- Curves -------------------------------------------------------------------------------------------------


def test_the_curves_say_what_is_best_and_that_it_is_hindsight(browser, section):
    image, truth, probability = section
    thresholds = [percent / 100 for percent in range(1, 100)]
    points = metrics.sweep([probability], [truth], thresholds)
    with image_page(browser, image, probability, truth, state={"threshold": 0.37}) as page:
        curves, values = page.get_by_test_id("salt-curves"), page.get_by_test_id("salt-curve-values")
        highest = max(point.iou for point in points)
        equals = [point.threshold for point in points if point.iou == highest]
        best = equals[len(equals) // 2]
        expect(values).to_have_text(f"At 0.37: IoU {points[36].iou:.2f}, competition's score {points[36].mAP:.2f}.")
        expect(curves).to_have_attribute("role", "img")
        expect(curves).to_have_attribute("aria-label", re.compile("^IoU and the competition's score .* At 0.37"))
        expect(page.get_by_text(f"best here (hindsight), {best:.2f}: IoU {highest:.2f}")).to_be_visible()
        expect(page.get_by_text("the card's, 0.42")).to_be_visible()
        path = curves.locator("path.iou").get_attribute("d")
        assert path.count("L") == 98

        # A click and a drag set the threshold; the curves stay as they are.
        box = curves.bounding_box()
        left, right = (float(curves.locator(".grid line >> nth=0").get_attribute(name)) for name in ("x1", "x2"))
        for threshold in (0.2, 0.7):
            x = box["x"] + left + threshold * (right - left)
            page.mouse.move(x - 40, box["y"] + 50)
            page.mouse.down()
            page.mouse.move(x, box["y"] + 60, steps=3)
            assert page.evaluate("calls.at(-1)") == {"threshold": threshold, "settled": False}
            page.mouse.up()
            assert page.evaluate("calls.at(-1)") == {"threshold": threshold, "settled": True}
        expect(values).to_contain_text("At 0.70")
        assert curves.locator("path.iou").get_attribute("d") == path
        change(page, threshold=0.475)
        exact = metrics.iou(metrics.confusion(metrics.mask(probability, 0.475), truth))
        expect(values).to_contain_text(f"IoU {exact:.2f},")

        page.evaluate("show(explorer.image.probability.map((value) => value / 2), true)")
        settle(page)
        assert curves.locator("path.iou").get_attribute("d") != path
        page.set_viewport_size({"width": 390, "height": 800})
        settle(page)
        assert curves.bounding_box()["width"] <= 370


def test_a_margin_has_no_part_in_the_area_and_what_was_guessed_is_told(browser, section):
    image, _, probability = section
    pixels = probability.size // 2
    given = {"margin": "a margin", "section": pixels, "guessed": ["<b>signed bytes</b>", "a margin"]}
    with image_page(browser, image, probability, image=given, state={"threshold": 0.3}) as page:
        count = np.count_nonzero(metrics.mask(probability, 0.3))
        share = f"salt {100 * count / pixels:.1f} %"
        expect(page.get_by_test_id("salt-guessed")).to_have_text("Note: <b>signed bytes</b>. Note: a margin.")
        expect(page.get_by_test_id("salt-curve-values")).to_contain_text(
            f"{share.removeprefix('salt ')} of the image without its margin is salt"
        )
        expect(page.get_by_test_id("salt-readout")).to_contain_text(share)
    with image_page(browser, image, probability) as page:
        expect(page.get_by_test_id("salt-guessed")).to_be_hidden()


def test_without_a_truth_the_curve_is_the_area(browser, section):
    image, _, probability = section
    with image_page(browser, image, probability, state={"threshold": 0.3}) as page:
        share = 100 * metrics.mask(probability, 0.3).mean()
        expect(page.get_by_test_id("salt-curve-values")).to_have_text(f"At 0.30: {share:.1f} % of the image is salt.")
        expect(page.locator("path.area")).to_be_visible()
        expect(page.locator("path.iou")).to_be_hidden()
        expect(page.locator(".curves .note")).to_contain_text("does not say whether it is right")
        expect(page.locator(".curves li.best")).to_be_hidden()


# --- Speed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["fill", "contour", "heat"])
def test_the_threshold_is_fast(browser, look):
    image, truth = synthetic.section(5)
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, truth.shape)
    probability = (0.2 + 0.6 * truth + noise).clip(0, 1).astype(np.float32)
    with image_page(browser, image, probability, truth, state={"look": look, "truth": True}) as page:
        times = page.evaluate(
            """async () => {
                const canvas = document.querySelector("[data-testid=salt-viewer]"), times = [];
                for (let i = 0; i < 40; i++) {
                    await new Promise(requestAnimationFrame);
                    const start = performance.now();
                    explorer.state = { ...explorer.state, threshold: (30 + i) / 100 };
                    for (const update of updates) update(new Set(["threshold"]));
                    canvas.getContext("2d").getImageData(0, 0, 1, 1); // nothing is left to be drawn later
                    times.push(performance.now() - start);
                }
                return times;
            }"""
        )
        assert np.median(times) <= 8

"""The wires to cut and the pixel's answer, in Chromium: two panels of the viewer with an explorer made for the test."""

import base64
import json
import re
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import bundle, core
from tests.explorer_page import explorer_page
from unet import Segmenter, explain, metrics, render
from unet.card import Card
from unet.image import RULE, Padding

pytestmark = pytest.mark.browser
ADDRESS = "http://panels.test/"  # answered by the test itself
HTML = """<!doctype html><html lang="en"><head><title>Panels</title><meta name="viewport" content="width=device-width">
<style>%s</style><style>body { margin: 12px; background: #fff }</style></head><body>
<main class="salt-viewer"><section class="cuts"></section><section class="why"></section></main>
<script type="module">
  import { cutsView } from "./cuts.js";
  import { whyView } from "./why.js";
  const given = %s;
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  let changed = new Set(), frame = 0;
  const touch = (...names) => {
    for (const name of names) changed.add(name);
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      const names = changed;
      changed = new Set();
      for (const update of panels) update(names);
    });
  };
  window.asks = []; window.said = []; window.unsettled = [];
  window.explorer = {
    state: { threshold: 0.5, pixel: null, box: null, cuts: [], fill: "zero", random: false, overlay: null, frames: [] },
    image: {
      ...given.image, grey: bytes(given.image.grey), truth: given.image.truth && bytes(given.image.truth),
      margin: null,
    },
    network: given.network,
    palette: { sequential: bytes(given.sequential), diverging: bytes(given.diverging), salt: given.salt },
    window: given.window, maps: null, cuts: null,
    cutIndex() {
      return given.network.parts.reduce((sum, name, bit) => sum | (this.state.cuts.includes(name) << bit), 0);
    },
    set(changes, { settled = true } = {}) {
      explorer.state = { ...explorer.state, ...changes };
      if (!settled) unsettled.push(...Object.keys(changes));
      if (changes.window) explorer.window = { ...explorer.window, top: changes.window[0], left: changes.window[1] };
      touch(...Object.keys(changes));
    },
    ask: (request) => new Promise((resolve, reject) => asks.push({ request, resolve, reject })),
    say: (sentence) => said.push(sentence),
  };
  window.answerCuts = () => {
    const tables = given.tables.map(floats), { height, width } = explorer.window;
    explorer.cuts = { parts: given.network.parts, height, width, probability: (index) => tables[index] };
    touch("cuts");
  };
  window.loseCuts = () => { explorer.cuts = null; touch("cuts"); };
  window.answerPixel = (number, answer) => {
    for (const cam of Object.values(answer.cams)) cam.values = floats(cam.values);
    asks[number].resolve({ ...answer, gradient: floats(answer.gradient), influence: floats(answer.influence) });
  };
  window.openAnother = (key) => {
    explorer.image = { ...explorer.image, key };
    explorer.cuts = null;
    touch("image");
  };
  const panels = [
    cutsView(document.querySelector(".cuts"), explorer), whyView(document.querySelector(".why"), explorer),
  ];
  touch("image", "maps", "cuts", "shown", "window", ...Object.keys(explorer.state));
  requestAnimationFrame(() => requestAnimationFrame(() => document.body.dataset.ready = "yes"));
</script></body></html>"""


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


class Case:
    """An image of random numbers, a network with some skips, and what it says of every choice of them.

    A share of 23 x 21 pixels is never halfway between two tenths, which Python and JavaScript round differently.
    """

    def __init__(self, depth=2, size=(23, 21), window=None, truth=True, seed=0, samples=("Salt stock", "Small lens")):
        rng = np.random.default_rng(seed)
        self.size = size
        self.top, self.left, self.height, self.width = window or (0, 0, *size)
        self.parts = [*(f"skip{level + 1}" for level in range(depth)), "bottleneck"]
        self.samples = list(samples)
        self.grey = rng.integers(0, 256, size, np.uint8)
        self.truth = rng.random(size) < 0.4 if truth else None
        # Hundredths: many pixels lie exactly at a threshold, and those are not salt.
        levels = rng.integers(0, 101, (2 ** len(self.parts), self.height, self.width))
        self.tables = (levels / 100).astype(np.float32)
        levels = range(depth)
        self.sites = [
            *({"name": f"encoder{i + 1}", "channels": 4, "stride": 2**i} for i in levels),
            {"name": "bottleneck", "channels": 4, "stride": 2**depth},
            *(
                {"name": f"{part}{i + 1}", "channels": 4, "stride": 2**i}
                for i in levels[::-1]
                for part in ("skip", "decoder")
            ),
            {"name": "logits", "channels": 1, "stride": 1},
        ]

    @property
    def window_truth(self):
        return self.truth[self.top : self.top + self.height, self.left : self.left + self.width]

    def given(self):
        return {
            "image": {
                "key": "one",
                "name": "noise",
                "height": self.size[0],
                "width": self.size[1],
                "grey": encode(self.grey),
                "truth": None if self.truth is None else encode(self.truth),
            },
            "network": {
                "sites": self.sites,
                "parts": self.parts,
                "samples": self.samples,
                "field": 15,
                "parameters": 1,
            },
            "window": {"top": self.top, "left": self.left, "height": self.height, "width": self.width},
            "tables": [encode(table) for table in self.tables],
            "sequential": encode(render.SEQUENTIAL),
            "diverging": encode(render.DIVERGING),
            "salt": list(render.SALT),
        }

    def answer(self, seed, **changes):
        """An answer about a pixel, of random numbers."""
        rng = np.random.default_rng(seed)
        shape = (self.height, self.width)
        gradient = rng.normal(size=shape).astype(np.float32)
        padding = Padding.to_multiple(*shape, 2 ** (len(self.parts) - 1))
        padded = np.zeros((padding.padded_height, padding.padded_width), np.float32)
        cams = {}
        for site in self.sites:
            if site["name"].startswith(("encoder", "bottleneck", "decoder")):
                stride = site["stride"]
                cam = padding.crop(padded[::stride, ::stride], stride)
                values = rng.random(cam.shape).astype(np.float32)
                cams[site["name"]] = {"values": values, "height": cam.shape[0], "width": cam.shape[1]}
        return {
            "gradient": gradient,
            "influence": np.abs(gradient),
            "boxes": {"50": [8, 7, 5, 4], "90": [3, 2, 12, 9]},
            "cams": cams,
            "logit": -1.25,
            "probability": 0.28,
            **changes,
        }


@contextmanager
def opened(browser, case, ready=True, width=1300, **context):
    page = browser.new_context(viewport={"width": width, "height": 1000}, **context).new_page()
    page.set_default_timeout(30_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    style = "\n".join((bundle.HERE / f"{name}.css").read_text() for name in ("viewer", "cuts"))
    html = HTML % (style, json.dumps(case.given()).replace("<", "\\u003c"))

    def serve(route):
        name = route.request.url.removeprefix(ADDRESS)
        if name:
            route.fulfill(path=bundle.HERE / name, content_type="text/javascript")
        else:
            route.fulfill(body=html, content_type="text/html")

    page.route(f"{ADDRESS}**", serve)
    page.goto(ADDRESS)
    page.locator("body[data-ready]").wait_for()
    if ready:
        page.evaluate("answerCuts()")
        expect(page.get_by_test_id("cut-pending")).to_be_hidden()
    yield page
    page.context.close()
    assert not errors


def state(page, name):
    return page.evaluate("name => explorer.state[name]", name)


def choose(page, **changes):
    """Somebody else changes the state: the image, the U, a key."""
    page.evaluate("changes => explorer.set(changes)", changes)
    two_frames(page)


def two_frames(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(locator):
    """What a canvas shows: (H, W, 4) uint8."""
    found = locator.evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.height, canvas.width, [...data]];
        }"""
    )
    return np.array(found[2], np.uint8).reshape(found[0], found[1], 4)


def overlay_pixels(page):
    return pixels(page.evaluate_handle("explorer.state.overlay.canvas").as_element())


def answer(page, number, content, then=None):
    """Answers the page's question of this number, and changes the state a frame later."""
    page.wait_for_function("number => asks.length > number", arg=number)
    plain = {**content, **{name: encode(content[name]) for name in ("gradient", "influence")}}
    plain["cams"] = {name: {**cam, "values": encode(cam["values"])} for name, cam in content["cams"].items()}
    page.evaluate(
        """([number, answer, changes]) => {
            answerPixel(number, answer);
            if (changes) requestAnimationFrame(() => requestAnimationFrame(() => explorer.set(changes)));
        }""",
        [number, plain, then],
    )


def question(page, *box, samples=0):
    """The number of the question about this box, once it is asked; a question that stands before it is refused."""
    seen = 0
    while True:
        page.wait_for_function("seen => asks.length > seen", arg=seen)
        seen = len(questions(page))
        if questions(page)[seen - 1] == asked(*box, samples=samples):
            return seen - 1
        page.evaluate("number => asks[number].reject(new Error('Refused.'))", seen - 1)


def asked(row, column, height=1, width=1, samples=0, random=False):
    """What the network is asked about a box."""
    return {"kind": "pixel", "box": [row, column, height, width], "samples": samples, "random": random}


def questions(page):
    return page.evaluate("asks.map(({ request }) => request)")


# --- Cut the wire -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("threshold", [0.5, 0.29])
def test_every_cell_counts_as_python_does(browser, bottleneck, threshold):
    case = Case()
    with opened(browser, case) as page:
        choose(page, threshold=threshold, cuts=["bottleneck"] if bottleneck else [])
        cells = page.get_by_test_id("cut-grid").get_by_role("button")
        expect(cells).to_have_count(4)
        for number in range(4):
            mask = metrics.mask(case.tables[number + 4 * bottleneck], threshold)
            score = metrics.iou(metrics.confusion(mask, case.truth))
            expect(cells.nth(number)).to_contain_text(f"salt {100 * mask.mean():.1f} %")
            expect(cells.nth(number)).to_contain_text(f"IoU {score:.2f}")
        below = ", bottleneck" if bottleneck else ""
        for names in ("skip1", "skip2", "skip1, skip2"):
            expect(page.get_by_role("button", name=re.compile(f"^{names}{below} cut salt"))).to_have_count(1)


def test_a_thumbnail_is_the_mask_over_the_grey_image(browser):
    case = Case(size=(40, 36), window=(7, 5, 24, 20))
    with opened(browser, case) as page:
        choose(page, threshold=0.4)
        mask = metrics.mask(case.tables[2], 0.4)
        grey = case.grey[7:31, 5:25]
        shown = pixels(page.get_by_test_id("cut-cell-2").locator("canvas"))
        np.testing.assert_allclose(shown[..., :3], render.overlay(grey, mask, opacity=0.6), atol=1)


def test_a_cell_out_of_sight_follows_when_the_hand_rests(browser):
    case = Case(depth=4, size=(101, 101))
    with opened(browser, case) as page:
        page.set_viewport_size({"width": 1300, "height": 120})
        page.evaluate("scrollTo(0, 0)")
        cell = page.get_by_test_id("cut-cell-5")
        two_frames(page)
        choose(page, threshold=0.31)
        expect(cell).to_contain_text(f"salt {100 * metrics.mask(case.tables[5], 0.31).mean():.1f} %")


def test_thumbnails_in_sight_follow_in_the_same_frame(browser):
    case = Case(depth=4, size=(101, 101))
    with opened(browser, case) as page:
        page.set_viewport_size({"width": 1300, "height": 3000})
        page.wait_for_timeout(300)
        wanted = [f"salt {100 * metrics.mask(case.tables[9], at).mean():.1f} %" for at in (0.3, 0.6)]
        for _ in range(20):  # on a busy machine a frame may be too long, and they wait for a rest
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
            page.wait_for_timeout(300)
        assert texts == wanted


def test_a_cell_goes_to_its_cuts_and_leaves_the_bottleneck(browser):
    with opened(browser, Case(depth=3)) as page:
        current = page.locator(".cut-cell[aria-current=true]")
        expect(current).to_have_attribute("data-testid", "cut-cell-0")
        page.get_by_test_id("cut-cell-5").click()
        assert state(page, "cuts") == ["skip1", "skip3"]
        expect(current).to_have_attribute("data-testid", "cut-cell-5")

        page.get_by_test_id("toggle-bottleneck").click()
        assert state(page, "cuts") == ["skip1", "skip3", "bottleneck"]
        expect(current).to_have_attribute("data-testid", "cut-cell-5")
        page.get_by_test_id("cut-cell-2").click()
        assert state(page, "cuts") == ["skip2", "bottleneck"]
        expect(page.get_by_test_id("cut-grid")).to_have_attribute(
            "aria-label", "All combinations of skips, with the bottleneck cut"
        )


def test_the_marks_of_every_cell_say_what_is_cut_without_colour(browser):
    with opened(browser, Case(depth=3)) as page:
        marks = page.locator(".cut-marks").all_inner_texts()
        wanted = [["✕" if number & 1 << i else str(i + 1) for i in range(3)] for number in range(8)]
        assert [text.split() for text in marks] == wanted


def test_toggles_share_the_state_with_the_u(browser):
    with opened(browser, Case()) as page:
        button = page.get_by_test_id("toggle-skip2")
        expect(button).to_have_attribute("aria-pressed", "false")
        choose(page, cuts=["skip2"])
        expect(button).to_have_attribute("aria-pressed", "true")
        page.get_by_test_id("toggle-skip1").click()
        assert state(page, "cuts") == ["skip1", "skip2"]
        page.get_by_test_id("cut-none").click()
        assert state(page, "cuts") == []
        expect(button).to_have_attribute("aria-pressed", "false")


def test_what_stands_in_its_place(browser):
    case = Case(samples=("Salt stock", "<img src=x onerror=alert(1)>"))
    with opened(browser, case) as page:
        choices = page.get_by_test_id("cut-fill")
        assert choices.locator("option").evaluate_all("all => all.map((o) => o.value)") == [
            "zero",
            "mean",
            *case.samples,
        ]
        choices.select_option("mean")
        assert state(page, "fill") == "mean"
        choices.select_option(case.samples[1])
        assert state(page, "fill") == case.samples[1]
        choose(page, cuts=["skip1"])
        expect(page.get_by_test_id("cut-result")).to_contain_text(
            "skip1 cut, what <img src=x onerror=alert(1)> has in its place"
        )
        choose(page, fill="zero")
        expect(choices).to_have_value("zero")


def test_until_the_answer_is_there_it_says_so(browser):
    case = Case()
    with opened(browser, case, ready=False) as page:
        expect(page.get_by_test_id("cut-pending")).to_contain_text("is computed…")
        expect(page.get_by_test_id("cut-result")).to_be_hidden()
        expect(page.get_by_test_id("cut-cell-1")).to_contain_text("salt …")
        page.get_by_test_id("cut-cell-1").click()  # works already
        assert state(page, "cuts") == ["skip1"]
        page.evaluate("answerCuts()")
        expect(page.get_by_test_id("cut-result")).to_be_visible()
        expect(page.get_by_test_id("cut-cell-1")).to_contain_text(f"salt {100 * (case.tables[1] > 0.5).mean():.1f} %")


def rows(page):
    """The result's rows: name -> the three cells."""
    found = (
        page.get_by_test_id("cut-result")
        .locator("tbody tr")
        .evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")
    )
    return {name: cells for name, *cells in found}


@pytest.mark.parametrize("window", [None, (7, 5, 23, 21)])
def test_the_result_with_and_without_the_cut(browser, window):
    case = Case(size=(40, 36) if window else (23, 21), window=window)
    with opened(browser, case) as page:
        choose(page, threshold=0.44, cuts=["skip2", "bottleneck"])
        whole, cut = (case.tables[i].astype(np.float64) for i in (0, 6))
        masks = [metrics.mask(case.tables[i], 0.44) for i in (0, 6)]
        scores = [metrics.iou(metrics.confusion(mask, case.window_truth)) for mask in masks]
        areas = [100 * mask.mean() for mask in masks]
        found = rows(page)
        assert found["Salt area"] == [
            f"{areas[0]:.1f} %",
            f"{areas[1]:.1f} %",
            f"{signed(areas[1] - areas[0], 1)} points",
        ]
        assert found["IoU"] == [f"{scores[0]:.2f}", f"{scores[1]:.2f}", signed(scores[1] - scores[0], 2)]
        means = [f"{values.mean():.3f}" for values in (whole, cut)]
        assert found["Mean probability"] == [*means, signed(cut.mean() - whole.mean(), 3)]
        assert found["Mean change of a pixel, up or down"][2] == f"{np.abs(cut - whole).mean():.3f}"
        text = page.locator(".cut-map").inner_text()
        assert f"{np.count_nonzero(masks[0] & ~masks[1])} pixels stop being salt" in text
        assert f"{np.count_nonzero(~masks[0] & masks[1])} become salt" in text
        where = page.get_by_test_id("cut-result").locator("caption")
        if window:
            expect(where).to_contain_text("in the opened part (rows 7 to 29, columns 5 to 25)")
        else:
            expect(where).not_to_contain_text("opened part")


def signed(value, digits):
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


def test_without_a_truth_nothing_is_scored(browser):
    with opened(browser, Case(truth=False)) as page:
        assert "IoU" not in rows(page)
        expect(page.get_by_test_id("cut-grid")).not_to_contain_text("IoU")


def test_the_difference_is_blue_white_and_orange(browser):
    case = Case()
    with opened(browser, case) as page:
        choose(page, cuts=["skip1"])
        change = case.tables[1] - case.tables[0]
        wanted = render.DIVERGING[127 + np.rint(127 * change).astype(int)]
        shown = pixels(page.get_by_test_id("cut-difference"))
        np.testing.assert_allclose(shown[..., :3], wanted, atol=4)  # rounding at one half
        assert (shown[..., 3] == 255).all()

        choose(page, cuts=[])
        assert (pixels(page.get_by_test_id("cut-difference"))[..., :3] == render.DIVERGING[127]).all()


def test_the_difference_lies_over_the_image_until_something_else_does(browser):
    case = Case(size=(40, 36), window=(7, 5, 24, 20))
    with opened(browser, case) as page:
        choose(page, cuts=["skip1"])
        box = page.get_by_test_id("cut-overlay")
        box.check()
        laid = page.evaluate("{ const { canvas, ...rest } = explorer.state.overlay; rest }")
        assert laid | {"label": ""} == {
            "owner": "cuts", "top": 7, "left": 5, "height": 24, "width": 20, "smooth": False, "label": "",
        }  # fmt: skip
        # The more a pixel changed, the less of the image shows through.
        alpha = overlay_pixels(page)[..., 3]
        np.testing.assert_allclose(alpha, 255 * np.minimum(1, 2 * np.abs(case.tables[1] - case.tables[0])), atol=1)
        choose(page, cuts=["skip2"])
        alpha = overlay_pixels(page)[..., 3]
        np.testing.assert_allclose(alpha, 255 * np.minimum(1, 2 * np.abs(case.tables[2] - case.tables[0])), atol=1)

        page.evaluate("loseCuts()")  # another window or fill: what lies there is of the old one
        page.wait_for_function("explorer.state.overlay === null")
        page.evaluate("answerCuts()")
        page.wait_for_function("explorer.state.overlay?.owner === 'cuts'")

        choose(page, overlay={"owner": "maps"})
        expect(box).not_to_be_checked()
        choose(page, cuts=["skip1", "skip2"])
        assert state(page, "overlay") == {"owner": "maps"}
        box.check()
        box.uncheck()
        assert state(page, "overlay") is None


# --- Ask a pixel why ----------------------------------------------------------------------------------------


def test_a_pixel_is_asked_twice_and_shown_at_once(browser):
    case = Case()
    with opened(browser, case) as page:
        expect(page.get_by_test_id("pixel-why")).to_be_hidden()
        expect(page.get_by_test_id("why-invite")).to_be_visible()
        choose(page, pixel=[9, 8])
        expect(page.get_by_test_id("why-invite")).to_be_hidden()
        expect(page.get_by_test_id("pixel-why")).to_contain_text("Row 9, column 8: is computed…")
        answer(page, 0, case.answer(1))
        expect(page.get_by_test_id("why-value")).to_have_text("Row 9, column 8: probability 0.28, logit −1.25.")
        expect(page.get_by_test_id("why-sentence")).to_have_text(
            "90 % of the influence comes from 12 x 9 pixels (rows x columns), 50 % from 5 x 4."
        )
        expect(page.get_by_test_id("why-state")).to_contain_text("is computed…")
        gradient = page.get_by_test_id("why-map-gradient")
        expect(gradient).to_have_text("input gradient")
        answer(page, 1, case.answer(2, boxes={"50": [8, 7, 3, 3], "90": [0, 0, 20, 18]}, cams={}))
        expect(page.get_by_test_id("why-sentence")).to_have_text(
            "90 % of the influence comes from 20 x 18 pixels (rows x columns), 50 % from 3 x 3."
        )
        expect(page.get_by_test_id("why-state")).to_be_empty()
        expect(gradient).to_contain_text("mean of 16 noisy copies")
        assert questions(page) == [asked(9, 8), asked(9, 8, samples=16)]
        assert "20 x 18" in page.evaluate("said.at(-1)")
        # Nothing more is asked when nothing of the question changed.
        choose(page, threshold=0.3, cuts=["skip1"])
        page.wait_for_timeout(400)
        assert len(questions(page)) == 2
        expect(page.get_by_test_id("why-field")).to_contain_text("nothing is cut for it")


def test_stale_answers_are_dropped_and_only_the_newest_pixel_is_asked(browser):
    case = Case()
    with opened(browser, case) as page:
        for column in (3, 4, 5, 6):
            choose(page, pixel=[9, column])
        assert [question["box"][1] for question in questions(page)] == [3]
        answer(page, 0, case.answer(1, probability=0.33))
        page.wait_for_function("asks.length > 1")
        assert questions(page)[1] == asked(9, 6)
        expect(page.get_by_test_id("pixel-why")).not_to_contain_text("0.33")
        # A pixel that is left before the long question costs no long question.
        answer(page, 1, case.answer(2, probability=0.66), then={"pixel": [2, 2]})
        page.wait_for_function("asks.length > 2")
        assert questions(page)[2] == asked(2, 2)
        answer(page, 2, case.answer(3, probability=0.22))
        expect(page.get_by_test_id("why-value")).to_contain_text("column 2: probability 0.22")
        late = question(page, 2, 2, 1, 1, samples=16)
        page.evaluate("openAnother('two')")
        two_frames(page)
        answer(page, late, case.answer(4, boxes={"50": [0, 0, 1, 1], "90": [0, 0, 2, 2]}))
        expect(page.get_by_test_id("pixel-why")).to_contain_text("is computed…")
        expect(page.get_by_test_id("why-sentence")).to_be_hidden()
        assert state(page, "frames") == []
        answer(page, late + 1, case.answer(5, probability=0.11))
        expect(page.get_by_test_id("why-value")).to_contain_text("0.11")


def test_frames_show_where_the_influence_comes_from(browser):
    case = Case(size=(40, 36), window=(7, 5, 24, 20))
    with opened(browser, case) as page:
        choose(page, pixel=[12, 20])
        answer(page, 0, case.answer(1, boxes={"50": [11, 19, 3, 3], "90": [8, 15, 9, 10]}))
        page.wait_for_function("explorer.state.frames.length === 3")
        theory, wide, narrow = state(page, "frames")
        # 15 pixels around row 12 and column 20, as far as the window goes: rows 7 to 30, columns 5 to 24.
        assert theory == {"top": 7, "left": 13, "height": 13, "width": 12, "label": "in theory", "dashed": True}
        assert wide == {"top": 8, "left": 15, "height": 9, "width": 10, "label": "90 %", "dashed": False}
        assert [narrow[name] for name in ("top", "left", "height", "width")] == [11, 19, 3, 3]
        field = page.get_by_test_id("why-field")
        expect(field).to_contain_text("up to 15 x 15 pixels around it")
        expect(field).not_to_contain_text("whole opened part")

        page.evaluate("explorer.network.field = 221")
        choose(page, pixel=[12, 21])
        expect(page.get_by_test_id("why-sentence")).to_have_text("…")  # no number of another pixel
        answer(page, question(page, 12, 21, 1, 1), case.answer(2))
        expect(field).to_contain_text("up to 221 x 221 pixels around it, here on the whole opened part")
        assert [state(page, "frames")[0][name] for name in ("top", "left", "height", "width")] == [7, 5, 24, 20]

        choose(page, frames=[])  # the server set another view
        choose(page, threshold=0.2)
        assert len(state(page, "frames")) == 3

        page.get_by_test_id("why-forget").click()
        two_frames(page)
        assert [state(page, name) for name in ("pixel", "box", "frames")] == [None, None, []]
        expect(page.get_by_test_id("pixel-why")).to_be_hidden()
        expect(page.get_by_test_id("why-row")).to_be_focused()


def test_a_map_is_laid_over_the_image_and_taken_off(browser):
    case = Case(size=(21, 19))  # with padding: 24 x 20
    with opened(browser, case) as page:
        choose(page, pixel=[9, 8])
        content = case.answer(1)
        answer(page, 0, content)
        names = page.locator(".why-strip .why-name").all_inner_texts()
        assert names == ["encoder1", "encoder2", "bottleneck", "decoder2", "decoder1"]
        button = page.get_by_test_id("why-map-encoder1")
        button.click()
        laid = page.evaluate("{ const { canvas, ...rest } = explorer.state.overlay; rest }")
        assert laid == {
            "owner": "why", "top": 0, "left": 0, "height": 21, "width": 19, "smooth": True,
            "label": "Grad-CAM of the pixel at encoder1",
        }  # fmt: skip
        expect(button).to_have_attribute("aria-pressed", "true")
        cam = content["cams"]["encoder1"]["values"]
        wanted = render.SEQUENTIAL[np.rint(255 * cam / cam.max()).astype(int)]
        np.testing.assert_allclose(overlay_pixels(page)[..., :3], wanted, atol=2)

        page.get_by_test_id("why-map-gradient").click()
        expect(button).to_have_attribute("aria-pressed", "false")
        assert page.evaluate("explorer.state.overlay.smooth") is False
        gradient = content["gradient"]
        limit = np.sort(np.abs(gradient), axis=None)[int(0.99 * (gradient.size - 1))]
        strongest = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        assert overlay_pixels(page)[strongest][3] == 255
        shown = pixels(page.get_by_test_id("why-map-gradient").locator("canvas"))
        share = np.clip(gradient / limit, -1, 1)
        np.testing.assert_allclose(shown[..., :3], render.DIVERGING[127 + np.rint(127 * share).astype(int)], atol=4)

        page.get_by_test_id("why-map-gradient").click()
        assert state(page, "overlay") is None
        button.click()
        choose(page, pixel=[9, 9])  # another pixel of this image: its map takes the place of the old one
        answer(page, question(page, 9, 9, 1, 1), case.answer(3))
        expect(page.get_by_test_id("why-value")).to_contain_text("column 9: probability")
        cam = case.answer(3)["cams"]["encoder1"]["values"]
        wanted = render.SEQUENTIAL[np.rint(255 * cam / cam.max()).astype(int)]
        two_frames(page)
        np.testing.assert_allclose(overlay_pixels(page)[..., :3], wanted, atol=2)

        choose(page, pixel=None)
        assert state(page, "overlay") is None


def test_a_coarse_map_stands_where_its_pixels_are(browser):
    case = Case(size=(21, 19))  # padded to 24 x 20: one row above, none on the left
    content = case.answer(1)
    cam = np.zeros_like(content["cams"]["bottleneck"]["values"])
    assert cam.shape == (6, 5)
    cam[2, 3] = 1  # padded rows 8 to 11 are rows 7 to 10; columns 12 to 15
    content["cams"]["bottleneck"]["values"] = cam
    with opened(browser, case) as page:
        choose(page, pixel=[9, 8])
        answer(page, 0, content)
        page.get_by_test_id("why-map-bottleneck").click()
        shown = overlay_pixels(page).astype(int)
        yellow = shown[..., 0] + shown[..., 1] - shown[..., 2]
        weights = yellow - yellow.min()
        row, column = (np.average(axis, weights=weights) for axis in np.indices(weights.shape))
        assert abs(row - 8.5) < 0.2
        assert abs(column - 13.5) < 0.2


def test_the_sanity_switch_compares_every_map(browser):
    case = Case()
    trained, untrained = case.answer(1), case.answer(2)
    constant = trained["cams"]["bottleneck"]["values"]
    untrained["cams"]["bottleneck"]["values"] = np.ones_like(constant)
    with opened(browser, case) as page:
        choose(page, pixel=[9, 8])
        answer(page, 0, trained)
        answer(page, 1, trained)
        expect(page.get_by_test_id("why-state")).to_be_empty()
        expect(page.get_by_test_id("why-sanity")).to_have_text(
            "A map that does not change when the weights are random explains nothing."
        )
        page.get_by_test_id("why-random").check()
        assert state(page, "random") is True
        answer(page, 2, untrained)
        expect(page.get_by_test_id("why-value")).to_contain_text("with random weights")
        expect(page.get_by_test_id("why-sanity")).to_contain_text("r: its correlation with the trained network's map")
        for name in ("encoder1", "encoder2", "decoder2", "decoder1"):
            r = np.corrcoef(trained["cams"][name]["values"].ravel(), untrained["cams"][name]["values"].ravel())[0, 1]
            expect(page.get_by_test_id(f"why-map-{name}")).to_contain_text(f"r {r:.2f}".replace("-", "−"))
        expect(page.get_by_test_id("why-map-bottleneck")).to_have_text("bottleneck")  # the same everywhere: no r
        r = np.corrcoef(trained["gradient"].ravel(), untrained["gradient"].ravel())[0, 1]
        expect(page.get_by_test_id("why-map-gradient")).to_contain_text(f"r {r:.2f}".replace("-", "−"))
        answer(page, 3, case.answer(5))
        expect(page.get_by_test_id("why-state")).to_be_empty()
        assert questions(page)[2:] == [asked(9, 8, random=True), asked(9, 8, samples=16, random=True)]

        page.get_by_test_id("why-random").uncheck()  # known already: nothing is asked
        expect(page.get_by_test_id("why-value")).not_to_contain_text("random")
        expect(page.get_by_test_id("why-sanity")).to_contain_text("the map that random weights give")
        page.wait_for_timeout(300)
        assert len(questions(page)) == 4


def test_random_maps_are_compared_wherever_the_pixel_goes(browser):
    case = Case()
    with opened(browser, case) as page:
        choose(page, random=True)
        choose(page, pixel=[9, 8])
        orders = [(0, True), (0, False), (16, True), (16, False)]
        for number, (samples, random) in enumerate(orders):
            answer(page, number, case.answer(number))
            assert questions(page)[number] == asked(9, 8, samples=samples, random=random)
            if number == 1:
                expect(page.get_by_test_id("why-map-decoder1")).to_contain_text("r ")
                expect(page.get_by_test_id("why-value")).to_contain_text("with random weights")
        gradients = [case.answer(number)["gradient"].ravel() for number in (2, 3)]
        r = f"r {np.corrcoef(*gradients)[0, 1]:.2f}".replace("-", "−")
        expect(page.get_by_test_id("why-map-gradient")).to_contain_text(r)


def test_an_error_is_said_in_place_and_can_be_asked_again(browser):
    case = Case()
    with opened(browser, case) as page:
        choose(page, pixel=[9, 8])
        page.wait_for_function("asks.length === 1")
        page.evaluate("asks[0].reject(new Error('The server does not answer.'))")
        expect(page.get_by_test_id("pixel-why").get_by_role("alert")).to_have_text("The server does not answer.")
        page.wait_for_timeout(300)
        assert len(questions(page)) == 1
        page.get_by_role("button", name="ask again").click()
        answer(page, 1, case.answer(1))
        expect(page.get_by_test_id("why-sentence")).to_be_visible()
        expect(page.get_by_test_id("why-problem")).to_be_hidden()
        page.wait_for_function("asks.length === 3")
        page.evaluate("asks[2].reject(new Error('Too much.'))")
        expect(page.get_by_test_id("why-problem")).to_have_text("Too much.")
        expect(page.get_by_test_id("why-sentence")).to_be_visible()  # the plain answer stays


def test_a_pixel_outside_the_opened_part_is_not_asked(browser):
    case = Case(size=(60, 50), window=(7, 5, 24, 20))
    with opened(browser, case) as page:
        choose(page, pixel=[50, 45])
        expect(page.get_by_test_id("why-problem")).to_have_text(
            "Row 50, column 45: this does not lie inside the opened part."
        )
        assert questions(page) == []
        page.get_by_test_id("why-window").click()
        assert state(page, "window") == [36, 30]
        page.wait_for_function("asks.length === 1")
        assert questions(page)[0]["box"] == [50, 45, 1, 1]


def test_a_box_is_asked_as_a_whole(browser):
    case = Case()
    with opened(browser, case) as page:
        choose(page, pixel=[6, 7], box=[4, 5, 4, 5])
        page.wait_for_function("asks.length === 1")
        assert questions(page)[0]["box"] == [4, 5, 4, 5]
        answer(page, 0, case.answer(1))
        expect(page.get_by_test_id("why-value")).to_contain_text(
            "Rows 4 to 7, columns 5 to 9, mean of 20 pixels: probability"
        )
        values = [page.get_by_test_id(f"why-{name}").input_value() for name in ("row", "column", "height", "width")]
        assert values == ["6", "7", "4", "5"]


def test_everything_by_keyboard(browser):
    case = Case()
    with opened(browser, case) as page:

        def reach(test_id):
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.dataset.testid") == test_id:
                    return
            raise AssertionError(f"Tab does not reach {test_id}")

        reach("toggle-skip2")
        page.keyboard.press("Space")
        assert state(page, "cuts") == ["skip2"]
        reach("cut-fill")
        page.keyboard.press("ArrowDown")
        assert state(page, "fill") == "mean"
        reach("cut-overlay")
        page.keyboard.press("Space")
        assert page.evaluate("explorer.state.overlay.owner") == "cuts"
        reach("cut-cell-3")
        page.keyboard.press("Enter")
        assert state(page, "cuts") == ["skip1", "skip2"]
        reach("why-row")
        page.keyboard.type("9")
        page.keyboard.press("Tab")
        assert state(page, "pixel") is None
        page.keyboard.type("99")  # beyond the image
        page.keyboard.press("Enter")
        assert state(page, "pixel") == [9, 20]
        answer(page, 0, case.answer(1))
        page.keyboard.press("Tab")
        page.keyboard.type("3")
        page.keyboard.press("Tab")
        assert state(page, "box") == [8, 20, 3, 1]
        answer(page, question(page, 8, 20, 3, 1), case.answer(2))
        expect(page.get_by_test_id("why-value")).to_contain_text("Rows 8 to 10")
        reach("why-map-encoder2")
        page.keyboard.press("Enter")
        assert page.evaluate("explorer.state.overlay.owner") == "why"
        expect(page.get_by_test_id("cut-overlay")).not_to_be_checked()
        reach("why-random")
        page.keyboard.press("Space")
        assert state(page, "random") is True
        reach("why-forget")
        page.keyboard.press("Enter")
        assert state(page, "pixel") is None


@pytest.mark.parametrize("depth", [1, 4, 6])
def test_a_phone_needs_no_sideways_scrolling_and_has_targets_for_a_finger(browser, depth):
    case = Case(depth=depth, size=(64, 64))
    with opened(browser, case, width=390, has_touch=True, is_mobile=True) as page:
        choose(page, cuts=["skip1"], pixel=[9, 8])
        answer(page, 0, case.answer(1))
        expect(page.get_by_test_id("why-sentence")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        heights = page.locator("button:visible, select:visible, label:visible").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().height)"
        )
        assert min(heights) >= 44


# --- With the real network ----------------------------------------------------------------------------------


@pytest.fixture
def segmenter(small_model):
    """A small network with random weights."""
    return Segmenter(small_model, Card(threshold=0.5, input=RULE))


def test_the_cells_are_what_the_network_says_of_every_combination(browser, segmenter):
    opened = core.sample("Salt stock")
    table = explain.cut_table(segmenter, opened.grey, "mean")
    threshold = round(float(np.median(table)), 2)
    with explorer_page(browser, opened, segmenter, threshold=threshold, query="fill=mean") as page:
        for number in range(8):
            mask = metrics.mask(table[number], threshold)
            score = metrics.iou(metrics.confusion(mask, opened.truth))
            cell = page.get_by_test_id(f"cut-cell-{number}")
            expect(cell).to_contain_text(f"salt {100 * mask.mean():.1f} %")
            expect(cell).to_contain_text(f"IoU {score:.2f}")
        page.get_by_test_id("cut-cell-5").click()
        expect(page.get_by_test_id("site-skip1")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "false")
        cut = metrics.mask(table[5], threshold)
        expect(page.get_by_test_id("salt-readout")).to_contain_text(f"salt {100 * cut.mean():.1f} %")
        page.get_by_test_id("cut-fill").select_option("zero")
        zero = explain.cut_table(segmenter, opened.grey, "zero")[5]
        mask = metrics.mask(zero, threshold)
        expect(page.get_by_test_id("cut-cell-5")).to_contain_text(f"salt {100 * mask.mean():.1f} %")


def test_a_clicked_pixel_is_answered(browser, segmenter):
    opened = core.sample("Salt stock")
    found = explain.explain_pixel(segmenter, opened.grey, (50, 40, 1, 1), 16)
    wide, narrow = (explain.influence_box(found.influence, (50, 40, 1, 1), share) for share in (0.9, 0.5))
    with explorer_page(browser, opened, segmenter) as page:
        canvas = page.get_by_test_id("salt-viewer")
        box = canvas.bounding_box()
        side = min(box["width"], box["height"])  # the image stands in the middle of its canvas
        left, top = (box[at] + (box[length] - side) / 2 for at, length in (("x", "width"), ("y", "height")))
        page.mouse.click(left + side * 40.5 / 101, top + side * 50.5 / 101)
        answer = page.get_by_test_id("pixel-why")
        expect(answer).to_contain_text(f"Row 50, column 40: probability {found.probability:.2f}")
        expect(answer).to_contain_text(
            f"90 % of the influence comes from {wide[2]} x {wide[3]} pixels (rows x columns), "
            f"50 % from {narrow[2]} x {narrow[3]}."
        )
        expect(page.locator(".why-strip button")).to_have_count(7)
        page.get_by_test_id("why-random").check()
        expect(answer).to_contain_text("with random weights")
        expect(page.get_by_test_id("why-map-decoder1")).to_contain_text("r ")

"""Single panels of the viewer with an explorer that only keeps state; one page serves all tests of a module."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect

from tests.viewer.page import ADDRESS, bare_page
from unet import render

HERE = Path(__file__).parent
EXPORTS = """
export { imagePanel, comparePanel, curvesPanel, cutsPanel, mapsPanel, pixelPanel };
export { averagePrecision, confusion, countAbove, iou, sectionOf, thresholdCurves };
export { comparePredictions, cosineSimilarity, gaussianBlur, resolveMap, viewHistory, writtenChange };"""
STATE = {
    "threshold": 0.5, "look": "fill", "opacity": 0.45, "truth": False, "swipe": None, "hover": None, "pixel": None,
    "box": None, "edits": "", "epoch": None, "cuts": [], "fill": "zero", "random": False, "tta": False,
    "window": [0, 0], "overlay": None, "frames": [], "answer": "", "wide": False, "alike": None,
}  # fmt: skip
NETWORK = {
    "sites": [], "parts": ["skip1", "bottleneck"], "field": 200, "samples": [], "parameters": 1, "window": 128,
    "calibration": {"plain": [], "tta": []},
}  # fmt: skip
PALETTE = {"sequential": render.SEQUENTIAL, "diverging": render.DIVERGING, "salt": list(render.SALT)}


@contextmanager
def panels_page(browser: Browser, **options) -> Iterator[Page]:
    """A page that ``start`` fills, as often as wanted; ``options`` go to ``bare_page``."""
    with bare_page(browser, (HERE / "panels.js").read_text(encoding="utf-8"), exports=EXPORTS, **options) as page:
        page.goto(ADDRESS)
        page.locator("body[data-ready]").wait_for(state="attached")
        yield page


def encode(content: object) -> str:
    """What ``decode`` in the page reads: JSON, and arrays at any depth."""

    def place(array: np.ndarray) -> dict[str, str]:
        kind = "u1" if array.dtype in (np.bool_, np.uint8) else "f4"
        data = np.ascontiguousarray(array, "<" + kind).tobytes()
        return {"array": kind, "text": base64.b64encode(data).decode()}

    return json.dumps(content, default=place)


def start(
    page, panels, grey, probability, truth=None, *, image=None, state=None, network=None, window=None, tables=(),
    viewport=(700, 1000),
) -> Page:  # fmt: skip
    """Shows panels of this image anew; the page's globals are in panels.js."""
    height, width = grey.shape
    top, left = (state or {}).get("window", (0, 0))
    given = {
        "image": {
            "key": "a", "name": "<b>section</b>", "height": height, "width": width, "grey": grey, "truth": truth,
            "probability": probability, "chosen": 0.42, "margin": None, "section": grey.size, "guessed": [],
            **(image or {}),
        },
        "state": STATE | (state or {}),
        "network": NETWORK | (network or {}),
        "window": window or {"top": top, "left": left, "height": min(128, height), "width": min(128, width)},
        "palette": PALETTE, "panels": panels, "tables": list(tables),
    }  # fmt: skip
    page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
    page.mouse.move(0, 0)
    page.evaluate("(text) => { scrollTo(0, 0); start(text); }", encode(given))
    settle(page)
    return page


def settle(page: Page) -> None:
    """Two frames: what was set is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page, name):
    return page.evaluate("(name) => explorer.state[name]", name)


def change(page, **changes):
    """What another panel or a key would set."""
    page.evaluate("(changes) => explorer.set(changes)", changes)
    settle(page)


def pixels(canvas, top=0, left=0, height=1, width=1):
    """What a part of a canvas, in shares of it, shows: (H, W, 4) uint8, one pixel at least."""
    text, rows, columns = canvas.evaluate(
        """(canvas, [top, left, height, width]) => {
            const [y, h] = [top, height].map((share) => Math.round(share * canvas.height));
            const [x, w] = [left, width].map((share) => Math.round(share * canvas.width));
            const { data } = canvas.getContext("2d").getImageData(x, y, w || 1, h || 1);
            let text = "";
            for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
            return [btoa(text), h || 1, w || 1];
        }""",
        [top, left, height, width],
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(rows, columns, 4)


def overlay_pixels(page):
    """The canvas that lies over the image."""
    settle(page)
    return pixels(page.evaluate_handle("explorer.state.overlay.canvas").as_element())


def expect_texts(page, prefix, **texts):
    """What parts of a panel contain, by their test ids; nothing, where the text is empty."""
    for name, text in texts.items():
        part = expect(page.get_by_test_id(f"{prefix}-{name.replace('_', '-')}"))
        (part.to_contain_text if text else part.to_have_text)(text)

"""The whole viewer in a bare page, without a front end: the same script, the real network, no server."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from demo import bundle, explorer, messages
from demo.images import SeismicImage
from demo.weights import WeightsKey
from unet import Segmenter

ADDRESS = "http://viewer.test/"  # answered by the test itself
HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Viewer</title><meta name="viewport" content="width=device-width">
<style>%s</style><style>body { margin: 12px; background: #fff }</style></head><body><main id="root"></main>
<script type="module">%s</script></body></html>"""
START = """
  import { view } from "/viewer.js";
  window.requests = []; window.settled = [];
  let lost = Number(new URLSearchParams(location.search).get("lose")); // responses that get lost on their way
  let isHeld = () => false, waiting = []; // responses that come when the test says so
  window.hold = (which) => { isHeld = which ?? (() => false); if (!which) while (waiting.length) release(); };
  window.release = () => waiting.shift()?.();
  const request = async (sent) => {
    requests.push(sent);
    if (isHeld(sent)) await new Promise((done) => waiting.push(done));
    const message = await respond(sent);
    if (lost-- <= 0) receive(message);
  };
  window.receive = (packed) =>
    view(document.getElementById("root"), packed, { request, settled: (state) => settled.push(state) });
  receive(await respond(null));"""


@contextmanager
def bare_page(browser: Browser, start: str, *, viewport=(1300, 1000), exports="", **context) -> Iterator[Page]:
    """A page that runs ``start`` with the viewer's script as /viewer.js; an error in it fails the test.

    ``exports`` is what else the script exports; ``context`` goes to ``browser.new_context``.
    """
    size = {"width": viewport[0], "height": viewport[1]}
    page = browser.new_context(viewport=size, **context).new_page()
    page.set_default_timeout(30_000)
    page.size, errors = size, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    html = HTML % (bundle.style(), start)
    script = bundle.script() + exports
    page.route(f"{ADDRESS}**", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.route(f"{ADDRESS}favicon.ico", lambda route: route.fulfill(body=""))
    page.route(f"{ADDRESS}viewer.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    yield page
    page.context.close()
    assert not errors, errors


@contextmanager
def viewer_page(
    browser: Browser, image: SeismicImage, segmenter: Segmenter, weights: WeightsKey | None = None, **options
) -> Iterator[Page]:
    """A page for the viewer of this image or of others; ``open_viewer`` shows them, as often as wanted.

    ``page.evaluate("requests")`` are the requests so far, ``"settled"`` the states the server was told.
    ``weights`` are the segmenter's where they are on disk; ``options`` go to ``bare_page``.
    """
    known = weights

    def respond(request: dict | None) -> str:
        image, segmenter, threshold = page.shown
        probability = segmenter.probability(image.grey)
        key = messages.key(image, probability, segmenter)
        weights = known or (key, 0, "")  # no two networks of a test share what is cached
        message = messages.make_message(
            image, probability, segmenter, weights, threshold=threshold, revision=1, with_image=request is None,
            link={"sample": image.name, "weights": "salt-unet"},
            response=request and explorer.respond(request, image, segmenter, key, weights),
        )  # fmt: skip
        return base64.b64encode(messages.pack(message)).decode()

    with bare_page(browser, START, **options) as page:
        page.usual = image, segmenter
        page.expose_function("respond", respond)
        yield page


def open_viewer(page: Page, query: str = "", *, image=None, segmenter=None, threshold: float = 0.4) -> None:
    """Opens the viewer anew, by a link with this query; waits until maps and cuts are there."""
    page.shown = image or page.usual[0], segmenter or page.usual[1], threshold
    page.set_viewport_size(page.size)
    page.mouse.move(0, 0)
    page.goto(f"{ADDRESS}?{query}")
    page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
    wait_for_network(page)


def wait_for_network(page: Page) -> None:
    """Waits until maps and cuts are there."""
    expect(page.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_test_id("cut-pending")).to_have_attribute("hidden", "")  # its panel may be closed

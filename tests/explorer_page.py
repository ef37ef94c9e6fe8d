"""The viewer in a bare page, without a front end: the same script, the real network, no server."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from demo import bundle, explorer, messages
from demo.images import SeismicImage
from unet import Segmenter

ADDRESS = "http://explorer.test/"  # answered by the test itself
HTML = """<!doctype html>
<html lang="en"><head><title>Explorer</title><meta name="viewport" content="width=device-width">
<style>%s</style><style>body { margin: 12px; background: #fff; %s }</style></head><body><main id="root"></main>
<script type="module">
  import { view } from "/viewer.js";
  window.requests = []; window.settled = [];
  const callbacks = {
    settled: (state) => settled.push(state),
    request: async (sent) => {
      requests.push(sent);
      const message = await respond(sent);
      if (requests.length > LOSE) receive(message);
    },
  };
  window.receive = (packed) => view(document.getElementById("root"), packed, callbacks);
  receive(await respond(null));
</script></body></html>"""
DARK = "--body-text-color: #e6eaee; --body-background-fill: #12171c; background: #12171c; color-scheme: dark"


@contextmanager
def explorer_page(
    browser: Browser,
    opened: SeismicImage,
    segmenter: Segmenter,
    *,
    threshold: float | None = None,
    query: str = "",
    viewport: tuple[int, int] = (1300, 1000),
    dark: bool = False,
    lose: int = 0,
    **context,
) -> Iterator[Page]:
    """A page with the viewer of one image, its maps and cuts on their way.

    ``page.evaluate("requests")`` are the requests so far, ``"settled"`` the states the server was told.  A script error
    fails the test.  ``query`` is what stands behind the ? of the address, ``lose`` how many of the first responses get
    lost on their way; ``context`` goes to ``browser.new_context``.
    """
    probability = segmenter.probability(opened.grey)
    key = messages.key(opened, probability, segmenter)
    card = segmenter.threshold

    def respond(request: dict | None) -> str:
        message = messages.make_message(
            opened,
            probability,
            segmenter,
            threshold=card if threshold is None else threshold,
            revision=1,
            link={"sample": opened.name, "weights": "salt-unet"},
            response=request and explorer.respond(request, opened, segmenter, key),
            with_image=request is None,
        )
        return base64.b64encode(messages.pack(message)).decode()

    width, height = viewport
    page = browser.new_context(viewport={"width": width, "height": height}, **context).new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.expose_function("respond", respond)
    html = HTML.replace("LOSE", str(lose)) % (bundle.style(), DARK if dark else "")
    bodies = {"": (html, "text/html"), "viewer.js": (bundle.script(), "text/javascript")}

    def serve(route) -> None:
        name = route.request.url.removeprefix(ADDRESS).split("?")[0]
        body, kind = bodies.get(name, ("", "text/plain"))
        route.fulfill(body=body, content_type=kind)

    page.route(f"{ADDRESS}**", serve)
    page.goto(f"{ADDRESS}?{query}")
    page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
    yield page
    page.context.close()
    assert not errors

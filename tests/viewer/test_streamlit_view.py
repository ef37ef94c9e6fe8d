"""Streamlit's two components: how it calls them, and what stands on the page then."""

import base64
from functools import partial

import pytest
from playwright.sync_api import expect

from demo import bundle, messages
from tests.viewer.page import ADDRESS, bare_page

# What Streamlit does with a component (its BidiComponent): a message calls it once its module is imported; where the
# next message came before that, what the call returned is called at once; what the last one returned, when it goes.
START = """
  import * as code from "/code.js";
  import * as place from "/place.js";
  const imported = async (module) => { for (let turn = 0; turn < 3; turn++) await null; return module.default; };
  function mounted(module, parentElement, props = {}) {
    let overtake = () => {}, close = () => {};
    return {
      async send(data) {
        let isOvertaken = false;
        overtake();
        overtake = () => { isOvertaken = true; };
        const cleanup = (await imported(module))({ parentElement, data, ...props });
        if (isOvertaken) await Promise.resolve(cleanup).then((clean) => clean?.()); else close = cleanup ?? close;
      },
      leave() { parentElement.remove(); overtake(); close(); },
    };
  }
  window.sent = [];
  const root = document.getElementById("root");
  const props = { setStateValue() {}, setTriggerValue: (name, value) => sent.push(value.kind) };
  window.viewer = mounted(place, root, props);
  window.code = mounted(code, document.createElement("div"));"""


def answer(script, route):
    route.fulfill(body=script, content_type="text/javascript")


@pytest.fixture
def page(browser):
    with bare_page(browser, START) as page:
        for name, script in (("code", bundle.streamlit_code()), ("place", bundle.streamlit_place())):
            page.route(f"{ADDRESS}{name}.js", partial(answer, script))
        page.goto(ADDRESS)
        page.wait_for_function("window.code")
        yield page


@pytest.fixture(scope="module")
def message(segmenter, waves):
    probability = segmenter.probability(waves.grey)
    key = messages.key(waves, probability, segmenter)
    message = messages.make_message(
        waves, probability, segmenter, (key, 0, ""), threshold=0.4, revision=1, link={"sample": waves.name}
    )
    return base64.b64encode(messages.pack(message)).decode()


@pytest.mark.browser
@pytest.mark.parametrize("order", [("code", "viewer"), ("viewer", "code")], ids=" first ".join)
def test_messages_that_come_at_once_leave_one_viewer(page, message, order):
    given = {"code": {"style": bundle.style()}, "viewer": message}
    for name in order:
        page.evaluate("([name, data]) => { window[name].send(data); window[name].send(data); }", [name, given[name]])
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")
    page.wait_for_timeout(300)  # what is taken back late would take the viewer with it
    expect(page.get_by_test_id("salt-readout")).to_have_count(1)
    expect(page.locator("style.viewer-style")).to_have_count(1)


@pytest.mark.browser
def test_a_viewer_that_leaves_the_page_is_closed(page, message):
    page.evaluate("(data) => code.send(data)", {"style": bundle.style()})
    page.evaluate("(data) => viewer.send(data)", message)
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")
    page.evaluate("window.root = document.getElementById('root'); viewer.leave()")
    page.wait_for_function("!root.querySelector('.salt-viewer')")

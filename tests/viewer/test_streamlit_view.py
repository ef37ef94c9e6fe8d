"""Streamlit's two components: how it calls them, and what stands on the page then."""

import base64
from functools import partial

import pytest
from playwright.sync_api import expect

from demo import bundle, messages
from tests.viewer.page import ADDRESS, bare_page

pytestmark = pytest.mark.browser

# What Streamlit does with a component (its BidiComponent): a message calls it once its module is imported; where the
# next message came before that, what the call returned is called at once; what the last one returned, when it goes.
START = """
  import * as viewerCode from "/code.js";
  import * as viewerPlace from "/place.js";
  const imported = async (module) => { for (let turn = 0; turn < 3; turn++) await null; return module.default; };
  function mounted(module, props = {}) {
    const host = document.createElement("div"), parentElement = host.attachShadow({ mode: "open" });
    document.getElementById("root").append(host);
    let overtake = () => {}, close = () => {};
    return {
      root: parentElement,
      async send(data) {
        let isOvertaken = false;
        overtake();
        overtake = () => { isOvertaken = true; };
        const cleanup = (await imported(module))({ parentElement, data, ...props });
        if (isOvertaken) await Promise.resolve(cleanup).then((clean) => clean?.()); else close = cleanup ?? close;
      },
      leave() { host.remove(); overtake(); close(); },
    };
  }
  window.asked = [];
  const props = { setStateValue() {}, setTriggerValue: (name, value) => asked.push(value.id) };
  window.place = () => { window.viewer = mounted(viewerPlace, props); };
  window.code = mounted(viewerCode);
  window.place();"""


def answer(script, route):
    route.fulfill(body=script, content_type="text/javascript")


@pytest.fixture
def page(browser):
    with bare_page(browser, START) as page:
        for name, script in (("code", bundle.streamlit_code()), ("place", bundle.streamlit_place())):
            page.route(f"{ADDRESS}{name}.js", partial(answer, script))
        page.goto(ADDRESS)
        page.wait_for_function("window.viewer")
        yield page


@pytest.fixture(scope="module")
def message(segmenter, waves):
    """Makes a message; ``options`` go to ``make_message``."""
    probability = segmenter.probability(waves.grey)
    key = messages.key(waves, probability, segmenter)

    def make(**options):
        given = {"threshold": 0.4, "revision": 1, "link": {"sample": waves.name}} | options
        packed = messages.pack(messages.make_message(waves, probability, segmenter, (key, 0, ""), **given))
        return base64.b64encode(packed).decode()

    return make


def show(page, data):
    page.evaluate("(data) => code.send(data)", {"style": bundle.style()})
    page.evaluate("(data) => viewer.send(data)", data)
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")


@pytest.mark.parametrize("order", [("code", "viewer"), ("viewer", "code")], ids=" first ".join)
def test_messages_that_come_at_once_leave_one_viewer(page, message, order):
    given = {"code": {"style": bundle.style()}, "viewer": message()}
    for name in order:
        page.evaluate("([name, data]) => { window[name].send(data); window[name].send(data); }", [name, given[name]])
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")
    page.wait_for_timeout(300)  # what is taken back late would take the viewer with it
    expect(page.get_by_test_id("salt-readout")).to_have_count(1)
    expect(page.locator("style.viewer-style")).to_have_count(1)


def test_a_viewer_whose_place_was_lost_stands_in_the_next_as_the_user_left_it(page, message):
    show(page, message())
    page.get_by_test_id("tab-cut").click()
    page.get_by_test_id("salt-threshold-exact").fill("0.7")
    page.keyboard.press("Enter")
    size = page.get_by_test_id("salt-viewer").bounding_box()
    page.evaluate("viewer.leave()")
    expect(page.get_by_test_id("salt-readout")).to_have_count(0)
    page.wait_for_timeout(500)  # longer than a state takes to settle
    page.evaluate("(data) => { place(); viewer.send(data); }", message(with_image=False))
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.70")
    expect(page.get_by_test_id("tab-cut")).to_have_attribute("aria-selected", "true")
    assert page.get_by_test_id("salt-viewer").bounding_box() == size
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.40")
    page.get_by_test_id("tab-maps").click()
    expect(page.get_by_test_id("tab-maps")).to_have_attribute("aria-selected", "true")


def test_on_another_page_it_is_closed_and_the_next_is_a_new_one_with_numbers_of_its_own(page, message):
    show(page, message())
    page.get_by_test_id("tab-cut").click()
    page.evaluate("window.left = viewer.root; history.pushState({}, '', '/elsewhere'); viewer.leave()")
    page.wait_for_function("!left.querySelector('.salt-viewer')")
    page.evaluate("(data) => { history.pushState({}, '', '/'); place(); viewer.send(data); }", message())
    expect(page.get_by_test_id("tab-maps")).to_have_attribute("aria-selected", "true")
    page.wait_for_function("asked.length === 2")
    first, second = page.evaluate("asked")
    assert second > first


def test_a_request_that_the_server_heard_is_sent_again_soon_and_one_on_its_way_is_not(page, message):
    show(page, message())
    page.wait_for_function("asked.length === 1")
    (number,) = page.evaluate("asked")
    for heard, times in ((number - 1, 1), (number, 2)):
        data = message(with_image=False, heard=heard)
        count = (
            "async (data) => { viewer.send(data); await new Promise((done) => setTimeout(done, 1200)); return asked; }"
        )
        assert page.evaluate(count, data) == [number] * times

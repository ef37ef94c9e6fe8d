"""What a user does on a page, and what they wait for."""

import json
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.servers import PATIENCE

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=1000 * PATIENCE)


def wait_for_network(page):
    """Waits for the network's maps, and for what it says without its parts."""
    expect(page.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_test_id("cut-pending")).to_have_attribute("hidden", "")  # its panel may be closed


def wait_for_silence(page, seconds=1):
    """Waits until the page has nothing more to tell the server, which has answered all."""
    answering = page.locator("[data-test-script-state=running]")  # of Streamlit
    while not page.sent or time.monotonic() - page.sent[-1] < seconds or answering.count():
        page.wait_for_timeout(100)


def expect_image(page, name):
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile(f"^{re.escape(name)}"))


def expect_readout(page, text):
    expect(page.get_by_test_id("salt-readout")).to_contain_text(text)


def expect_why(page, sentence="90 % of the influence"):
    expect(page.get_by_test_id("pixel-why")).to_contain_text(re.compile(sentence))


def expect_cut_and_layer(page, skip, layer):
    expect(page.get_by_test_id(f"site-{skip}")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id(f"site-{layer}")).to_have_attribute("aria-current", "true")


def expect_no_scrolling(page, *parts):
    """Fails where the page, or one of its parts, is wider than the window."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in filter(None, (part.bounding_box() for part in parts)):
        assert 0 <= box["x"] <= width - box["width"]


def upload(page, *files, which=0):
    """Drops files of these names and contents on the first uploader, or on another."""
    given = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    page.locator("input[type=file]").nth(which).set_input_files(given)


def set_threshold(page, threshold):
    """Types into the number that stands beside the slider."""
    exact = page.get_by_test_id("salt-threshold-exact")
    exact.fill(f"{threshold:.2f}")
    exact.press("Enter")


def link(address):
    """What an address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def expect_link(page, name, value):
    page.wait_for_url(lambda address: link(address).get(name) == value)


def expect_accessible(page, part):
    """Fails where axe finds something in a part of the page that would shut somebody out."""
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    page.wait_for_timeout(1500)
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        """part => {
          const host = "[data-testid=stBidiComponentIsolated]";  // Streamlit's shadow root
          const inside = document.querySelector(host) ? [host, part] : [part];
          return axe.run({ include: [{ fromShadowDom: inside }] }, { resultTypes: ["violations"] });
        }""",
        part,
    )["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, json.dumps(serious, indent=1)[:3000]

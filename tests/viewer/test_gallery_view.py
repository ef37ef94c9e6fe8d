"""The strip of many images: how it sorts, and what it says of each."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo import bundle
from tests.viewer.page import ADDRESS
from tests.viewer.panels import settle

pytestmark = pytest.mark.browser
VIEW = Path(bundle.__file__).parent / "gallery_view"
HTML = f"""<!doctype html><style>{(VIEW / "gallery.css").read_text(encoding="utf-8")}</style><main></main>
<script type="module">
import show from "/gallery.js";
window.show = (data) => show({{ parentElement: document.querySelector("main"), data, setTriggerValue() {{}} }});
</script>"""


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.route(f"{ADDRESS}**", lambda route: route.fulfill(body=HTML, content_type="text/html"))
    script = (VIEW / "gallery.js").read_text(encoding="utf-8")
    page.route(f"{ADDRESS}gallery.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.goto(ADDRESS)
    page.wait_for_function("'show' in window")
    yield page
    page.close()


def show(page, *names, **numbers):
    return show_rows(page, [numbers | {"name": name} for name in names])


def show_rows(page, rows, other=None):
    """The names in the order in which they are shown."""
    row = {"thumbnail": "", "share": 0.25, "highest": 0.9, "iou": None, "competition": None, "disagreement": None}
    data = {"key": json.dumps([rows, other]), "open": "", "other": other, "rows": [row | one for one in rows]}
    page.evaluate("(data) => show(data)", data)
    settle(page)  # until a frame is drawn, the browser skips what an image says
    return page.locator(".name").all_text_contents()


def test_numbers_in_names_are_counted_and_those_of_hexadecimal_ids_are_letters(page):
    assert show(page, "img10.png", "img2.png", "Img1.png") == ["Img1.png", "img2.png", "img10.png"]
    ids = ["00a3af90ab.png", "0280deb8ae.png", "10833853b3.png", "1b0d74b359.png", "9067effd34.png"]
    assert show(page, *reversed(ids)) == ids


def test_an_image_says_its_numbers_and_what_map_is(page):
    show(page, "a.png", iou=0.8, competition=0.7)
    button = page.get_by_role("button", name="a.png")
    assert button.inner_text().split("\n") == ["a.png", "salt 25.0 %", "highest 0.90", "IoU 0.800", "mAP 0.7"]
    assert "the share of the IoU thresholds 0.50, 0.55, …, 0.95" in button.get_attribute("title")
    expect(page.get_by_role("combobox")).to_contain_text("mAP")
    assert show(page, "b" * 90 + ".png") == ["b" * 90 + ".png"]
    name = page.locator(".name")
    assert name.evaluate("(one) => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight")


def test_with_a_second_network_the_strip_is_sorted_by_disagreement_until_the_user_sorts_it_otherwise(page):
    shares = {"a": 0.012, "b": 0.25, "c": 0.0}
    rows = [{"name": name, "disagreement": share} for name, share in shares.items()]
    order = page.get_by_role("combobox")
    assert show_rows(page, [{"name": name} for name in shares]) == ["a", "b", "c"]
    expect(order).not_to_contain_text("Disagreement")
    assert show_rows(page, rows, "tiny") == ["b", "a", "c"]
    expect(order).to_have_value("disagreement")
    expect(page.locator(".image").last).to_contain_text("disagree 0.0 %")
    assert [text.split("disagree ")[1] for text in page.locator(".image").all_inner_texts()] == [
        "25.0 %",
        "1.2 %",
        "0.0 %",
    ]
    order.select_option("name")
    rows[0]["disagreement"] = 0.3  # at another threshold
    assert show_rows(page, rows, "tiny") == ["a", "b", "c"]
    assert show_rows(page, rows, "large") == ["a", "b", "c"]
    expect(order).to_have_value("disagreement")
    assert show_rows(page, [{"name": name} for name in "cab"]) == ["a", "b", "c"]
    expect(order).to_have_value("name")

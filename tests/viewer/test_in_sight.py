"""What a gesture answers is in sight: of a window of 1400 x 1000 the viewer has 1070 x 816, of a phone all of it."""

import pytest
from playwright.sync_api import expect

from demo import images
from tests.viewer.page import open_viewer, viewer_page
from unet import Segmenter

pytestmark = pytest.mark.browser
FONT = "DejaVu Sans Condensed"  # wider than what the pages bring along: where it fits, they do
REM = 15  # as the pages have it


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.load()


@pytest.fixture
def desk(browser, segmenter):
    with viewer_page(browser, images.open_sample("Salt stock"), segmenter, viewport=(1094, 844)) as page:
        yield page


def open_condensed(page, query):
    open_viewer(page, query)
    page.add_style_tag(content=f"html {{ font-size: {REM}px }} body {{ --st-font: '{FONT}' }}")


def expect_in_sight(page, *testids):
    """These elements lie in what is seen of the panels, which have not been scrolled."""
    panels = page.locator(".panels")
    assert panels.evaluate("(panels) => panels.scrollTop") == 0
    seen = panels.bounding_box()
    for testid in testids:
        part = page.get_by_test_id(testid)
        expect(part).to_be_visible()
        box = part.bounding_box()
        assert box["y"] >= seen["y"], testid
        assert box["y"] + box["height"] <= seen["y"] + seen["height"] + 0.5, testid
        assert box["x"] + box["width"] <= seen["x"] + seen["width"] + 0.5, testid


def test_a_cut_with_its_numbers_its_difference_and_all_combinations(desk):
    open_condensed(desk, "tab=cut")
    desk.get_by_test_id("toggle-skip2").click()
    expect_in_sight(desk, "cut-result", "cut-difference", "cut-overlay", "cut-cell-0", "cut-cell-15")


def test_the_reasons_of_a_pixel_with_every_level(desk):
    open_condensed(desk, "tab=why&pixel=50,40&random=1")
    expect(desk.get_by_test_id("why-map-bottleneck")).to_contain_text("r ")
    expect_in_sight(
        desk, "why-value", "why-sentence", "why-map-gradient", "why-map-decoder1", "why-state", "why-random"
    )


def test_on_a_phone_a_cut_is_seen_in_the_image_above_its_numbers(browser, segmenter):
    stock = images.open_sample("Salt stock")
    with viewer_page(browser, stock, segmenter, viewport=(390, 844), has_touch=True, is_mobile=True) as page:
        open_viewer(page)
        page.get_by_test_id("site-skip2").tap()
        expect(page.get_by_test_id("cut-result")).to_be_visible()
        stage, first = page.locator(".image .stage"), page.get_by_test_id("toggle-skip1")
        page.wait_for_function(
            "() => document.querySelector('.tabs').getBoundingClientRect().top < innerHeight / 2 + 60"
        )
        image, below = stage.bounding_box(), first.bounding_box()
        assert image["y"] >= 0
        assert image["y"] + image["height"] <= below["y"] < 844
        columns = page.get_by_test_id("cut-grid").evaluate("(grid) => getComputedStyle(grid).gridTemplateColumns")
        assert len(columns.split()) == 4

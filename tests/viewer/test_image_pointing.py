"""Pointing at the image: clicks, boxes, the value under the mouse, the window, fingers."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer import image_panel as panel
from tests.viewer.panels import change, expect_texts, panels_page, settle, state

pytestmark = pytest.mark.browser


# --- Pointing -----------------------------------------------------------------------------------------------


def under(page, x, y):
    """The [row, column] of the pixel that is drawn at a place of the screen, in the image ``panel.COUNTED``."""
    settle(page)
    box = panel.canvas_of(page).bounding_box()
    place = (y - box["y"]) / box["height"], (x - box["x"]) / box["width"]
    return list(divmod(int(panel.part_of(page, *place, 0, 0)[0, 0, 0]), 16))


def test_a_click_chooses_the_pixel_under_it_at_every_zoom(page):
    panel.show(page, *panel.COUNTED)
    whole = [[0, 0], [11, 4], [8, 15]]

    def clicked() -> list:
        seen = []
        for place in (panel.at(page, 0.02, 0.03), panel.at(page, 0.31, 0.72), panel.at(page, 0.97, 0.51)):
            change(page, pixel=None)
            page.mouse.move(*place)
            seen.append(under(page, *place))
            page.mouse.click(*place)
            assert panel.last_call(page) == {"pixel": seen[-1], "box": None, "settled": True}
            assert state(page, "hover") == seen[-1]
        change(page, pixel=None)
        return seen

    assert clicked() == whole
    one, other = panel.at(page, 0.7, 0.3), panel.at(page, 0.6, 0.4)
    page.mouse.move(*one)  # the image was clicked: the wheel is its own
    before = under(page, *one)
    for _ in range(4):
        page.mouse.wheel(0, -100)
    assert under(page, *one) == before  # what is under the mouse stays there
    assert page.evaluate("scrollY") == 0
    assert clicked() != whole

    # With Shift, or by the switch, the image follows the hand.
    before = under(page, *one)
    page.keyboard.down("Shift")
    panel.drag(page, one, other)
    page.keyboard.up("Shift")
    assert under(page, *other) == before
    panel.pick(page, "Move")
    panel.drag(page, other, one)
    assert under(page, *one) == before
    assert [state(page, name) for name in ("box", "pixel")] == [None, None]
    clicked()

    change(page, pixel=[15, 0])  # the keyboard's pixel is brought into sight
    assert under(page, *panel.at(page, 0.03, 0.97)) == [15, 0]
    page.get_by_role("button", name="Whole").click()
    settle(page)
    assert clicked() == whole

    # At its whole size the wheel scrolls the page past the image.
    page.mouse.move(*one)
    page.mouse.wheel(0, 200)
    page.wait_for_function("scrollY > 0")


def test_the_wheel_of_a_reader_scrolls_past_and_says_once_how_it_zooms(page):
    panel.show(page, *panel.COUNTED)
    corner, hint = panel.at(page, 0.02, 0.03), page.get_by_test_id("salt-wheel")
    place = panel.at(page, 0.7, 0.3)
    expect(hint).to_be_hidden()
    page.mouse.move(*place)
    page.mouse.wheel(0, 100)
    page.wait_for_function("scrollY === 100")
    expect(hint).to_have_text("Ctrl + wheel zooms; after a click on the image the wheel alone.")
    expect(hint).to_be_visible()
    page.mouse.wheel(0, -100)
    page.wait_for_function("scrollY === 0")
    assert under(page, *corner) == [0, 0]
    expect(hint).to_be_hidden()
    for key in ("Control", "Meta"):
        page.keyboard.down(key)
        page.mouse.wheel(0, -100)
        page.keyboard.up(key)
        assert under(page, *corner) != [0, 0]
        assert page.evaluate("scrollY") == 0
        page.get_by_role("button", name="Whole").click()
        page.mouse.move(*place)
    page.mouse.wheel(0, 40)
    page.wait_for_function("scrollY === 40")
    expect(hint).to_be_hidden()  # said already
    page.mouse.wheel(0, -40)


def test_a_drag_marks_a_box(page):
    panel.show(page, *panel.SECTION[:2])
    places = [panel.spot(page, *place, (40, 48)) for place in ((30, 20), (25, 22), (11, 29), (39, 44), (39, 46))]
    panel.drag(page, *places[:2], release=False)
    settle(page)
    assert state(page, "box") == [25, 20, 6, 3]
    assert panel.has_color(page, panel.WHITE, 25 / 40 - 0.01, 20 / 48, 0.02, 3 / 48)
    page.mouse.move(*places[2], steps=3)
    assert not any(call["settled"] for call in page.evaluate("calls") if "box" in call)
    page.mouse.up()
    assert [state(page, name) for name in ("box", "pixel")] == [[11, 20, 20, 10], [21, 25]]
    assert panel.last_call(page)["settled"] is True
    panel.drag(page, *places[3:])  # at least two pixels a side, also at the edge
    assert state(page, "box") == [38, 44, 2, 3]


def test_the_value_under_the_mouse(page):
    panel.show(page, *panel.SECTION)
    row, column = np.argwhere(panel.TRUTH)[0].tolist()
    page.mouse.move(*panel.spot(page, row, column, panel.TRUTH.shape))
    probability, grey = panel.PROBABILITY[row, column], panel.IMAGE[row, column]
    value = f"row {row}, column {column}: probability {probability:.2f} · grey {grey}"
    expect_texts(page, "salt", cursor=f"{value} · truth: salt")
    assert page.evaluate("calls.filter((call) => call.settled).length") == 0
    page.mouse.move(1, 1)
    expect_texts(page, "salt", cursor="Point at a pixel")
    assert state(page, "hover") is None


def test_the_window_of_a_large_image_is_moved_by_hand_and_by_number(page):
    rng = np.random.default_rng(1)
    grey, probability = rng.integers(0, 90, (200, 300), np.uint8), rng.random((200, 300), np.float32)
    panel.show(page, grey, probability, state={"window": [10, 20], "threshold": 1}, viewport=(1000, 800))
    page.get_by_text("The opened part of this large image").click()
    wide, viewer = page.get_by_test_id("salt-wide"), page.locator(".salt-viewer")
    for is_wide in (True, False):
        wide.click()
        expect(wide).to_have_attribute("aria-pressed", str(is_wide).lower())
        expect(viewer).to_have_class("salt-viewer wide" if is_wide else "salt-viewer")
    rows, columns = (page.get_by_role("spinbutton", name=f"First {name} of the window") for name in ("row", "column"))
    expect(rows).to_have_value("10")
    expect(columns).to_have_attribute("max", "172")
    assert panel.has_color(page, panel.WHITE, 0.04, 60 / 300, 0.02, 0.2)
    columns.fill("500")
    columns.press("Enter")
    assert state(page, "window") == [10, 172]
    expect(columns).to_have_value("172")

    # By its border, and nothing is set on the way.
    page.evaluate("calls.length = 0")
    panel.drag(page, panel.spot(page, 90, 171.5, grey.shape), panel.spot(page, 120, 101.5, grey.shape), release=False)
    expect(columns).to_have_value("102")
    assert not any("window" in call for call in page.evaluate("calls"))
    page.mouse.up()
    assert [state(page, name) for name in ("window", "box")] == [[40, 102], None]

    grip = page.get_by_test_id("salt-grip").bounding_box()
    panel.drag(page, (grip["x"] + 8, grip["y"] + 8), (grip["x"] - 600, grip["y"] - 600))
    assert state(page, "window") == [0, 0]
    panel.show(page, grey[:100, :100], probability[:100, :100])
    expect(page.get_by_role("spinbutton", name="First row of the window")).to_be_hidden()
    expect(wide).to_be_hidden()


def test_a_click_asks_why_and_opens_the_part_around_it(page):
    rng = np.random.default_rng(1)
    grey, probability = rng.integers(0, 90, (200, 300), np.uint8), rng.random((200, 300), np.float32)
    panel.show(page, grey, probability, state={"window": [10, 20], "threshold": 1})
    page.mouse.click(*panel.spot(page, 50, 60, grey.shape))
    assert [state(page, name) for name in ("window", "pixel")] == [[10, 20], [50, 60]]
    page.mouse.click(*panel.spot(page, 100, 290, grey.shape))
    assert [state(page, name) for name in ("window", "pixel")] == [[36, 172], [100, 290]]
    # A box that reaches out of the opened part takes it along.
    panel.drag(page, panel.spot(page, 100, 150, grey.shape), panel.spot(page, 121, 181, grey.shape))
    assert [state(page, name) for name in ("box", "window")] == [[100, 150, 22, 32], [47, 102]]
    assert page.evaluate("opened") == ["why"] * 3


def test_a_large_image_is_smooth_until_its_pixels_are_large(page):
    grey = np.zeros((200, 300), np.uint8)
    grey[:, 1::2] = 200
    panel.show(page, grey, np.zeros(grey.shape, np.float32), state={"window": [0, 0]})

    def tones():
        return len(np.unique(panel.part_of(page, 0.9, 0.5, 0.02, 0.2)))

    assert tones() > 2
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    settle(page)
    assert tones() == 2


def test_the_overview_moves_the_enlarged_part(page):
    panel.show(page, *panel.COUNTED)
    overview = page.get_by_test_id("salt-overview")
    expect(overview).to_be_hidden()
    for _ in range(2):
        page.get_by_role("button", name="Zoom in").click()
    settle(page)
    box = overview.bounding_box()
    page.mouse.click(box["x"] + 0.99 * box["width"], box["y"] + 0.99 * box["height"])
    assert under(page, *panel.at(page, 0.99, 0.99)) == [15, 15]
    settle(page)
    shares = overview.evaluate(
        """(overview) => {
            const boxes = [overview, overview.querySelector(".sight")].map((one) => one.getBoundingClientRect());
            const [whole, sight] = boxes;
            return [(sight.left - whole.left) / whole.width, sight.height / whole.height];
        }"""
    )
    assert shares == pytest.approx([0.75, 0.25], abs=0.01)  # four times enlarged
    assert state(page, "pixel") is None


def test_a_phone_taps_pinches_and_scrolls_past(browser):
    with panels_page(browser, viewport=(390, 844), has_touch=True, is_mobile=True) as page:
        panel.show(page, *panel.COUNTED, viewport=(390, 844))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        x, y = panel.spot(page, 4, 11, (16, 16))
        page.touchscreen.tap(x, y)
        assert state(page, "pixel") == [4, 11]
        expect_texts(page, "salt", cursor="row 4, column 11")

        touch = page.context.new_cdp_session(page)

        def fingers(kind, *points):
            given = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": given})

        change(page, pixel=None)
        (middle, level), (edge, _) = panel.at(page, 0.51, 0.51), panel.at(page, 0.01, 0.5)
        before = under(page, middle, level)
        fingers("Start", (middle - 60, level))
        fingers("Move", (middle - 30, level))
        settle(page)
        assert state(page, "box") is not None  # one finger marks a box; the second takes it back
        for reach, kind in ((30, "Start"), (40, "Move"), (50, "Move"), (60, "Move")):
            fingers(kind, (middle - reach, level), (middle + reach, level))
        fingers("End")
        assert under(page, middle, level) == before
        assert under(page, edge, level) != [before[0], 0]  # twice as large: the edge is out of sight
        assert [state(page, name) for name in ("pixel", "box")] == [None, None]
        # One finger moves the enlarged image, and marks nothing.
        here = under(page, middle, level)
        fingers("Start", (middle, level))
        for step in (20, 40, 60):
            fingers("Move", (middle + step, level))
        page.wait_for_timeout(300)  # the finger rests: Chromium takes a tap after a swipe for the end of its flight
        fingers("End")
        assert under(page, middle + 60, level) == here
        assert [state(page, name) for name in ("pixel", "box")] == [None, None]
        expect(page.get_by_role("radio", name="Move")).to_be_hidden()  # there is no such choice for a finger
        page.get_by_role("button", name="Zoom out").tap()
        assert under(page, edge, level) == [before[0], 0]

        bottom = panel.at(page, 0, 0)[1] + 300
        for step in range(12):
            fingers("Move" if step else "Start", (x, bottom - 15 * step))
        fingers("End")
        assert page.evaluate("scrollY") > 100
        assert state(page, "box") is None

        # The page passes under the image, and what is brought into sight knows how much of it is covered.
        page.evaluate("scrollTo(0, document.querySelector('.toolbar').getBoundingClientRect().bottom + scrollY + 60)")
        stage = page.locator(".stage").bounding_box()
        assert stage["y"] == pytest.approx(0, abs=0.5)
        assert stage["height"] <= 0.43 * 844
        covered = page.locator(".salt-viewer").evaluate("(viewer) => viewer.style.getPropertyValue('--stage')")
        assert float(covered.removesuffix("px")) == pytest.approx(stage["height"], abs=1)

"""Figures for a paper, and the dialog that offers them."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.pages import AXE
from tests.viewer.page import open_viewer
from tests.viewer.take.dialog import STOCK, SVG, figure, leave, save, texts
from unet import explain, render

pytestmark = pytest.mark.browser

XLINK = "{http://www.w3.org/1999/xlink}"


def rasters(root):
    """The pixels of every raster, (h, w, 4)."""
    sources = [element.get(f"{XLINK}href").partition("base64,")[2] for element in root.iter(f"{SVG}image")]
    return [np.array(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGBA")) for source in sources]


def chunks(content):
    """A PNG's chunks, with their checksums checked."""
    place, found = 8, {}
    while place < len(content):
        length, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        data = content[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + data) == int.from_bytes(content[place + 8 + length : place + 12 + length])
        found.setdefault(kind, data)
        place += 12 + length
    return found


def colours(values, palette, factor, middle=0):
    """What color.js makes of values: the nearest colour of a palette, halves up."""
    places = np.floor(np.asarray(values, np.float64) * factor + 0.5).astype(int) + middle
    return palette[np.clip(places, 0, len(palette) - 1)]


def test_the_figure_of_the_image_has_its_values_its_axes_and_an_escaped_caption(page, large, folder):
    open_viewer(page, image=large)
    probability = page.shown[1].probability(large.grey)
    page.get_by_role("radio", name="Heat map").check(force=True)
    content, root = figure(page, "image", folder)
    grey, heat, bar = rasters(root)
    np.testing.assert_array_equal(grey[..., :3], np.repeat(large.pixels[..., None], 3, axis=2))
    np.testing.assert_array_equal(heat[..., :3], colours(probability, render.SEQUENTIAL, 255))
    np.testing.assert_array_equal(bar[0, :, :3], render.SEQUENTIAL)
    assert {"0", "50", "100", "150", "column (pixels)", "row (pixels)", "probability of salt", "1"} <= set(texts(root))
    name = large.name.replace("\n", "\N{REPLACEMENT CHARACTER}")
    assert name in root.find(f"{SVG}desc").text
    assert "<b>" not in content
    assert "threshold 0.40" in " ".join(texts(root))
    # The edge of the mask, once as a line of black and once in the colour of salt.
    assert "rgb(230,159,0)" in content


def test_the_figure_of_a_map_has_the_colours_of_its_256_levels(page, folder):
    open_viewer(page, "layer=encoder2&channel=5")
    maps = page.shown[1].trace(STOCK.grey).crop("encoder2")[5].astype(np.float64)
    low, step = maps.min(), np.ptp(maps) / 255
    levels = low + step * np.rint((maps - low) / step)
    _, root = figure(page, "maps", folder)
    drawn, _ = rasters(root)
    expected = colours(levels, render.SEQUENTIAL, 255 / maps.max())
    assert (drawn[..., :3] == expected).all(axis=2).mean() > 0.999  # a level may lie on the edge of two colours
    assert f"{maps.max():.3g}" in texts(root)
    take_size = page.get_by_test_id("figure-size").text_content()
    png_file = (folder / save(page, "figure-png", folder)).read_bytes()
    found = chunks(png_file)
    assert found[b"pHYs"] == (11811).to_bytes(4) * 2 + b"\1"  # 300 dpi in pixels a metre
    width, height = int.from_bytes(found[b"IHDR"][:4]), int.from_bytes(found[b"IHDR"][4:8])
    assert (width, f"{width} × {height} pixels" in take_size) == (1050, True)
    with Image.open(io.BytesIO(png_file)) as painted:
        assert painted.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
        shown = np.array(painted.convert("RGB")).reshape(-1, 3)
    assert (shown == expected[20, 20]).all(axis=1).any()

    leave(page)
    page.get_by_test_id("over-image").check()
    _, root = figure(page, "image", folder)
    assert {"0", f"{maps.max():.3g}", "activation"} <= set(texts(root))
    grey, over, _ = rasters(root)
    np.testing.assert_array_equal(grey[..., :3], np.repeat(STOCK.pixels[..., None], 3, axis=2))
    lower = over[50, 50, :3].astype(int) - expected[(50 + 1) // 2, (50 + 1) // 2]  # padded by 1 above and left
    assert abs(lower).max() <= 1


def test_the_figure_of_a_cut_shows_the_change(page, folder):
    open_viewer(page, "cuts=skip2&tab=cut")
    table = explain.cut_table(page.shown[1], STOCK.grey)
    _, root = figure(page, "cut", folder)
    *_, change, bar = rasters(root)
    limit = next(scale for scale in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if abs(table[2] - table[0]).max() <= scale)
    expected = colours(table[2] - table[0], render.DIVERGING, 127 / limit, 127)
    # Probabilities of combinations travel with twelve bits.
    assert abs(change[..., :3].astype(int) - expected).max() <= 12
    np.testing.assert_array_equal(bar[0, :, :3], render.DIVERGING)
    assert f"−{limit:g}" in texts(root)


def test_every_view_has_a_figure_and_says_what_it_lacks(page, folder):
    open_viewer(page, "pixel=40,52&other=salt-unet-tiny&cuts=skip1&edits=impulse:30,30")
    for view in ("curves", "maps", "cut", "why", "hold", "values", "compare", "touch"):
        page.get_by_test_id("figure").click()
        page.get_by_test_id("take-view").select_option(view)
        if view == "maps":
            expect(page.get_by_test_id("take-problem")).to_have_text("Click a block of the network first.")
            expect(page.get_by_test_id("figure-svg")).to_be_hidden()
        else:
            expect(page.get_by_test_id("figure-preview")).to_be_visible()
            assert page.get_by_test_id("figure-preview").get_attribute("alt")
        leave(page)


def test_nothing_more_is_asked_for_a_figure_that_nobody_waits_for(page):
    open_viewer(page, "pixel=40,52")
    asked = "requests.filter(({ kind }) => kind === 'faithfulness').length"
    page.evaluate("hold(({ kind }) => kind === 'faithfulness')")
    page.get_by_test_id("figure").click()
    page.get_by_test_id("take-view").select_option("hold")
    page.wait_for_function(f"{asked} === 1")
    leave(page)
    page.evaluate("hold(null)")
    page.wait_for_timeout(500)  # an order takes a few milliseconds
    assert page.evaluate(asked) == 1


# --- The dialog -----------------------------------------------------------------------------------------------


def test_the_dialog_by_keyboard(page):
    open_viewer(page)
    button = page.get_by_test_id("copy-python")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("python-code")).to_contain_text("synthetic.section(2000000014)")
    page.keyboard.press("c")  # of the page below: contour
    page.get_by_test_id("python-copy").press("Enter")
    # No clipboard without https: what was to be copied is selected.
    expect(page.get_by_test_id("python-copied")).to_contain_text("selected")
    selected = page.evaluate("getSelection().toString()")
    assert selected.strip() == page.get_by_test_id("python-code").text_content().strip()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("take")).to_be_hidden()
    expect(button).to_be_focused()
    expect(page.get_by_role("radio", name="Fill")).to_be_checked()


def test_the_dialog_shuts_nobody_out(page):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    open_viewer(page, "layer=encoder2&channel=1")
    page.add_script_tag(path=AXE)
    page.get_by_test_id("copy-python").click()
    for kind, width in (("python", 1300), ("figure", 390)):
        page.set_viewport_size({"width": width, "height": 844})
        page.get_by_test_id(f"take-{kind}").click()
        expect(page.get_by_test_id("take-problem")).to_have_text("")
        box = page.get_by_test_id("take").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert not page.evaluate("axe.run('dialog.take', { resultTypes: ['violations'] })")["violations"]

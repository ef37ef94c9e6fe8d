"""Alike places against cosines that NumPy computes, from values known by hand and from the network's own."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import images
from demo.explorer import quantise
from demo.images import SeismicImage
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import change, encode, pixels, settle, start
from unet import render

pytestmark = pytest.mark.browser
LENS = images.open_sample("Small lens")


@pytest.fixture(scope="module")
def viewer(browser, waves, segmenter):
    with viewer_page(browser, waves, segmenter) as page:
        yield page


def sent(maps):
    """(C, h, w) maps as the browser gets them, and the values that it can know of them."""
    found = quantise(maps.astype(np.float32))
    spread = (found.high - found.low).astype(np.float64)
    values = found.low[:, None, None] + spread[:, None, None] * found.values / 255
    return {name: getattr(found, name) for name in found.__struct_fields__}, values


def cosines(values, place, others=None):
    """(h, w) float64: the cosine of all channels at a place with those everywhere, NaN where either is 0."""
    others = values if others is None else others
    vector = values[:, *place]
    with np.errstate(invalid="ignore"):
        products = np.tensordot(vector, others, axes=1)
        return products / (np.linalg.norm(vector) * np.linalg.norm(others, axis=0))


def best_of(similarity, place=None, apart=0):
    """Row and column of the highest one, outside a square around a place."""
    far = np.nan_to_num(similarity, nan=-9.0)
    if place is not None:
        rows, columns = np.indices(similarity.shape)
        far[np.maximum(abs(rows - place[0]), abs(columns - place[1])) < apart] = -9
    return tuple(map(int, np.unravel_index(far.argmax(), far.shape)))


def cosine_in_browser(page, one, cell, other=None):
    script = "(text) => [...viewer.cosineSimilarity(...decode(text))]"
    return np.array(page.evaluate(script, encode([one, cell, other or one])))


@pytest.mark.parametrize("lowest", [0, -3])  # behind a ReLU, and where negative values are possible
def test_the_cosine_of_feature_vectors_is_numpys(page, lowest):
    rng = np.random.default_rng(lowest + 9)
    one, values = sent(rng.uniform(lowest, 2, (5, 6, 7)))
    other, others = sent(rng.uniform(lowest, 5, (5, 4, 9)))
    for row, column in ((0, 0), (3, 5)):
        cell = row * 7 + column
        found = cosine_in_browser(page, one, cell).reshape(6, 7)
        np.testing.assert_allclose(found, cosines(values, (row, column)), atol=1e-6)
        assert found[row, column] == pytest.approx(1, abs=1e-6)
        across = cosine_in_browser(page, one, cell, other).reshape(4, 9)
        np.testing.assert_allclose(across, cosines(values, (row, column), others), atol=1e-6)
        assert (across.min() < 0) == (lowest < 0)


def known_maps():
    """Two maps of 40 x 40: nothing at the top, (1, 1) along row 10, (3, 3) at one place, (2, 0) below row 20."""
    maps = np.zeros((2, 40, 40))
    maps[:, 10] = 1
    maps[:, 30, 35] = 3
    maps[0, 20:30] = 2
    return maps


def start_known(page, place):
    sites = [{"name": "encoder1", "channels": 2, "stride": 1}, {"name": "logits", "channels": 1, "stride": 1}]
    grey = np.full((40, 40), 128, np.uint8)
    state = {
        "tab": "maps", "layer": "encoder1", "channel": None, "sort": "number", "shared": False, "alike": list(place),
        "lesson": None, "undone": "",
    }  # fmt: skip
    start(page, ["image", "maps"], grey, np.zeros((40, 40), np.float32), state=state, network={"sites": sites})
    maps = {"sites": {"encoder1": sent(known_maps())[0]}, "cuts": "zero 0"}
    page.evaluate("(text) => { explorer.maps = decode(text); touch('maps'); }", encode(maps))
    settle(page)


def test_the_most_alike_place_is_outside_the_neighbourhood_and_what_is_0_has_no_similarity(page):
    start_known(page, (10, 4))
    answer, status = page.get_by_test_id("salt-answer"), page.get_by_test_id("alike-status")
    # Row 10 has the same direction: its first column 16 pixels away wins over (3, 3), as alike, further down.
    expect(answer).to_have_text(
        "encoder1 at row 10, column 4: most alike, 16 pixels away or more, is row 10, column 20, similarity 1.00."
    )
    zeros = 40 * 40 - 40 - 400 - 1
    expect(status).to_have_text(
        f"Half of all places are above 0.71, the least alike has 0.71; {zeros:,} places with nothing but 0 have none."
    )
    overlay = pixels(page.evaluate_handle("explorer.state.overlay.canvas").as_element(), 0, 0, 1, 1)
    shown = [tuple(overlay[row, 3]) for row in (10, 25, 0)]
    assert shown == [(*render.SEQUENTIAL[255], 255), (*render.SEQUENTIAL[round(255 / np.sqrt(2))], 255), (0, 0, 0, 0)]
    change(page, hover=[25, 3])
    expect(status).to_have_text("row 25, column 3: similarity 0.71")
    expect(page.get_by_test_id("salt-cursor")).to_contain_text("row 25, column 3: similarity 0.71 · probability")
    expect(page.get_by_test_id("salt-chip")).to_contain_text("similarity")
    change(page, hover=[0, 3])
    expect(status).to_have_text("row 0, column 3: no similarity: all is 0")

    change(page, hover=None, alike=[0, 0])
    expect(answer).to_have_text("encoder1 at row 0, column 0: all 2 values are 0 there, so it is like no other place.")
    expect(status).to_contain_text("no direction to compare")
    page.get_by_test_id("alike-row").fill("30")
    page.get_by_test_id("alike-column").fill("35")
    page.keyboard.press("Tab")
    expect(answer).to_contain_text("row 30, column 35: most alike, 16 pixels away or more, is row 10, column 0,")
    assert [kind for kind in page.evaluate("requests.map(({ request }) => request.kind)") if kind == "maps"] == []


def place_words(cell, stride, before):
    """The pixel in the middle of a position."""
    starts = [max(0, at * stride - before) for at in cell]
    ends = [min(101, at * stride - before + stride) for at in cell]
    row, column = ((start + end - 1) // 2 for start, end in zip(starts, ends, strict=True))
    return f"row {row}, column {column}"


@pytest.mark.parametrize("name", ["up2", "bottleneck"])
def test_a_click_anywhere_finds_what_numpy_finds_here_and_in_a_sample_without_a_message(viewer, segmenter, waves, name):
    trace = segmenter.trace(waves.grey)
    values, lens = (sent(found.crop(name))[1] for found in (trace, segmenter.trace(LENS.grey)))
    stride = next(site.stride for site in segmenter.model.sites() if site.name == name)
    before, apart = trace.padding.top % stride, max(2, 16 // stride)
    open_viewer(viewer, f"layer={name}&channel=1")
    viewer.get_by_test_id("alike").click()
    viewer.get_by_test_id("alike-image").select_option("Small lens")
    other = viewer.get_by_test_id("alike-other")
    expect(other).to_contain_text("Small lens")
    asked = viewer.evaluate("requests.at(-1)")
    assert (asked["kind"], asked["sample"], asked["window"]) == ("maps", "Small lens", [0, 0])
    messages, settled = viewer.evaluate("[requests.length, settled.length]")

    tile = viewer.get_by_test_id("tiles").locator("canvas").first
    for target, share in ((viewer.get_by_test_id("chosen-map").locator("canvas"), (0.3, 0.6)), (tile, (0.7, 0.2))):
        box = target.bounding_box()
        target.click(position={"x": share[1] * box["width"], "y": share[0] * box["height"]})
        settle(viewer)
        said = viewer.get_by_test_id("salt-answer").inner_text()
        row, column = (int(text) for text in re.match(rf"{name} at row (\d+), column (\d+)", said).groups())
        assert abs(row - share[0] * 101) < 2 + stride  # the tile is drawn small
        cell = tuple((at + before) // stride for at in (row, column))
        here, there = cosines(values, cell), cosines(values, cell, lens)
        best, across = best_of(here, cell, apart), best_of(there)
        words = f"is {place_words(best, stride, before)}, similarity {here[best]:.2f}"
        assert f"{words}; in Small lens {place_words(across, stride, before)}, similarity {there[across]:.2f}" in said
        found = np.nanmedian(here), np.nanmedian(there)
        viewer.mouse.move(0, 0)
        settle(viewer)
        for median in found:
            numbers = re.findall(r"above (−?\d\.\d\d)", viewer.get_by_test_id("alike-status").inner_text())
            assert min(abs(float(one.replace("−", "-")) - median) for one in numbers) < 0.011

    viewer.get_by_test_id("salt-viewer").click(position={"x": 120, "y": 90})  # no question why
    settle(viewer)
    expect(viewer.get_by_test_id("tab-maps")).to_have_attribute("aria-selected", "true")
    before_keys = [int(viewer.get_by_test_id(f"alike-{axis}").input_value()) for axis in ("row", "column")]
    viewer.keyboard.press("ArrowDown")
    viewer.keyboard.press("ArrowRight")
    for axis, at in zip(("row", "column"), before_keys, strict=True):
        expect(viewer.get_by_test_id(f"alike-{axis}")).to_have_value(str(at + 1))
    viewer.wait_for_timeout(400)  # a state that is settled is told after 250 ms
    assert viewer.evaluate("[requests.length, settled.length]") == [messages, settled]
    viewer.keyboard.press("Escape")
    expect(viewer.get_by_test_id("alike")).to_have_attribute("aria-pressed", "false")
    expect(viewer.get_by_test_id("salt-overlay")).to_be_hidden()


def test_images_opened_before_are_compared_by_one_network_only_and_what_is_compared_is_said(viewer, waves, segmenter):
    open_viewer(viewer, "layer=decoder2")
    noise = SeismicImage("noise", np.random.default_rng(3).random((101, 101), np.float32))
    viewer.shown = noise, segmenter, 0.4
    viewer.evaluate("respond(null).then(receive)")
    expect(viewer.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")
    viewer.wait_for_function("requests.filter(({ kind }) => kind === 'maps').length === 2")
    settle(viewer)
    viewer.get_by_test_id("site-decoder2").click()
    viewer.get_by_test_id("alike").click()
    choice = viewer.get_by_test_id("alike-image")
    choice.select_option("waves")
    other = viewer.get_by_test_id("alike-other")
    expect(other).to_contain_text("waves")
    here, there = (sent(segmenter.trace(image.grey).crop("decoder2"))[1] for image in (noise, waves))
    row, column = (int(viewer.get_by_test_id(f"alike-{axis}").input_value()) for axis in ("row", "column"))
    before = segmenter.trace(noise.grey).padding.top % 2
    similarity = cosines(here, ((row + before) // 2, (column + before) // 2), there)
    expect(other).to_contain_text(f"{place_words(best_of(similarity), 2, before)}: {similarity.max():.2f}")
    viewer.get_by_test_id("site-skip1").click()
    viewer.get_by_test_id("tab-maps").click()
    expect(other).to_contain_text("here: without skip1; there: unchanged")
    viewer.get_by_test_id("random-weights").check()
    expect(choice.locator("option", has_text="waves")).to_have_count(0)
    expect(other).to_be_hidden()

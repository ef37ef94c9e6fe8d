"""The U and the maps of its blocks: what is drawn, sorted, cut and named, against the network itself."""

import itertools
import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from demo import explorer, images
from demo.images import SeismicImage
from tests.viewer.page import open_viewer, viewer_page, wait_for_network
from tests.viewer.panels import pixels, settle
from unet import Segmenter, explain, metrics, render
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, waves, segmenter):
    with viewer_page(browser, waves, segmenter) as page:
        yield page


def segmenter_of(**shape):
    torch.manual_seed(1)
    return Segmenter(UNet(UNetConfig(**shape)).eval(), Card(threshold=0.5, input=RULE))


def noise_of(shape):
    return SeismicImage("noise", np.random.default_rng(3).random(shape, np.float32))


def maps_of(segmenter, image, site):
    """(C, h, w) as the browser gets them: 256 levels between a map's lowest and highest value."""
    maps = segmenter.trace(image.grey).crop(site)
    low, spread = maps.min(axis=(1, 2), keepdims=True), np.ptp(maps, axis=(1, 2), keepdims=True)
    levels = np.rint((maps - low) / np.where(spread > 0, spread, 1) * 255)
    return (low + spread.astype(np.float64) * levels / 255).astype(np.float32)


def site(page, name):
    return page.get_by_test_id(f"site-{name}")


def tiles(page):
    return page.get_by_test_id("tiles").get_by_role("button")


def channels(page):
    """The numbers of the maps in the order they are shown."""
    return [int(number) for number in tiles(page).evaluate_all("all => all.map((tile) => tile.dataset.channel)")]


def drawn(canvas):
    return pixels(canvas)[..., :3].astype(int)


def thumbnail(page, name):
    return drawn(site(page, name).locator("canvas"))


def wait_until(page, is_so):
    for _ in range(100):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it has not come to be so within 10 s")


def number(text):
    """The first number of a text."""
    return float(text.replace("−", "-").split()[0])


def expect_current(page, *testids):
    for testid in testids:
        expect(page.get_by_test_id(testid)).to_have_attribute("aria-current", "true")


def numbers_of(page):
    return page.get_by_test_id("chosen-map").locator("dd")


def colored(maps, limit):
    """Blue below zero and orange above, or else from dark to light."""
    if maps.min() < 0:
        return render.DIVERGING[127 + np.rint(127 * maps / limit).astype(int)].astype(int)
    return render.SEQUENTIAL[np.rint(255 * maps / limit).astype(int)].astype(int)


@pytest.mark.parametrize("name", ["encoder1", "up2"])  # from 0 up, and of both signs
def test_maps_are_coloured_as_everywhere_else(page, segmenter, waves, name):
    maps = maps_of(segmenter, waves, name)
    open_viewer(page, f"layer={name}")
    expect(tiles(page)).to_have_count(len(maps))
    for shared in (False, True):
        page.get_by_test_id("shared").set_checked(shared)
        settle(page)
        limit = np.abs(maps).max(axis=None if shared else (1, 2), keepdims=True)
        wanted = colored(maps, np.where(limit > 0, limit, 1))
        shown = np.array([drawn(canvas) for canvas in tiles(page).locator("canvas").all()])
        # A colour of the palette up or down is five levels of a primary at most: ties are rounded differently.
        assert np.abs(shown - wanted).max() <= 5
        assert (shown[maps == 0] == wanted[maps == 0]).all()


def cell_sums(values, stride, before):
    """The sums over the cells of a map, by hand."""
    edges = np.maximum(0, np.arange(0, len(values) + before, stride) - before)
    return np.add.reduceat(np.add.reduceat(values, edges, axis=0), edges, axis=1)


@pytest.mark.parametrize("name", ["encoder2", "up1", "bottleneck"])
def test_maps_are_sorted_by_what_numpy_says(page, segmenter, waves, name):
    maps = maps_of(segmenter, waves, name).astype(np.float64)
    probability = segmenter.probability(waves.grey)
    threshold = float(np.median(probability))
    stride = next(known.stride for known in segmenter.model.sites() if known.name == name)
    before = segmenter.trace(waves.grey).padding.top % stride
    salt, everywhere = (probability > np.float32(threshold)).astype(float), np.ones(probability.shape)
    share = cell_sums(salt, stride, before) / cell_sums(everywhere, stride, before)
    effect = explain.channel_effects(segmenter, waves.grey, name)
    agreement = [np.corrcoef(one.ravel(), share.ravel())[0, 1] if one.std() else np.nan for one in maps]
    orders = (
        ("mean", "highest mean first", maps.mean(axis=(1, 2))),
        ("sparsity", "the largest share of values at zero or below first", (maps <= 0).mean(axis=(1, 2))),
        ("agreement", "from +1 to −1", np.array(agreement)),
        ("effect", "largest effect first", effect),
    )
    open_viewer(page, f"layer={name}", threshold=threshold)
    expect(tiles(page)).to_have_count(len(maps))
    assert channels(page) == list(range(len(maps)))
    status = page.get_by_test_id("maps-status")
    for by, words, wanted in orders:
        page.get_by_test_id("sort").select_option(by)
        expect(status).to_contain_text(f"{len(maps)} maps, {words}")
        shown = wanted[channels(page)]
        assert sorted(channels(page)) == list(range(len(maps)))
        known = shown[~np.isnan(shown)]
        assert (np.diff(known) <= 1e-5).all(), by
        assert np.isnan(shown[len(known) :]).all()
        if by == "mean":
            tiles(page).first.hover()
            expect(status).to_contain_text("mean")
            assert number(re.search(r"mean (\S+)", status.inner_text())[1]) == pytest.approx(shown[0], rel=6e-3)
            page.mouse.move(0, 0)
    tiles(page).first.click()  # an effect is measured once, also for the chosen map
    expect(numbers_of(page).nth(5)).to_have_text(re.compile("of probability"))
    assert number(numbers_of(page).nth(5).inner_text()) == pytest.approx(effect.max(), rel=6e-3)
    expect(page.get_by_test_id("measure")).to_be_hidden()
    count_of = "({ first, count }) => [first, count]"
    pieces = page.evaluate(f"requests.filter(({{ kind }}) => kind === 'effects').map({count_of})")
    assert pieces == [[first, min(8, len(maps) - first)] for first in range(0, len(maps), 8)]


def test_agreement_follows_the_threshold_and_effects_wait_until_wanted(page, segmenter, waves):
    probability = segmenter.probability(waves.grey)
    low, high = np.quantile(probability, [0.2, 0.9]).round(2).tolist()
    maps = maps_of(segmenter, waves, "encoder1")[0].ravel()
    open_viewer(page, "layer=encoder1&channel=0", threshold=low)
    for threshold in (low, high):
        page.get_by_test_id("salt-threshold").fill(f"{threshold:.2f}")
        wanted = np.corrcoef(maps, (probability > np.float32(threshold)).ravel())[0, 1]
        expect(numbers_of(page).nth(4)).to_have_text(re.compile(f"{wanted:.2f}".replace("-", "−")))
    expect(numbers_of(page).nth(5)).to_have_text("not measured")
    page.get_by_test_id("measure").click()
    expect(numbers_of(page).nth(5)).to_have_text(re.compile("of probability"))
    asked = page.evaluate("requests.filter(({ kind }) => kind === 'effects').map(({ first, count }) => [first, count])")
    assert asked == [[0, 1]]  # nobody waits for those of other maps


def test_a_short_question_comes_between_long_work_which_says_how_far_it_is_and_can_be_stopped(page, segmenter, waves):
    open_viewer(page, "layer=bottleneck")
    page.evaluate("hold(({ kind }) => kind === 'effects')")
    page.get_by_test_id("sort").select_option("effect")
    progress, status = page.get_by_test_id("effects-progress"), page.get_by_test_id("maps-status")
    page.wait_for_function("requests.at(-1).kind === 'effects'")
    expect(status).to_have_text("The effect of each map is measured: 0 of 32…")
    page.evaluate("release()")
    expect(status).to_have_text("The effect of each map is measured: 8 of 32…")
    expect(progress).to_have_js_property("value", 8)
    page.wait_for_function("requests.filter(({ kind }) => kind === 'effects').length === 2")
    before = page.evaluate("requests.length")
    canvas = page.get_by_test_id("salt-viewer")
    canvas.click(position={"x": 90, "y": 120})
    page.wait_for_timeout(50)
    page.evaluate("release()")
    expect(page.get_by_test_id("why-value")).to_contain_text("probability")  # although 16 maps are still to be measured
    assert page.evaluate("requests")[before]["kind"] == "pixel"
    page.get_by_test_id("tab-maps").click()
    page.get_by_test_id("effects-stop").click()
    expect(page.get_by_test_id("sort")).to_have_value("number")
    expect(progress).to_be_hidden()
    page.evaluate("hold(null)")
    expect(page.get_by_test_id("why-state")).to_contain_text("the mean of 16 noisy copies")
    kinds = [request["kind"] for request in page.evaluate("requests")]
    assert kinds.count("effects") <= 3
    assert channels(page) == list(range(32))
    page.get_by_test_id("sort").select_option("effect")  # it goes on where it was stopped
    expect(status).to_contain_text("32 maps, largest effect first")
    effect = explain.channel_effects(segmenter, waves.grey, "bottleneck")
    assert (np.diff(effect[channels(page)]) <= 1e-5).all()
    assert [request["kind"] for request in page.evaluate("requests")].count("effects") == 4


def test_wires_are_cut_and_weights_random_and_both_are_put_back(page):
    open_viewer(page)
    skip = site(page, "skip2")
    before = thumbnail(page, "decoder2")
    for pressed, off in (("true", 2), ("false", 0)):
        skip.click()
        expect(skip).to_have_attribute("aria-pressed", pressed)
        for name, count in (("wire", off), ("scissors", off // 2)):
            expect(page.locator(f".{name}.off")).to_have_count(count)
        page.wait_for_url(re.compile("cuts=skip2" if off else "^((?!cuts).)*$"))
        wait_until(page, lambda off=off: (thumbnail(page, "decoder2") != before).any() == bool(off))
        if off:
            expect(skip).to_contain_text("cut")
            assert (thumbnail(page, "skip2") == render.SEQUENTIAL[0]).all()
    knife = page.locator(".board").get_by_test_id("cut-bottleneck")
    knife.click()
    expect(page.get_by_test_id("tiles")).to_be_hidden()
    site(page, "bottleneck").click()
    expect_current(page, "site-bottleneck")
    expect(tiles(page)).to_have_count(32)
    for pressed in ("true", "false"):
        expect(knife).to_have_attribute("aria-pressed", pressed)
        knife.click()
    knife.click()
    for checked in (True, False):
        page.get_by_test_id("random-weights").set_checked(checked)
        wait_until(page, lambda checked=checked: (thumbnail(page, "decoder2") != before).any() == checked)
        expect(page.locator(".badge")).to_be_visible(visible=checked)


def test_the_blocks_of_a_level_open_each_other(page):
    open_viewer(page)
    expect(page.get_by_text("Click a block above")).to_be_visible()
    site(page, "decoder2").click()
    expect(page.get_by_test_id("open-decoder2")).to_be_visible()
    page.get_by_test_id("sources").click()
    for source in ("skip2", "up2"):
        expect(page.get_by_test_id(f"pair-{source}")).to_contain_text(source)
        assert np.ptp(drawn(page.get_by_test_id(f"pair-{source}").locator("canvas")), axis=(0, 1)).any()
    page.get_by_test_id("open-skip2").click()
    expect(page.get_by_role("heading", name="skip2")).to_contain_text("8 maps of 51 × 51")
    expect_current(page, "open-skip2", "site-skip2")
    expect(site(page, "skip2")).to_have_attribute("aria-pressed", "false")
    expect(site(page, "decoder2")).not_to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("Click a block above")).to_be_visible()


def test_the_logits_open_as_the_shown_probability(page, segmenter, waves):
    probability = segmenter.probability(waves.grey)
    open_viewer(page, "layer=logits")
    assert np.abs(thumbnail(page, "logits") - render.SEQUENTIAL[np.rint(probability * 255).astype(int)]).max() <= 5
    expect(page.get_by_test_id("chosen-map")).to_contain_text("Probability of salt")
    wanted = [probability.mean(), probability.min(), probability.max()]
    assert [number(text) for text in numbers_of(page).all_inner_texts()] == pytest.approx(wanted, rel=6e-3)


def test_a_map_lies_over_the_image_and_its_position_everywhere_until_another_block_opens(page):
    open_viewer(page, "layer=decoder2&channel=3")
    canvas, over = page.get_by_test_id("salt-viewer"), page.get_by_test_id("over-image")
    plain = drawn(canvas)
    over.check()
    expect(page.get_by_test_id("salt-overlay")).to_contain_text("decoder2, map 3")
    assert (drawn(canvas) != plain).any()
    site(page, "encoder1").click()
    expect(page.get_by_test_id("salt-overlay")).to_be_hidden()
    tiles(page).first.click()
    expect(over).not_to_be_checked()

    expect(page.get_by_test_id("chosen-map")).to_be_visible()
    box = page.get_by_test_id("chosen-map").locator("canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 20.5 / 101, box["y"] + box["height"] * 70.5 / 101)
    board = page.locator(".board.spotted")
    expect(board).to_have_count(1)
    assert board.evaluate("({ style }) => [style.getPropertyValue('--row'), style.getPropertyValue('--column')]") == [
        "70", "20",
    ]  # fmt: skip
    page.mouse.move(0, 0)
    expect(board).to_have_count(0)


@pytest.mark.parametrize(("shape", "places"), [((101, 101), [(40, 30), (100, 0)]), ((150, 90), [(37, 71)])])
def test_the_core_sample_says_what_the_network_computed(page, segmenter, shape, places):
    image = noise_of(shape)
    top, left = (max(0, (length - 128) // 2) for length in shape)
    trace = segmenter.trace(explorer.window(image.grey, top, left))
    for place in places:
        open_viewer(page, f"pixel={place[0]},{place[1]}&tab=values", image=image)
        words = f"row {place[0]}, column {place[1]}: the chosen pixel"
        expect(page.get_by_test_id("core-where")).to_contain_text(words)
        row, column = place[0] - top + trace.padding.top, place[1] - left + trace.padding.left
        for known in segmenter.model.sites():
            said = page.get_by_test_id(f"core-{known.name}").inner_text()
            if known.name == "logits":
                assert said == f"probability {trace.probability[place[0] - top, place[1] - left]:.2f}"
                continue
            values = trace.sites[known.name][:, row // known.stride, column // known.stride]
            spread = np.ptp(trace.crop(known.name), axis=(1, 2)) / 255
            channel, value = re.fullmatch(r"map (\d+): (\S+)", said).groups()
            off = abs(number(value) - values[int(channel)])
            assert off <= spread[int(channel)] + 0.006 * abs(number(value))
            assert abs(values[int(channel)]) >= np.abs(values).max() - 2 * spread.max()
    strongest = page.get_by_test_id("core-up2").inner_text().split(":")[0]
    page.get_by_test_id("core-up2").click()
    expect_current(page, "site-up2")
    expect(page.get_by_test_id("chosen-map")).to_contain_text(f"up2, {strongest}")  # in the panel that opened


def test_the_position_of_the_core_sample_is_the_mouse_s(page):
    open_viewer(page, "tab=values")
    where = page.get_by_test_id("core-where")
    expect(where).to_have_text("row 50, column 50: the middle")
    box = page.get_by_test_id("salt-viewer").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 20.5 / 101, box["y"] + box["height"] * 70.5 / 101)
    expect(where).to_have_text("row 70, column 20: under the mouse")
    page.mouse.move(0, 0)
    expect(where).to_have_text("row 50, column 50: the middle")


def test_a_panel_that_was_hidden_is_up_to_date_when_it_opens(page, segmenter, waves):
    open_viewer(page, "layer=decoder2&tab=values")
    site(page, "skip2").click()
    wait_for_network(page)
    maps = segmenter.trace(waves.grey, {"skip2": 0.0}).crop("decoder2")
    page.get_by_test_id("tab-maps").click()
    tiles(page).nth(1).click()
    settle(page)
    assert number(numbers_of(page).first.inner_text()) == pytest.approx(maps[1].mean(), rel=0.02)
    expect(page.get_by_role("heading", name="decoder2").first).to_contain_text("8 maps of 51 × 51")


def test_who_opens_a_block_or_a_map_is_answered(page, segmenter, waves):
    answer = "document.querySelector('[data-testid=salt-answer]').textContent"

    def expect_answer(text):
        page.wait_for_function(f"text => {answer} === text", arg=text)

    open_viewer(page, "layer=encoder1")
    assert page.evaluate(answer) == ""  # nobody asked
    site(page, "decoder2").click()
    expect_answer("decoder2 is open: 8 maps of 51 × 51.")
    maps = maps_of(segmenter, waves, "decoder2")[3]
    tiles(page).nth(3).click()
    page.wait_for_function(f"{answer}.startsWith('decoder2, map 3 of 8: mean ')")
    said = page.evaluate(answer)
    assert number(said.split("mean ")[1].split(",")[0]) == pytest.approx(maps.mean(), rel=6e-3)
    assert number(said.split(", ")[-1]) == pytest.approx(100 * (maps <= 0).mean(), abs=0.6)
    page.get_by_test_id("random-weights").check()
    page.wait_for_function(f"text => {answer} !== text", arg=said)  # of another network it says nothing
    page.get_by_test_id("random-weights").uncheck()
    expect_answer(said)
    page.get_by_role("button", name="Close").click()
    expect_answer("")


def test_tiles_out_of_sight_are_painted_too(page, waves):
    segmenter = segmenter_of(width=16)
    maps = maps_of(segmenter, waves, "bottleneck")
    limit = np.abs(maps).max(axis=(1, 2), keepdims=True)
    wanted = colored(maps, np.where(limit > 0, limit, 1))
    open_viewer(page, "layer=bottleneck&channel=200", segmenter=segmenter)
    for _ in range(6):
        settle(page)
    for channel in (0, 100, 199, len(maps) - 1):
        assert np.abs(drawn(tiles(page).nth(channel).locator("canvas")) - wanted[channel]).max() <= 5


@pytest.mark.parametrize("chosen", [250, 3])
def test_a_chosen_map_and_its_numbers_are_in_sight_beside_its_tile(page, waves, chosen):
    open_viewer(page, f"layer=bottleneck&channel={chosen}", segmenter=segmenter_of(width=16))
    page.set_viewport_size({"width": 1400, "height": 1000})
    settle(page)
    parts = [page.get_by_test_id("chosen-map").locator("canvas"), numbers_of(page).last, page.get_by_test_id("measure")]
    tile = page.locator(f".tiles [data-channel='{chosen}']")
    panel, grid = page.locator(".panels").bounding_box(), page.get_by_test_id("tiles").bounding_box()
    for inner, outer in [(part.bounding_box(), panel) for part in parts] + [(tile.bounding_box(), grid)]:
        for start, length in (("x", "width"), ("y", "height")):
            assert outer[start] <= inner[start]
            assert inner[start] + inner[length] <= outer[start] + outer[length] + 1
    assert page.locator(".panels").evaluate("({ scrollHeight, clientHeight }) => scrollHeight <= clientHeight")


def test_cuts_and_pixels_are_what_the_network_says(page, segmenter):
    stock, box = images.open_sample("Salt stock"), (50, 40, 1, 1)
    tables = {fill: explain.cut_table(segmenter, stock.grey, fill) for fill in ("mean", "zero")}
    threshold = round(float(np.median(tables["mean"])), 2)
    open_viewer(page, "fill=mean&cuts=bottleneck&pixel=50,40&tab=cut", image=stock, threshold=threshold)
    for fill, table in tables.items():
        page.get_by_test_id("cut-fill").select_option(fill)
        for index in range(16):
            if index % 8 == 0:
                page.get_by_test_id("toggle-bottleneck").click()
            mask = metrics.mask(table[index], threshold)
            cell = expect(page.get_by_test_id(f"cut-cell-{index % 8}"))
            cell.to_contain_text(f"salt {100 * mask.mean():.1f} %")
            cell.to_have_attribute("title", f"IoU {metrics.iou(metrics.confusion(mask, stock.truth)):.2f}")
    found = explain.explain_pixel(segmenter, stock.grey, box)
    (*_, rows, columns), (*_, height, width) = (
        explain.influence_box(found.influence, box, share) for share in (0.9, 0.5)
    )
    for text in (
        f"Row 50, column 40: probability {found.probability:.2f}",
        f"90 % of the influence comes from {rows} x {columns} pixels (rows x columns), 50 % from {height} x {width}.",
    ):
        expect(page.get_by_test_id("pixel-why")).to_contain_text(text)


def test_the_keyboard_alone_opens_a_block_and_a_map(page):
    open_viewer(page)
    site(page, "encoder1").press("Tab")
    expect(site(page, "encoder2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(8)
    # One tile is reached with Tab, the others with arrows.
    assert tiles(page).evaluate_all("all => all.filter((tile) => tile.tabIndex === 0).length") == 1
    page.get_by_test_id("open-decoder2").press("Tab")
    expect(tiles(page).nth(0)).to_be_focused()
    grid = page.get_by_test_id("tiles")
    columns = grid.evaluate("grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length")
    keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowDown", "Home", "ArrowRight"]
    for key, index in zip(keys, [1, 2, 1, 7, 7, 0, columns if columns < 8 else 0, 0, 1], strict=True):
        page.keyboard.press(key)
        expect(tiles(page).nth(index)).to_be_focused()
    page.keyboard.press("Enter")
    expect(tiles(page).nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("chosen-map")).to_contain_text("encoder2, map 1")
    site(page, "skip1").press("Space")
    expect(site(page, "skip1")).to_have_attribute("aria-pressed", "true")


NETWORKS = {
    (101, 101): ({"width": 2, "depth": 1}, {"width": 16, "depth": 4}),
    (64, 128): ({"width": 3, "depth": 3}, {"width": 2, "depth": 6, "upsample": "transposed"}),
}


@pytest.mark.parametrize(("size", "shape"), [(size, shape) for size, shapes in NETWORKS.items() for shape in shapes])
def test_every_network_fits_every_column(page, shape, size):
    segmenter = segmenter_of(**shape)
    open_viewer(page, "cuts=skip1&pixel=9,8", image=noise_of(size), segmenter=segmenter)
    for width in (390, 500, 1180):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        locators = {known.name: site(page, known.name) for known in segmenter.model.sites()}
        locators |= {"board": page.locator(".board"), "knife": page.locator(".board .knife")}
        boxes = {name: one.bounding_box() for name, one in locators.items()}
        edges = {name: (b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]) for name, b in boxes.items()}
        board = edges.pop("board")
        for name, (left, top, right, bottom) in edges.items():
            assert min(left - board[0], board[2] - right, board[3] - bottom) >= -0.5, name
            assert bottom - top >= 24
        for (one, a), (other, b) in itertools.combinations(edges.items(), 2):
            apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
            assert apart, f"{one} and {other} overlap at {width} pixels"
        # No word is cut off.
        words = page.locator(".board .node .words")
        assert not words.evaluate_all("all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length")


def test_fingers_get_targets_of_their_size(browser, segmenter, waves):
    with viewer_page(browser, waves, segmenter, viewport=(390, 844), has_touch=True, is_mobile=True) as page:
        open_viewer(page, "cuts=skip1&pixel=40,52")
        expect(page.get_by_test_id("why-sentence")).to_contain_text("90 %")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        groups = [f":is(.board, .image, .cuts, .why) {kind}" for kind in ("button", "label", "select")]
        groups.append(".image input[type=number]")
        for which in groups:
            heights = page.locator(which).evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
            assert all(height >= 43.9 for height in heights if height), which


def test_an_encoder_with_other_channels(page, waves):
    pytest.importorskip("efficientnet_lite_pytorch")
    segmenter = segmenter_of(encoder="efficientnet-lite0")
    maps = maps_of(segmenter, waves, "encoder3")
    assert maps.min() < 0
    open_viewer(page, "layer=encoder3", segmenter=segmenter)
    for name, count in (("encoder3", 40), ("bottleneck", 320)):
        expect(site(page, name)).to_contain_text(f"{count} maps")
    wanted = colored(maps, np.abs(maps).max(axis=(1, 2), keepdims=True))[0]
    assert np.abs(drawn(tiles(page).locator("canvas").first) - wanted).max() <= 5
    # More maps than fit at once come in pages.
    site(page, "bottleneck").click()
    expect(tiles(page)).to_have_count(256)
    page.get_by_role("button", name="Next").click()
    assert channels(page) == list(range(256, 320))

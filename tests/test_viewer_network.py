"""The U and the maps of its blocks in the viewer: what is drawn, sorted, cut and named, against the network itself."""

import base64
import io
import itertools
import re

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from demo import explorer
from demo.images import SeismicImage
from tests.explorer_page import explorer_page
from unet import Segmenter, explain, render
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

pytestmark = pytest.mark.browser


SORTED = {
    "mean": "highest mean first",
    "sparsity": "the largest share of values at zero or below first",
    "agreement": "from +1 to −1",
    "effect": "largest effect first",
}


def segmenter_of(**shape) -> Segmenter:
    torch.manual_seed(1)
    model = UNet(UNetConfig(**shape)).eval()
    return Segmenter(model, Card(threshold=0.5, input=RULE))


@pytest.fixture
def segmenter(small_model) -> Segmenter:
    return Segmenter(small_model, Card(threshold=0.5, input=RULE))


@pytest.fixture
def opened(image) -> SeismicImage:
    return SeismicImage("waves", "waves", image.astype(np.float32) / 255)


def maps_of(segmenter, opened, site, top=0, left=0):
    """(C, h, w) as the browser gets them: 256 levels between a map's lowest and highest value."""
    maps = segmenter.trace(explorer.window(opened.grey, top, left)).crop(site)
    sent = explorer.quantise(maps)
    low, high = sent.low[:, None, None].astype(np.float64), sent.high[:, None, None]
    return (low + (high - low) * sent.values / 255).astype(np.float32)


def arrived(page):
    expect(page.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")


def knife_of(page):
    return page.locator(".board").get_by_test_id("cut-bottleneck")


def tiles(page):
    return page.get_by_test_id("tiles").get_by_role("button")


def channels(page):
    """The numbers of the maps in the order they are shown."""
    return [int(number) for number in tiles(page).evaluate_all("all => all.map((tile) => tile.dataset.channel)")]


def pixels(canvas):
    """What is drawn on a canvas, (h, w, 3)."""
    data = canvas.evaluate("canvas => canvas.toDataURL().split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def mask_share(mask, stride, shape, before):
    """The share of salt in every cell of a map, by hand."""
    share = np.zeros(shape)
    for row, column in np.ndindex(*shape):
        rows = slice(max(0, row * stride - before), max(0, (row + 1) * stride - before))
        columns = slice(max(0, column * stride - before), max(0, (column + 1) * stride - before))
        share[row, column] = mask[rows, columns].mean()
    return share


@pytest.mark.parametrize("site", ["encoder1", "up2", "bottleneck", "decoder3"])
@pytest.mark.parametrize("shared", [False, True])
def test_maps_are_coloured_as_everywhere_else(browser, segmenter, opened, site, shared):
    maps = maps_of(segmenter, opened, site)
    with explorer_page(browser, opened, segmenter, query=f"layer={site}") as page:
        expect(tiles(page)).to_have_count(len(maps))
        if shared:
            page.get_by_test_id("shared").check()
            page.wait_for_timeout(100)
        painted = [pixels(tile) for tile in page.get_by_test_id("tiles").locator("canvas").all()]
    height, width = maps.shape[1:]
    sheet = render.feature_tiles(maps, shared=shared, columns=len(maps)).astype(int)
    for index, tile in enumerate(painted):
        left = index * (width + 2)
        # A colour of the palette up or down is five levels of a primary at most: ties are rounded differently.
        assert np.abs(sheet[:, left : left + width] - tile).max() <= 5
        assert tile.shape == (height, width, 3)
    zero = render.DIVERGING[127] if maps.min() < 0 else render.SEQUENTIAL[0]
    for tile, values in zip(painted, maps, strict=True):
        assert (tile[values == 0] == zero).all()


@pytest.mark.parametrize("site", ["encoder2", "up1", "bottleneck"])
def test_maps_are_sorted_by_what_numpy_says(browser, segmenter, opened, site):
    maps = maps_of(segmenter, opened, site).astype(np.float64)
    probability = segmenter.probability(opened.grey)
    threshold = float(np.median(probability))
    stride = next(s.stride for s in segmenter.model.sites() if s.name == site)
    padding = segmenter.trace(opened.grey).padding
    share = mask_share(probability > np.float32(threshold), stride, maps.shape[1:], padding.top % stride)
    agreement = [np.corrcoef(m.ravel(), share.ravel())[0, 1] if m.std() else np.nan for m in maps]
    effect = explain.channel_effects(segmenter, opened.grey, site)
    values = {
        "mean": maps.mean(axis=(1, 2)),
        "sparsity": (maps <= 0).mean(axis=(1, 2)),
        "agreement": np.array(agreement),
        "effect": effect,
    }
    with explorer_page(browser, opened, segmenter, query=f"layer={site}", threshold=threshold) as page:
        expect(tiles(page)).to_have_count(len(maps))
        assert channels(page) == list(range(len(maps)))
        for name, wanted in values.items():
            page.get_by_test_id("sort").select_option(name)
            status = page.get_by_test_id("maps-status")
            expect(status).to_contain_text(f"{len(maps)} maps, {SORTED[name]}")
            shown = wanted[channels(page)]
            assert sorted(channels(page)) == list(range(len(maps)))
            known = shown[~np.isnan(shown)]
            assert (np.diff(known) <= 1e-5).all(), name
            assert np.isnan(shown[len(known) :]).all()
            tiles(page).first.hover()
            if name == "effect":
                expect(status).to_contain_text("effect")
            elif name == "mean":
                number = re.search(r"mean (\S+)", status.inner_text().replace("−", "-")).group(1)
                assert float(number) == pytest.approx(shown[0], rel=6e-3)
            page.mouse.move(0, 0)


def test_agreement_follows_the_threshold_when_it_settles(browser, segmenter, opened):
    probability = segmenter.probability(opened.grey)
    low, high = np.quantile(probability, [0.2, 0.9])
    with explorer_page(browser, opened, segmenter, query="layer=encoder1&channel=0", threshold=float(low)) as page:
        value = page.get_by_test_id("chosen-map").locator("dd").nth(4)
        maps = maps_of(segmenter, opened, "encoder1")[0].ravel()
        for threshold in (float(low), float(round(high, 2))):
            if threshold != float(low):
                slider = page.get_by_test_id("salt-threshold")
                slider.fill(f"{threshold:.2f}")
            page.wait_for_timeout(500)
            wanted = np.corrcoef(maps, (probability > np.float32(threshold)).ravel())[0, 1]
            assert float(value.inner_text().replace("−", "-")) == pytest.approx(wanted, abs=6e-3)


def test_a_skip_is_cut_and_put_back(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        skip = page.get_by_test_id("site-skip2")
        before = pixels(page.get_by_test_id("site-decoder2").locator("canvas"))
        expect(skip).to_have_attribute("aria-pressed", "false")
        skip.click()
        expect(skip).to_have_attribute("aria-pressed", "true")
        expect(skip).to_contain_text("cut")
        expect(page.locator(".scissors.off")).to_have_count(1)
        expect(page.locator(".wire.off")).to_have_count(2)
        page.wait_for_url(re.compile("cuts=skip2"))
        page.wait_for_function("document.querySelector('[data-testid=site-skip2] canvas').width > 1")
        page.wait_for_timeout(300)
        assert (pixels(skip.locator("canvas")) == render.SEQUENTIAL[0]).all()
        assert (pixels(page.get_by_test_id("site-decoder2").locator("canvas")) != before).any()
        skip.click()
        expect(skip).to_have_attribute("aria-pressed", "false")
        expect(page.locator(".scissors.off")).to_have_count(0)
        page.wait_for_timeout(300)
        assert (pixels(page.get_by_test_id("site-decoder2").locator("canvas")) == before).all()


def test_the_bottleneck_opens_and_is_cut_beside_it(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        block, knife = page.get_by_test_id("site-bottleneck"), knife_of(page)
        knife.click()
        expect(knife).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_test_id("tiles")).to_be_hidden()
        block.click()
        expect(block).to_have_attribute("aria-current", "true")
        expect(tiles(page)).to_have_count(32)
        expect(knife).to_have_attribute("aria-pressed", "true")
        knife.click()
        expect(knife).to_have_attribute("aria-pressed", "false")


def test_the_blocks_of_a_level_open_each_other(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        expect(page.get_by_text("Click a block of the network")).to_be_visible()
        page.get_by_test_id("site-decoder2").click()
        expect(page.get_by_test_id("open-decoder2")).to_have_attribute("aria-current", "true")
        for site in ("skip2", "up2"):
            expect(page.get_by_test_id(f"pair-{site}")).to_be_visible()
        page.get_by_test_id("open-skip2").click()
        expect(page.get_by_role("heading", name="skip2")).to_contain_text("8 maps of 51 × 51")
        expect(page.get_by_test_id("open-skip2")).to_have_attribute("aria-current", "true")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-current", "true")
        expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_test_id("site-decoder2")).not_to_have_attribute("aria-current", "true")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_text("Click a block of the network")).to_be_visible()


def test_the_logits_open_as_the_shown_probability(browser, segmenter, opened):
    probability = segmenter.probability(opened.grey)
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        thumbnail = pixels(page.get_by_test_id("site-logits").locator("canvas"))
        assert np.abs(thumbnail.astype(int) - render.SEQUENTIAL[np.rint(probability * 255).astype(int)]).max() <= 5
        page.get_by_test_id("site-logits").click()
        expect(page.get_by_test_id("chosen-map")).to_contain_text("Probability of salt")
        text = page.get_by_test_id("chosen-map").locator("dd").nth(0).inner_text()
        assert float(text) == pytest.approx(probability.mean(), rel=6e-3)


def test_a_map_lies_over_the_image_until_another_block_opens(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter, query="layer=decoder2") as page:
        expect(tiles(page)).to_have_count(8)
        plain = page.get_by_test_id("salt-viewer").screenshot()
        tiles(page).nth(3).click()
        expect(tiles(page).nth(3)).to_have_attribute("aria-pressed", "true")
        page.get_by_test_id("over-image").check()
        page.wait_for_timeout(200)
        assert page.get_by_test_id("salt-viewer").screenshot() != plain
        expect(page.get_by_text("decoder2, map 3", exact=False).first).to_be_visible()
        page.get_by_test_id("site-encoder1").click()
        tiles(page).first.click()
        expect(page.get_by_test_id("over-image")).not_to_be_checked()


def test_the_effect_of_a_map_is_measured_when_asked_for(browser, segmenter, opened):
    effect = explain.channel_effects(segmenter, opened.grey, "decoder1")
    with explorer_page(browser, opened, segmenter, query="layer=decoder1&channel=2") as page:
        numbers = page.get_by_test_id("chosen-map").locator("dd")
        expect(numbers.nth(5)).to_have_text("not measured")
        page.get_by_test_id("measure").click()
        expect(numbers.nth(5)).to_have_text(re.compile("of probability"))
        assert float(numbers.nth(5).inner_text().split()[0]) == pytest.approx(effect[2], rel=6e-3)
        expect(page.get_by_test_id("measure")).to_be_hidden()
        page.get_by_test_id("sort").select_option("effect")
        page.wait_for_timeout(200)
        assert page.evaluate("requests.filter((question) => question?.kind === 'effects').length") == 1


@pytest.mark.parametrize(("shape", "pixel"), [((101, 101), (40, 30)), ((101, 101), (100, 0)), ((150, 90), (37, 71))])
def test_the_core_sample_says_what_the_network_computed(browser, segmenter, shape, pixel):
    grey = np.random.default_rng(3).random(shape, np.float32)
    opened = SeismicImage("noise", "noise", grey)
    top, left = (max(0, (length - 128) // 2) for length in shape)
    trace = segmenter.trace(explorer.window(grey, top, left))
    with explorer_page(browser, opened, segmenter, query=f"pixel={pixel[0]},{pixel[1]}") as page:
        arrived(page)
        expect(page.get_by_test_id("core-where")).to_contain_text(f"row {pixel[0]}, column {pixel[1]}: the chosen")
        row, column = pixel[0] - top + trace.padding.top, pixel[1] - left + trace.padding.left
        for site in segmenter.model.sites():
            said = page.get_by_test_id(f"core-{site.name}").inner_text().replace("−", "-")
            if site.name == "logits":
                assert said == f"probability {trace.probability[pixel[0] - top, pixel[1] - left]:.2f}"
                continue
            values = trace.sites[site.name][:, row // site.stride, column // site.stride]
            spread = np.ptp(trace.crop(site.name), axis=(1, 2)) / 255
            channel, value = re.fullmatch(r"map (\d+): (\S+)", said).groups()
            off = abs(float(value) - values[int(channel)])
            assert off <= spread[int(channel)] + 0.006 * abs(float(value))
            assert abs(values[int(channel)]) >= np.abs(values).max() - 2 * spread.max()
        page.get_by_test_id("core-up2").click()
        expect(page.get_by_test_id("site-up2")).to_have_attribute("aria-current", "true")


def test_the_mouse_over_an_enlarged_map_moves_the_core_sample(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter, query="layer=encoder1&channel=0") as page:
        arrived(page)
        large = page.get_by_test_id("chosen-map").locator("canvas")
        large.scroll_into_view_if_needed()
        box = large.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 20.5 / 101, box["y"] + box["height"] * 70.5 / 101)
        expect(page.get_by_test_id("core-where")).to_have_text("row 70, column 20: under the mouse")
        expect(page.locator(".board.spotted")).to_have_count(1)
        page.mouse.move(0, 0)
        expect(page.get_by_test_id("core-where")).to_have_text("row 50, column 50: the middle")


def test_the_keyboard_alone_opens_a_block_and_a_map(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        page.get_by_test_id("site-encoder1").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_test_id("site-encoder2")).to_be_focused()
        page.keyboard.press("Enter")
        expect(tiles(page)).to_have_count(8)
        # One tile is reached with Tab, the others with arrows.
        assert tiles(page).evaluate_all("all => all.filter((tile) => tile.tabIndex === 0).length") == 1
        page.get_by_test_id("shared").focus()
        page.keyboard.press("Tab")
        expect(tiles(page).nth(0)).to_be_focused()
        for key, index in (
            ("ArrowRight", 1),
            ("ArrowRight", 2),
            ("ArrowLeft", 1),
            ("End", 7),
            ("ArrowRight", 7),
            ("Home", 0),
        ):
            page.keyboard.press(key)
            expect(tiles(page).nth(index)).to_be_focused()
        columns = page.get_by_test_id("tiles").evaluate(
            "g => getComputedStyle(g).gridTemplateColumns.split(' ').length"
        )
        page.keyboard.press("ArrowDown")
        expect(tiles(page).nth(columns if columns < 8 else 0)).to_be_focused()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(tiles(page).nth(1)).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_test_id("chosen-map")).to_contain_text("encoder2, map 1")
        page.get_by_test_id("site-skip1").focus()
        page.keyboard.press("Space")
        expect(page.get_by_test_id("site-skip1")).to_have_attribute("aria-pressed", "true")


def test_random_weights_answer_and_go_again(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter) as page:
        arrived(page)
        canvas = page.get_by_test_id("site-encoder2").locator("canvas")
        before = pixels(canvas)
        page.get_by_test_id("random-weights").check()
        expect(page.locator(".badge")).to_be_visible()
        page.wait_for_timeout(500)
        arrived(page)
        assert (pixels(canvas) != before).any()
        page.get_by_test_id("random-weights").uncheck()
        page.wait_for_timeout(500)
        arrived(page)
        assert (pixels(canvas) == before).all()


SHAPES = [
    {"width": 2, "depth": 1},
    {"width": 3, "depth": 3},
    {"width": 16, "depth": 4},
    {"width": 2, "depth": 6, "upsample": "transposed"},
]


@pytest.mark.parametrize(
    ("shape", "size"),
    [*((shape, (101, 101)) for shape in SHAPES[::2]), *((shape, (64, 128)) for shape in SHAPES[1::2])],
    ids=lambda value: f"depth {value['depth']}" if isinstance(value, dict) else str(value),
)
def test_every_network_fits_every_column(browser, shape, size):
    segmenter = segmenter_of(**shape)
    opened = SeismicImage("noise", "noise", np.random.default_rng(0).random(size, np.float32))
    names = [site.name for site in segmenter.model.sites()]
    for width in (390, 500, 1180):
        with explorer_page(browser, opened, segmenter, viewport=(width, 900)) as page:
            arrived(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            board = page.locator(".board").bounding_box()
            boxes = {name: page.get_by_test_id(f"site-{name}").bounding_box() for name in names}
            boxes["knife"] = knife_of(page).bounding_box()
            for name, box in boxes.items():
                assert box["x"] >= board["x"] - 0.5, name
                assert box["x"] + box["width"] <= board["x"] + board["width"] + 0.5, name
                assert box["y"] + box["height"] <= board["y"] + board["height"] + 0.5, name
                assert box["height"] >= 24
            for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
                apart = (
                    a["x"] + a["width"] <= b["x"] + 0.5
                    or b["x"] + b["width"] <= a["x"] + 0.5
                    or a["y"] + a["height"] <= b["y"] + 0.5
                    or b["y"] + b["height"] <= a["y"] + 0.5
                )
                assert apart, f"{one} and {other} overlap at {width} pixels"
            # No word is cut off.
            clipped = page.locator(".board .node .words").evaluate_all(
                "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
            )
            assert not clipped


def test_fingers_get_targets_of_their_size(browser, segmenter, opened):
    with explorer_page(browser, opened, segmenter, viewport=(390, 844), has_touch=True, is_mobile=True) as page:
        arrived(page)
        for button in page.locator(".board button").all():
            assert button.bounding_box()["height"] >= 44


def test_an_encoder_with_other_channels(browser, opened):
    pytest.importorskip("efficientnet_lite_pytorch")
    segmenter = segmenter_of(encoder="efficientnet-lite0")
    maps = maps_of(segmenter, opened, "encoder3")
    assert maps.min() < 0
    with explorer_page(browser, opened, segmenter, query="layer=encoder3") as page:
        arrived(page)
        expect(page.get_by_test_id("site-encoder3")).to_contain_text("40 maps")
        expect(page.get_by_test_id("site-bottleneck")).to_contain_text("320 maps")
        first = pixels(page.get_by_test_id("tiles").locator("canvas").first).astype(int)
        wanted = render.feature_tiles(maps, columns=1)[: maps.shape[1]]
        assert np.abs(first - wanted).max() <= 5
        # More maps than fit at once come in pages.
        page.get_by_test_id("site-bottleneck").click()
        expect(tiles(page)).to_have_count(256)
        page.get_by_role("button", name="Next").click()
        assert channels(page) == list(range(256, 320))
